import { describe, expect, test } from 'vitest'
import { ErrorCode, Header, Path, Query, Sentinel } from '../../protocol/index.ts'
import type { AccessQuestion, Authorize, Decision, Verdict } from '../../server/access/question.ts'
import { FakeWorld, settled } from '../streams/world.ts'
import { at, codeOf, document, from, openApp, stream } from './fixture.ts'

const s = stream('acme/s')
const d = document('notes/a')
const presence = { [Query.awareness]: 'default' }
const credentials = { Authorization: 'Bearer a.b.c' }

const opened = (authorize: Authorize, opening: Parameters<typeof openApp>[0] = {}) => {
  const asked: AccessQuestion[] = []
  const app = openApp({
    ...opening,
    authorize: question => {
      asked.push(question)
      return authorize(question)
    },
  })
  return { ...app, asked }
}
const names = ({ action, service, document, stream, awareness, subscription }: AccessQuestion) =>
  JSON.parse(JSON.stringify({ action, service, document, stream, awareness, subscription })) as unknown

describe('Every request to /v1/ is asked about, by what its handler will use', () => {
  const ofDocument = { service: 'svc', document: 'notes/a' }
  const ofStream = { service: 'acme', stream: 'acme/s' }
  const control = `${Path.streams}acme/__ds/subscriptions`

  test.each([
    ['GET', d, { action: 'read', ...ofDocument }],
    ['HEAD', d, { action: 'read', ...ofDocument }],
    ['PUT', d, { action: 'create', ...ofDocument }],
    ['POST', d, { action: 'write', ...ofDocument }],
    ['DELETE', d, { action: 'delete', ...ofDocument }],
    ['GET', from(d, Sentinel.snapshot), { action: 'read', ...ofDocument }],
    ['GET', at(d, presence), { action: 'read', ...ofDocument, awareness: 'default' }],
    ['HEAD', at(d, presence), { action: 'read', ...ofDocument, awareness: 'default' }],
    ['PUT', at(d, presence), { action: 'presence', ...ofDocument, awareness: 'default' }],
    ['POST', at(d, presence), { action: 'presence', ...ofDocument, awareness: 'default' }],
    ['DELETE', at(d, presence), { action: 'delete', ...ofDocument, awareness: 'default' }],
    ['GET', s, { action: 'read', ...ofStream }],
    ['HEAD', s, { action: 'read', ...ofStream }],
    ['PUT', s, { action: 'create', ...ofStream }],
    ['POST', s, { action: 'write', ...ofStream }],
    ['DELETE', s, { action: 'delete', ...ofStream }],
    ['PATCH', s, { action: 'write', ...ofStream }],
    ['PATCH', d, { action: 'write', ...ofDocument }],
    ['PROPFIND', at(d, presence), { action: 'presence', ...ofDocument, awareness: 'default' }],
    ['GET', stream('alone'), { action: 'read', service: 'alone', stream: 'alone' }],
    ['PUT', `${control}/one`, { action: 'subscribe', service: 'acme', subscription: 'one' }],
    ['GET', `${control}/one`, { action: 'subscribe', service: 'acme', subscription: 'one' }],
    ['POST', `${control}/one/streams`, { action: 'subscribe', service: 'acme', subscription: 'one' }],
    ['POST', `${control}/one/claim`, { action: 'subscribe', service: 'acme', subscription: 'one' }],
    ['GET', `${control}/one/callback`, { action: 'subscribe', service: 'acme', subscription: 'one' }],
    ['GET', `${Path.streams}__ds/subscriptions/one`, { action: 'subscribe', subscription: 'one' }],
    ['GET', control, { action: 'subscribe', subscription: '' }],
    ['GET', '/v1', { action: 'read' }],
    ['POST', '/v1/other/thing', { action: 'write' }],
  ])('%s %s', async (method, target, question) => {
    const { send, asked } = opened(() => 'deny')
    expect((await send(method, target)).status).toBe(401)
    expect(asked.map(names)).toEqual([question])
  })

  test.each([
    ['runs of slashes', '//v1///yjs//svc///docs//notes////a//'],
    ['an escaped letter', '/v1/yjs/sv%63/docs/note%73/a'],
    ['escaped words of the protocol', '/%761/%79js/svc/%64ocs/notes/a'],
    ['a whole URL', 'http://elsewhere.example/v1/yjs/svc/docs/notes/a'],
  ])('[row 71] by one name, however it is spelled: %s', async (_, raw) => {
    const { send, asked } = opened(() => 'deny')
    expect((await send('GET', d, { raw })).status).toBe(401)
    expect(asked.map(names)).toEqual([{ action: 'read', ...ofDocument }])
    expect(asked[0]?.request.url).toBe(raw)
  })

  test('and nothing is asked of a name that cannot be: the answer is the same for all', async () => {
    const { send, asked } = opened(() => 'allow')
    const invalid = [
      '/v1/yjs/svc/docs/..%2fx',
      '/v1/yjs/svc/docs/%2e%2e/x',
      '/v1/stream/a/%00',
      '/v1/stream/%ff',
    ]
    for (const raw of invalid) expect((await send('GET', '/', { raw })).status).toBe(400)
    for (const target of ['/v1/yjs/svc/docs/ä', '/v1/yjs/svc', at(d, { [Query.awareness]: '../a' })]) {
      expect((await send('GET', target)).status).toBe(400)
    }
    expect(asked).toEqual([])
  })

  test('and nothing where everybody may: health, preflights, the site, and what carries a token of ours', async () => {
    const { send, asked } = opened(() => 'deny', { site: () => new Response('page', { headers: site }) })
    const site = { 'X-Content-Type-Options': 'nosniff', 'Cross-Origin-Resource-Policy': 'cross-origin' }
    expect((await send('GET', '/healthz')).status).toBe(200)
    expect((await send('GET', '/readyz')).status).toBe(200)
    expect((await send('GET', '/page')).status).toBe(200)
    expect((await send('OPTIONS', d)).status).toBe(204)
    for (const action of ['callback', 'ack', 'release']) await send('POST', `${control}/one/${action}`)
    await send('GET', `${Path.streams}acme/__ds/jwks.json`)
    expect(asked).toEqual([])
  })

  test('and of a fork both streams, before either is looked for', async () => {
    const fork = (source: string) => ({ headers: { [Header.forkedFrom]: source } })
    const { send, asked } = opened(({ stream }) => (stream?.startsWith('acme/') ? 'allow' : 'deny'))
    await send('PUT', s, fork('//v1/stream/acme//source'))
    expect(asked.map(names)).toEqual([
      { action: 'create', ...ofStream },
      { action: 'read', service: 'acme', stream: 'acme/source' },
    ])
    for (const source of ['/v1/stream/other/s', '/v1/%73tream/oth%65r/s', '//v1/stream//other/s']) {
      expect((await send('PUT', s, fork(source))).status).toBe(401)
    }
    expect((await send('GET', s)).status).toBe(404)
  })
})

