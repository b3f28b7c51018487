import { expect, test } from 'vitest'
import { ContentType, ErrorCode, Header, Query, Sentinel } from '../../protocol/index.ts'
import { closing, stream } from '../http/fixture.ts'
import { framed, typing } from '../yjs/fixture.ts'
import { and, header, useArena, verdictOf } from './arena.ts'

const arena = useArena()
const text = { type: 'text/plain' }
const invalid = [400, ErrorCode.invalidRequest]
const future = '2999-01-01T00:00:00Z'

/** A PUT that must be refused and must leave nothing behind. */
const refusedBirth = async (headers: Record<string, string | string[]>) => {
  const here = arena()
  const target = stream(here.fresh())
  const answer = await here.ask('PUT', target, { ...text, body: 'x', headers })
  expect((await here.ask('HEAD', target)).status).toBe(404)
  return answer
}

test('[row 24] a PUT of what is there is 200 if it is the same, 409 if not', async () => {
  const here = arena()
  const ttl = { [Header.ttl]: '3600' }
  const open = await here.stream('abc')
  const closed = await here.stream('abc', { headers: closing })
  const brief = await here.stream('abc', { headers: ttl })
  const put = (target: string, asked: Parameters<typeof here.ask>[2]) =>
    here.untouched(target, () => here.ask('PUT', target, asked))
  for (const [target, asked] of [
    [open, text],
    [open, { type: 'TEXT/PLAIN; charset=utf-8' }],
    [closed, { ...text, headers: closing }],
    [brief, { ...text, headers: ttl }],
  ] as const) {
    expect((await put(target, asked)).status).toBe(200)
  }
  for (const [target, asked] of [
    [open, { type: ContentType.json }],
    [open, { ...text, headers: closing }],
    [open, { ...text, headers: ttl }],
    [closed, text],
    [brief, text],
    [brief, { ...text, headers: { [Header.ttl]: '3601' } }],
  ] as const) {
    const answer = await put(target, asked)
    expect(verdictOf(answer)).toEqual([409, ErrorCode.configMismatch])
    expect(header(answer, Header.closed)).toBe(target === closed ? 'true' : undefined)
  }
})

test('[row 25] a PUT with two lifetimes is 400', async () => {
  expect(verdictOf(await refusedBirth({ [Header.ttl]: '60', [Header.expiresAt]: future }))).toEqual(invalid)
})

test.each(['-1', '+60', '060', '60.0', '6e1', 'abc', '', ' ', '0x10', '60s', '1 2'])(
  '[row 26] Stream-TTL %j is 400',
  async value => {
    expect(verdictOf(await refusedBirth({ [Header.ttl]: value }))).toEqual(invalid)
  },
)

test('[row 26] Stream-TTL given twice is 400', async () => {
  expect(verdictOf(await refusedBirth({ [Header.ttl]: ['60', '60'] }))).toEqual(invalid)
})

test('[row 27] Stream-TTL 0 is a stream that is over at once', async () => {
  const here = arena()
  const target = await here.stream('abc', { headers: { [Header.ttl]: '0' } })
  for (const method of ['GET', 'HEAD', 'POST', 'DELETE']) {
    const asked = method === 'POST' ? { ...text, body: 'x' } : {}
    expect((await here.ask(method, target, asked)).status).toBe(404)
  }
  expect((await here.ask('PUT', target, text)).status).toBe(201)
})

test.each(['9007199254740992', '9'.repeat(30)])('[row 28] Stream-TTL %s is 400', async value => {
  expect(verdictOf(await refusedBirth({ [Header.ttl]: value }))).toEqual(invalid)
})

test('[row 28] the longest Stream-TTL there is is no problem', async () => {
  const here = arena()
  const target = await here.stream('abc', { headers: { [Header.ttl]: '9007199254740991' } })
  expect((await here.ask('POST', target, { ...text, body: 'd' })).status).toBe(204)
  expect((await here.ask('GET', target)).text).toBe('abcd')
})

test.each([
  'tomorrow',
  '2030-01-31',
  '2030-01-31T12:00:00',
  '2030-02-30T12:00:00Z',
  '2030-13-01T12:00:00Z',
  '2030-01-31T24:00:00Z',
  '2030-01-31T12:60:00Z',
  '1893456000',
  'Thu, 31 Jan 2030 12:00:00 GMT',
  '2030-01-31T12:00:00Z; DROP',
  '',
])('[row 29] Stream-Expires-At %j is 400', async value => {
  expect(verdictOf(await refusedBirth({ [Header.expiresAt]: value }))).toEqual(invalid)
})

test.each(['1970-01-01T00:00:00Z', '2001-02-03T04:05:06.789+01:00', '0000-01-01T00:00:00Z'])(
  '[row 30] Stream-Expires-At %s is a stream that is over at once',
  async value => {
    const here = arena()
    const target = await here.stream('abc', { headers: { [Header.expiresAt]: value } })
    for (const method of ['GET', 'HEAD', 'DELETE']) {
      expect((await here.ask(method, target)).status).toBe(404)
    }
    expect((await here.ask('PUT', target, text)).status).toBe(201)
  },
)

test('[row 43] an empty array creates an empty JSON stream', async () => {
  const here = arena()
  const target = await here.stream('[]', { type: ContentType.json })
  expect((await here.ask('GET', target)).text).toBe('[]')
})

test('[row 83] a document that was deleted and made again is another one', async () => {
  const here = arena()
  const target = await here.document(framed(...typing(3)))
  const start = and(target, { [Query.offset]: Sentinel.start })
  const old = await here.ask('GET', start)
  const offset = header(old, Header.nextOffset) ?? ''
  const tag = header(old, 'ETag') ?? ''
  expect([(await here.ask('DELETE', target)).status, (await here.ask('PUT', target)).status]).toEqual([
    204, 201,
  ])
  expect(verdictOf(await here.ask('GET', and(target, { [Query.offset]: offset })))).toEqual([
    410,
    ErrorCode.offsetExpired,
  ])
  const anew = await here.ask('GET', start, { headers: { 'If-None-Match': tag } })
  expect([anew.status, anew.body.length]).toEqual([200, 0])
  await here.ask('POST', target, { type: ContentType.binary, body: framed(...typing(3, 10, 2)) })
  const full = await here.ask('GET', start, { headers: { 'If-None-Match': tag } })
  expect([full.status, full.body.length]).toEqual([200, old.body.length])
  expect(header(full, 'ETag')).not.toBe(tag)
  expect((header(full, Header.nextOffset) ?? '') > offset).toBe(true)
})
