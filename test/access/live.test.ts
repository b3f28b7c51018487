import { exportSPKI } from 'jose'
import { afterEach, describe, expect, test } from 'vitest'
import { ErrorCode, Live, Path, Sentinel } from '../../protocol/index.ts'
import { jwtAuthorize } from '../../server/access/jwt.ts'
import type { Authorize, Decision } from '../../server/access/question.ts'
import { type Server, startServer } from '../../server/index.ts'
import { Events } from '../http/events.ts'
import { type App, codeOf, from, openApp, stream } from '../http/fixture.ts'
import { FakeWorld, settled } from '../streams/world.ts'
import { audience, bearer, Issuer, issuer } from './tokens.ts'

const s = stream('acme/s')
const name = 'stream/acme/s'
const recheckMs = 10_000
const longEnough = { sseMs: 86_400_000, longPollMs: 86_400_000, recheckMs }

let app: App
const world = () => app.world

/** A stream, and who may read it as it is told at the time. */
const opened = async (decide: () => Decision | Promise<Decision>, chance = 0.5) => {
  let guarded = false
  let asked = 0
  const authorize: Authorize = ({ action }) => {
    if (!guarded || action !== 'read') return 'allow'
    asked++
    return decide()
  }
  app = openApp({ authorize, limits: longEnough, world: new FakeWorld({ chance }) })
  await app.send('PUT', s, { type: 'text/plain', body: 'a' })
  guarded = true
  return {
    asked: () => asked,
    post: async (body: string) => {
      await app.send('POST', s, { type: 'text/plain', body })
      await settled()
    },
  }
}
const open = async () => {
  const events = new Events(await app.send('GET', from(s, Sentinel.start, Live.sse)))
  await settled()
  return events
}

afterEach(() => {
  if (!app) return
  expect([app.streams.readers(name), app.world.timers]).toEqual([0, 0])
})

describe('An event stream', () => {
  test('ends at most recheckMs after its reader lost access, and brings nothing after', async () => {
    let decision: Decision = { verdict: 'allow', caller: 'ada' }
    const { post } = await opened(() => decision, 0.999_999)
    const events = await open()
    await post('b')
    decision = { verdict: 'deny', caller: 'ada' }
    await world().turn(recheckMs)
    expect([events.data, events.over]).toEqual([['a', 'b'], 'ended'])
    await post('c')
    expect(events.data).toEqual(['a', 'b'])
    const again = await app.send('GET', from(s, Sentinel.start, Live.sse))
    expect([again.status, await codeOf(again)]).toEqual([403, ErrorCode.forbidden])
  })

  test('goes on while its reader has access, asked about every so often', async () => {
    const { asked, post } = await opened(() => ({ verdict: 'read-only', caller: 'ada' }))
    const events = await open()
    await world().turn(10 * recheckMs)
    expect(asked()).toBeGreaterThanOrEqual(10)
    expect(asked()).toBeLessThanOrEqual(22)
    await post('b')
    expect([events.data, events.over]).toEqual([['a', 'b'], undefined])
    await events.leave()
    await settled()
    const before = asked()
    await world().turn(10 * recheckMs)
    expect(asked()).toBe(before)
  })

  test('ends to the millisecond when its permission does', async () => {
    const now = new FakeWorld().now()
    await opened(() => ({ verdict: 'allow', caller: 'ada', expiresAt: now + 1_234 }))
    const events = await open()
    await world().turn(1_233)
    expect(events.over).toBeUndefined()
    await world().turn(1)
    expect(events.over).toBe('ended')
    expect((await app.send('GET', s)).status).toBe(401)
  })

  test('goes on with a permission that was extended in time', async () => {
    const { asked } = await opened(() => ({ verdict: 'allow', expiresAt: world().now() + 1_000 }))
    const events = await open()
    await world().turn(10_000)
    expect([events.over, asked()]).toEqual([undefined, 11])
    await events.leave()
    await settled()
  })

  test.each<[string, () => Decision | Promise<Decision>]>([
    ['throws', () => Promise.reject(new Error('no database'))],
    ['says nothing in time', () => new Promise(() => undefined)],
  ])('ends when the hook %s: what is not known is not allowed', async (_, broken) => {
    let decide: () => Decision | Promise<Decision> = () => ({ verdict: 'allow' })
    await opened(() => decide())
    const events = await open()
    decide = broken
    await world().turn(recheckMs + 5_000)
    expect(events.over).toBe('ended')
  })

  test('that is over waits for no answer', async () => {
    let answer: (decision: Decision) => void = () => undefined
    let waits = false
    await opened(() =>
      waits
        ? new Promise(resolve => {
            answer = resolve
          })
        : { verdict: 'allow' },
    )
    const events = await open()
    waits = true
    await world().turn(recheckMs)
    await events.leave()
    answer({ verdict: 'allow' })
    await settled()
  })
})