describe('What comes of it', () => {
  const answers = (verdict: Verdict | Decision) => opened(() => verdict)

  test('[row 72] 401 asks for credentials, and says what is wrong with those that came', async () => {
    const { send } = answers('deny')
    const bare = await send('GET', d)
    expect([bare.status, bare.headers.get('WWW-Authenticate')]).toEqual([401, 'Bearer'])
    expect(await codeOf(bare)).toBe(ErrorCode.unauthorized)
    const tried = await send('GET', d, { headers: credentials })
    expect(tried.headers.get('WWW-Authenticate')).toBe('Bearer error="invalid_token"')
    const reason = 'too old, "they" say\r\nX: ü'
    const told = await answers({ verdict: 'deny', reason }).send('GET', d, { headers: credentials })
    expect(told.headers.get('WWW-Authenticate')).toBe(
      'Bearer error="invalid_token", error_description="too old, ?they? say??X: ?"',
    )
    expect(((await told.json()) as { error: { message: string } }).error.message).toContain(reason)
  })

  test('403 says no to who is known, and tells a reader from a stranger', async () => {
    const forbidden = await answers({ verdict: 'deny', caller: 'ada' }).send('GET', d)
    expect([forbidden.status, forbidden.headers.get('WWW-Authenticate')]).toEqual([403, null])
    expect(await codeOf(forbidden)).toBe(ErrorCode.forbidden)
    const { send } = answers({ verdict: 'read-only', caller: 'ada' })
    for (const [method, target] of [
      ['POST', d],
      ['PUT', d],
      ['DELETE', d],
      ['POST', at(d, presence)],
      ['POST', s],
    ] as const) {
      const answer = await send(method, target)
      expect([answer.status, await codeOf(answer)]).toEqual([403, ErrorCode.readOnly])
    }
    expect((await send('GET', d)).status).toBe(404)
  })

  test('503 when the hook fails, and nothing is done', async () => {
    let works = true
    const { send } = opened(() => {
      if (!works) throw new Error('no database')
      return 'allow'
    })
    await send('PUT', s, { body: 'a' })
    works = false
    for (const method of ['GET', 'PUT', 'POST', 'DELETE', 'HEAD']) {
      const answer = await send(method, s, method === 'POST' ? { body: 'b' } : {})
      expect([answer.status, answer.headers.get('Retry-After')]).toEqual([503, '1'])
      if (method !== 'HEAD') expect(await codeOf(answer)).toBe(ErrorCode.accessUnknown)
    }
    works = true
    expect(await (await send('GET', s)).text()).toBe('a')
  })

  test('503 when the hook takes too long, and nothing is done later', async () => {
    const world = new FakeWorld()
    let late: (verdict: Verdict) => void = () => undefined
    const waiting = () =>
      new Promise<Verdict>(resolve => {
        late = resolve
      })
    const { send, asked } = opened(({ action }) => (action === 'create' ? waiting() : 'allow'), { world })
    const answering = send('PUT', s)
    await world.turn(5_000)
    expect((await answering).status).toBe(503)
    expect(asked[0]?.signal.aborted).toBe(true)
    late('allow')
    await settled()
    expect((await send('GET', s)).status).toBe(404)
    expect(world.timers).toBe(0)
  })

  test('a permission that is over is none', async () => {
    const world = new FakeWorld()
    const expiresAt = world.now() + 1_000
    const { send } = opened(() => ({ verdict: 'allow', caller: 'ada', expiresAt }), { world })
    expect((await send('PUT', s)).status).toBe(201)
    await world.turn(1_000)
    expect((await send('GET', s)).status).toBe(401)
  })
})

