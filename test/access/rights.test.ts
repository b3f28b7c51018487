import { exportSPKI } from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import { ErrorCode, Header, Query } from '../../protocol/index.ts'
import { jwtAuthorize } from '../../server/access/jwt.ts'
import { type App, at, codeOf, document, openApp, stream } from '../http/fixture.ts'
import { audience, bearer, Issuer, issuer } from './tokens.ts'

const d = document('d')
const s = stream('svc/s')
const presence = at(d, { [Query.awareness]: 'default' })

let maker: Issuer
let app: App
const tokenFor = async (...rights: readonly string[]) =>
  bearer(
    await maker.token({
      ds: [
        { docs: 'svc/docs/**', rights },
        { streams: 'svc/**', rights },
      ],
    }),
  )

beforeAll(async () => {
  maker = await Issuer.open()
  const authorize = jwtAuthorize({
    algorithms: ['ES256'],
    key: await exportSPKI(maker.publicKey),
    issuer,
    audience,
  })
  app = openApp({ authorize })
  const headers = await tokenFor('create')
  for (const target of [d, s]) expect((await app.send('PUT', target, { headers })).status).toBe(201)
})

/** What a token may do, one request of each kind. */
const outcomes = async (headers: Record<string, string>, asked: readonly (readonly [string, string])[]) => {
  const found: unknown[] = []
  for (const [method, target] of asked) {
    const body = method === 'POST' && target === s ? { body: 'x', type: 'application/octet-stream' } : {}
    const answer = await app.send(method, target, { headers, ...body })
    found.push(
      answer.status < 400 || method === 'HEAD' ? answer.status : `${answer.status} ${await codeOf(answer)}`,
    )
  }
  return found
}

describe('[row 73] A token to read', () => {
  const changes = [
    ['POST', d],
    ['PUT', d],
    ['DELETE', d],
    ['POST', presence],
    ['PUT', presence],
    ['DELETE', presence],
    ['POST', s],
    ['PUT', s],
    ['DELETE', s],
  ] as const

  test('changes nothing', async () => {
    const headers = await tokenFor('read')
    expect(await outcomes(headers, changes)).toEqual(changes.map(() => `403 ${ErrorCode.readOnly}`))
  })

  test('reads documents, streams and presence', async () => {
    const headers = await tokenFor('read')
    const reads = [d, s, presence].flatMap(target => [['GET', target] as const, ['HEAD', target] as const])
    expect(await outcomes(headers, reads)).toEqual(reads.map(() => 200))
  })

  test('shows presence by a right of its own', async () => {
    const headers = await tokenFor('read', 'presence')
    const frame = new Uint8Array([1, 0])
    expect((await app.send('POST', presence, { headers, body: frame })).status).toBe(204)
    expect(
      await outcomes(headers, [
        ['PUT', presence],
        ['POST', d],
        ['DELETE', presence],
      ]),
    ).toEqual([200, `403 ${ErrorCode.readOnly}`, `403 ${ErrorCode.readOnly}`])
  })

  test('makes no fork, and forks nothing without the right to read the source', async () => {
    const fork = (headers: Record<string, string>, target: string) =>
      app.send('PUT', target, { headers: { ...headers, [Header.forkedFrom]: s } })
    expect((await fork(await tokenFor('read'), stream('svc/f'))).status).toBe(403)
    expect((await fork(await tokenFor('create'), stream('svc/f'))).status).toBe(403)
    expect((await fork(await tokenFor('read', 'create'), stream('svc/f'))).status).toBe(201)
  })
})

describe('A token', () => {
  test('to write does not read, create or delete', async () => {
    const headers = await tokenFor('write')
    const asked = [
      ['POST', s],
      ['GET', s],
      ['PUT', s],
      ['DELETE', s],
      ['HEAD', s],
      ['GET', presence],
    ] as const
    const no = `403 ${ErrorCode.forbidden}`
    expect(await outcomes(headers, asked)).toEqual([204, no, no, no, 403, no])
  })

  test('[row 72] in the query is none, whatever it is called', async () => {
    const token = (await tokenFor('read'))['Authorization']?.split(' ')[1] ?? ''
    for (const name of ['access_token', 'token', 'authorization', 'Authorization', 'bearer', 'jwt', 'auth']) {
      const answer = await app.send('GET', at(d, { [name]: token, offset: '-1' }))
      expect([answer.status, answer.headers.get('WWW-Authenticate')]).toEqual([401, 'Bearer'])
    }
    const body = new URLSearchParams({ access_token: token }).toString()
    const posted = await app.send('POST', s, { body, type: 'application/x-www-form-urlencoded' })
    expect(posted.status).toBe(401)
    for (const headers of [
      { Cookie: `Authorization=Bearer ${token}` },
      { 'X-Authorization': `Bearer ${token}` },
    ]) {
      expect((await app.send('GET', d, { headers })).status).toBe(401)
    }
  })

  test('[row 72] is not written to the log, wherever it came', async () => {
    const headers = await tokenFor('read')
    const token = headers['Authorization']?.split(' ')[1] ?? ''
    await app.send('GET', at(d, { access_token: token }), { headers })
    await app.send('POST', d, { headers, body: 'x' })
    expect(app.logged.length).toBeGreaterThan(1)
    for (const part of token.split('.')) expect(JSON.stringify(app.logged)).not.toContain(part)
  })
})