describe('A long-poll', () => {
  test('ends with a refusal at most recheckMs after its reader lost access, and without what came since', async () => {
    let decision: Decision = { verdict: 'allow', caller: 'ada' }
    await opened(() => decision)
    const waiting = app.send('GET', from(s, Sentinel.tail, Live.longPoll))
    await world().turn(1)
    decision = { verdict: 'deny' }
    await world().turn(recheckMs)
    const answer = await waiting
    expect([answer.status, await codeOf(answer)]).toEqual([401, ErrorCode.unauthorized])
  })

  test('is asked about at every turn', async () => {
    const { asked, post } = await opened(() => ({ verdict: 'allow' }))
    for (let turn = 1; turn <= 3; turn++) {
      const waiting = app.send('GET', from(s, Sentinel.tail, Live.longPoll))
      await settled()
      await post('x')
      expect(await (await waiting).text()).toBe('x')
      expect(asked()).toBe(turn)
    }
  })
})

describe('Over a real connection', () => {
  let server: Server | undefined
  afterEach(async () => {
    await server?.close()
    server = undefined
  })

  test('an answer whose token was revoked ends, and its reader is asked for another', async () => {
    const revoked = new Set<string>()
    const authorize: Authorize = ({ request }) => {
      const token = request.headers.get('Authorization') ?? ''
      return revoked.has(token) ? 'deny' : { verdict: 'allow', caller: token }
    }
    server = await startServer({ port: 0, store: 'memory', authorize, limits: { recheckMs: 20 } })
    const url = `${server.url}${Path.streams}acme/s`
    const [ada, bob] = [{ Authorization: 'ada' }, { Authorization: 'bob' }]
    await fetch(url, { method: 'PUT', headers: ada, body: 'abc' })
    const live = `${url}?offset=-1&live=sse`
    const [hers, his] = await Promise.all([fetch(live, { headers: ada }), fetch(live, { headers: bob })])
    const reader = his.body?.getReader()
    revoked.add('ada')
    expect(await hers.text()).toContain('abc')
    expect((await fetch(live, { headers: ada })).status).toBe(401)
    await fetch(url, { method: 'POST', headers: { ...bob, 'Content-Type': 'text/plain' }, body: 'def' })
    let seen = ''
    while (!seen.includes('def')) seen += new TextDecoder().decode((await reader?.read())?.value)
    await reader?.cancel()
  })

  test('an answer ends with its token', async () => {
    const maker = await Issuer.open()
    const key = await exportSPKI(maker.publicKey)
    const options = { algorithms: ['ES256'], key, issuer, audience, clockToleranceS: 0 }
    server = await startServer({ port: 0, store: 'memory', authorize: jwtAuthorize(options) })
    const ds = [{ streams: 'acme/*', rights: ['read', 'create'] }]
    const exp = Math.ceil(Date.now() / 1_000) + 2
    const headers = bearer(await maker.token({ ds, exp }))
    const url = `${server.url}${Path.streams}acme/s`
    await fetch(url, { method: 'PUT', headers, body: 'abc' })
    const live = await fetch(`${url}?offset=-1&live=sse`, { headers })
    expect(await live.text()).toContain('abc')
    expect(Date.now()).toBeGreaterThanOrEqual(exp * 1_000)
    const after = await fetch(url, { headers })
    expect([after.status, after.headers.get('WWW-Authenticate')]).toEqual([
      401,
      'Bearer error="invalid_token", error_description="the token has expired"',
    ])
  })
})