describe('A page of another origin', () => {
  const origin = 'https://app.example.org'
  const opening = { origins: [origin] }

  test('may send credentials, and is shown what is asked for and how long to wait', async () => {
    const { send } = opened(() => 'deny', opening)
    const preflight = await send('OPTIONS', d, {
      headers: { Origin: origin, 'Access-Control-Request-Headers': 'authorization' },
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('Access-Control-Allow-Headers')?.split(', ')).toContain('Authorization')
    const refused = await send('GET', d, { headers: { Origin: origin } })
    expect([refused.status, refused.headers.get('Access-Control-Allow-Origin')]).toEqual([401, origin])
    const exposed = refused.headers.get('Access-Control-Expose-Headers')?.split(', ')
    expect(exposed).toEqual(expect.arrayContaining(['WWW-Authenticate', 'Retry-After']))
  })
})

describe('Who may not know of a path is told the same whether something is there or not', () => {
  const everything = [
    ['GET', {}],
    ['HEAD', {}],
    ['PUT', {}],
    ['POST', { body: 'x', type: 'text/plain' }],
    ['DELETE', {}],
    ['PATCH', {}],
    ['GET', { headers: { 'If-None-Match': '*' } }],
  ] as const
  const targets = (name: string) => [
    stream(`acme/${name}`),
    document(name),
    at(document(name), presence),
    from(document(name), Sentinel.snapshot),
    from(stream(`acme/${name}`), Sentinel.tail, 'sse'),
    from(stream(`acme/${name}`), `${'0'.repeat(16)}_${'9'.repeat(16)}`),
  ]

  test.each<[string, Decision]>([
    ['a stranger', { verdict: 'deny' }],
    ['somebody known', { verdict: 'deny', caller: 'eve' }],
  ])('%s', async (_, refused) => {
    const { send } = opened(({ request }) => (request.headers.has('Cookie') ? 'allow' : refused))
    const owner = { headers: { Cookie: 'owner' } }
    for (const target of [stream('acme/there'), document('there')]) {
      expect((await send('PUT', target, owner)).status).toBe(201)
    }
    const told = async (method: string, target: string, asked: object) => {
      const answer = await send(method, target, asked)
      return { status: answer.status, headers: [...answer.headers], body: await answer.text() }
    }
    for (const [method, asked] of everything) {
      const none = targets('none')
      for (const [index, target] of targets('there').entries()) {
        const there = await told(method, target, asked)
        expect(there).toEqual(await told(method, none[index] ?? '', asked))
        expect(there.status).toBe(refused.caller === undefined ? 401 : 403)
      }
    }
    const fork = (name: string) => ({ headers: { [Header.forkedFrom]: stream(`acme/${name}`) } })
    expect(await told('PUT', stream('x'), fork('there'))).toEqual(
      await told('PUT', stream('x'), fork('none')),
    )
    for (const target of [stream('acme/there'), document('there')]) {
      expect((await send('GET', target, owner)).status).toBe(200)
    }
  })
})

describe('Where everybody may do everything', () => {
  test('nothing is asked, and answers may be shared', async () => {
    const { send } = openApp()
    await send('PUT', s, { body: 'abc' })
    const answer = await send('GET', s, { headers: credentials })
    expect([answer.status, answer.headers.get('Vary')]).toEqual([200, null])
  })
})
