import { createHmac } from 'node:crypto'
import { exportSPKI } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ContentType, ErrorCode, Live, Query, Sentinel } from '../../protocol/index.ts'
import { jwtAuthorize } from '../../server/access/jwt.ts'
import { actions } from '../../server/access/question.ts'
import { audience, bearer, encoded, Issuer, issuer } from '../access/tokens.ts'
import { document, stream } from '../http/fixture.ts'
import { framed, typing } from '../yjs/fixture.ts'
import { type Arena, and, header, open, verdictOf } from './arena.ts'

const s = stream('svc/s')
const d = document('d')
const presence = `${d}?awareness=default`
const text = { type: 'text/plain' }
const binary = { type: ContentType.binary }

let maker: Issuer
let here: Arena
let close: () => Promise<void>
let pem: string
let all: Record<string, string>

const grantsOf = (service: string, rights: readonly string[]) => [
  { docs: `${service}/**`, rights },
  { streams: `${service}/**`, rights },
]
const tokenOf = (claims: Record<string, unknown> = {}) =>
  maker.token({ ds: grantsOf('svc', actions), ...claims })

beforeAll(async () => {
  maker = await Issuer.open()
  pem = await exportSPKI(maker.publicKey)
  const authorize = jwtAuthorize({ algorithms: ['ES256'], key: pem, issuer, audience })
  const opened = await open({ authorize })
  here = opened.arena
  close = opened.close
  all = bearer(await tokenOf())
  expect((await here.ask('PUT', s, { ...text, body: 'secret', headers: all })).status).toBe(201)
  const body = framed(...typing(1))
  expect((await here.ask('PUT', d, { ...binary, body, headers: all })).status).toBe(201)
})
afterAll(() => close())

/** What everybody may see who may see everything. */
const content = async () => [
  (await here.ask('GET', s, { headers: all })).text,
  (await here.ask('GET', d, { headers: all })).text,
]

const requests = [
  ['GET', s],
  ['HEAD', s],
  ['PUT', s],
  ['POST', s],
  ['DELETE', s],
  ['GET', d],
  ['PUT', d],
  ['POST', d],
  ['DELETE', d],
  ['GET', presence],
  ['POST', presence],
  ['GET', and(s, { [Query.offset]: Sentinel.start, [Query.live]: Live.sse })],
  ['GET', and(s, { [Query.offset]: Sentinel.tail, [Query.live]: Live.longPoll })],
  ['PUT', stream('svc/new')],
  ['GET', stream('svc/not-there')],
] as const

describe('[row 72] Credentials that are none are 401 for everything, and change nothing:', () => {
  const forged = async (alg: string, key: string | undefined) => {
    const [, payload] = (await tokenOf()).split('.')
    const signed = `${encoded({ alg, typ: 'JWT' })}.${payload}`
    const mac = key === undefined ? '' : createHmac('sha256', key).update(signed).digest('base64url')
    return `Bearer ${signed}.${mac}`
  }
  test.each<[string, () => Promise<string | undefined>]>([
    ['nothing', async () => undefined],
    ['an empty header', async () => ''],
    ['Basic', async () => 'Basic YWRhOnB3'],
    ['a token without a scheme', async () => tokenOf()],
    ['nonsense', async () => 'Bearer a.b.c'],
    ['alg none', () => forged('none', undefined)],
    ['HS256 signed with the public key', () => forged('HS256', pem)],
    [
      'exp as a text',
      async () => `Bearer ${await tokenOf({ exp: `${Math.floor(Date.now() / 1_000) + 600}` })}`,
    ],
    ['no exp', async () => `Bearer ${await tokenOf({ exp: undefined })}`],
    ['exp in the past', async () => `Bearer ${await tokenOf({ exp: 1 })}`],
    ['another issuer', async () => `Bearer ${await tokenOf({ iss: 'https://evil.example' })}`],
    ['another audience', async () => `Bearer ${await tokenOf({ aud: 'https://evil.example' })}`],
    [
      'another key',
      async () => `Bearer ${await (await Issuer.open()).token({ ds: grantsOf('svc', actions) })}`,
    ],
  ])('%s', async (_, authorization) => {
    const before = await content()
    const given = await authorization()
    const headers = given === undefined ? {} : { Authorization: given }
    for (const [method, target] of requests) {
      const answer = await here.ask(method, target, {
        ...(method === 'POST' && { ...text, body: 'x' }),
        headers,
      })
      expect(answer.status).toBe(401)
      if (method !== 'HEAD') expect(verdictOf(answer)).toEqual([401, ErrorCode.unauthorized])
      expect(header(answer, 'WWW-Authenticate')).toMatch(/^Bearer/)
      expect(answer.text).not.toContain('secret')
    }
    expect(await content()).toEqual(before)
  })

  test('a token in the query', async () => {
    const token = await tokenOf()
    for (const name of ['access_token', 'token', 'authorization', 'Authorization', 'jwt']) {
      const answer = await here.ask('GET', and(s, { [name]: token }))
      expect(verdictOf(answer)).toEqual([401, ErrorCode.unauthorized])
    }
  })

  test('a token in a cookie or in other headers', async () => {
    const token = await tokenOf()
    for (const name of ['Cookie', 'Proxy-Authorization', 'X-Authorization', 'X-Access-Token']) {
      const answer = await here.ask('GET', s, { headers: { [name]: `Bearer ${token}` } })
      expect(verdictOf(answer)).toEqual([401, ErrorCode.unauthorized])
    }
  })

  test('two tokens', async () => {
    const headers = { Authorization: `Bearer ${await tokenOf()}, Bearer ${await tokenOf()}` }
    expect(verdictOf(await here.ask('GET', s, { headers }))).toEqual([401, ErrorCode.unauthorized])
  })
})

describe('[row 73] A token to read', () => {
  const changes = requests.filter(([method]) => method !== 'GET' && method !== 'HEAD')

  test('changes nothing: 403', async () => {
    const before = await content()
    const headers = bearer(await tokenOf({ ds: grantsOf('svc', ['read']) }))
    for (const [method, target] of changes) {
      const answer = await here.ask(method, target, {
        ...(method === 'POST' && { ...text, body: 'x' }),
        headers,
      })
      expect(verdictOf(answer)).toEqual([403, ErrorCode.readOnly])
    }
    expect(await content()).toEqual(before)
  })

  test('may speak in presence by a right of its own', async () => {
    const headers = bearer(await tokenOf({ ds: grantsOf('svc', ['read', 'presence']) }))
    expect((await here.ask('POST', presence, { ...binary, body: 'x', headers })).status).toBe(204)
    expect((await here.ask('POST', d, { ...binary, body: framed(...typing(1)), headers })).status).toBe(403)
  })

  test('of one service is told the same of another whether something is there or not', async () => {
    const headers = bearer(await tokenOf({ ds: grantsOf('other', actions) }))
    const told = await Promise.all(
      [s, stream('svc/not-there')].map(target => here.ask('GET', target, { headers })),
    )
    expect(told.map(verdictOf)).toEqual([
      [403, ErrorCode.forbidden],
      [403, ErrorCode.forbidden],
    ])
    expect(told[0]?.text).toBe(told[1]?.text)
  })
})

test('[row 82] what two tenants may ask by one URL is kept by no shared cache', async () => {
  const mine = bearer(await tokenOf({ sub: 'mine' }))
  const yours = bearer(await tokenOf({ sub: 'yours', ds: grantsOf('other', actions) }))
  for (const target of [s, d, presence, and(d, { [Query.offset]: Sentinel.snapshot }), stream('svc/none')]) {
    for (const headers of [mine, yours, {}]) {
      const answer = await here.ask('GET', target, { headers })
      expect(header(answer, 'Vary')?.split(', ')).toContain('Authorization')
      expect(header(answer, 'Cache-Control')).toMatch(/(^|, )(private|no-store)(,|$)/)
      expect(header(answer, 'Cache-Control')).not.toMatch(/public|s-maxage/)
    }
  }
  // The tag of one is no way around the right of the other.
  const tag = header(await here.ask('GET', s, { headers: mine }), 'ETag') ?? ''
  const sly = await here.ask('GET', s, { headers: { ...yours, 'If-None-Match': tag } })
  expect(verdictOf(sly)).toEqual([403, ErrorCode.forbidden])
})

test('[row 45] who asks too often is 429 with a time to come back, and others are not', async () => {
  const { arena, close } = await open({
    limits: { requestsPerSecond: 20 },
    authorize: ({ request }) => ({ verdict: 'allow', caller: request.headers.get('Authorization') ?? '?' }),
  })
  const by = (caller: string) => arena.ask('GET', s, { headers: { Authorization: caller } })
  const answers = await Promise.all(Array.from({ length: 100 }, () => by('ada')))
  const refused = answers.filter(({ status }) => status === 429)
  expect(refused.length).toBeGreaterThan(40)
  for (const answer of refused) {
    expect(verdictOf(answer)).toEqual([429, ErrorCode.rateLimited])
    expect(header(answer, 'Retry-After')).toMatch(/^[1-9]\d*$/)
  }
  expect((await by('bob')).status).toBe(404)
  await expect.poll(async () => (await by('ada')).status, { timeout: 20_000, interval: 200 }).toBe(404)
  await close()
})
