import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { ContentType, ErrorCode, Header } from '../../protocol/index.ts'
import { defaultLimits } from '../../server/index.ts'
import { closing, document, producer, stream } from '../http/fixture.ts'
import { answerOf } from '../process/raw.ts'
import { framed, typing } from '../yjs/fixture.ts'
import { header, useArena, verdictOf } from './arena.ts'

const arena = useArena()
const text = { type: 'text/plain' }
const invalid = [400, ErrorCode.invalidRequest]
const noStream = [404, ErrorCode.streamNotFound]

test.each(['GET', 'HEAD', 'POST', 'DELETE'])(
  '[row 1] %s of what is not there is 404, and makes nothing',
  async method => {
    const here = arena()
    const name = here.fresh()
    for (const [target, code] of [
      [stream(name), ErrorCode.streamNotFound],
      [document(name), ErrorCode.documentNotFound],
    ] as const) {
      const body = target === stream(name) ? 'abc' : framed(...typing(1))
      const asked = method === 'POST' ? { type: ContentType.binary, body } : {}
      const answer = await here.ask(method, target, asked)
      expect(answer.status).toBe(404)
      if (method !== 'HEAD') expect(verdictOf(answer)).toEqual([404, code])
      expect((await here.ask('HEAD', target)).status).toBe(404)
    }
  },
)

test('[row 2] a POST of nothing is 400', async () => {
  const here = arena()
  const target = await here.stream('abc')
  for (const asked of [{}, text, { ...text, headers: { [Header.closed]: 'no' } }]) {
    expect(verdictOf(await here.untouched(target, () => here.ask('POST', target, asked)))).toEqual(invalid)
  }
})

test('[row 3] a POST that does not say what its body is is 400', async () => {
  const here = arena()
  const target = await here.stream('abc')
  const answer = await here.untouched(target, () => here.ask('POST', target, { body: 'd' }))
  expect(verdictOf(answer)).toEqual(invalid)
})

test('[row 4] a POST of another content type is 409, to a document too', async () => {
  const here = arena()
  const log = await here.document()
  for (const [target, body] of [
    [await here.stream('abc'), '[1]'],
    [log, framed(...typing(1))],
  ] as const) {
    const answer = await here.untouched(target, () =>
      here.ask('POST', target, { type: ContentType.json, body }),
    )
    expect(verdictOf(answer)).toEqual([409, ErrorCode.contentTypeMismatch])
    expect(header(answer, Header.closed)).toBeUndefined()
  }
})

test.each<[string, string, Record<string, string>]>([
  ['the right type', 'text/plain', {}],
  ['a wrong type', ContentType.json, {}],
  ['an old Stream-Seq', 'text/plain', { [Header.seq]: 'a' }],
])('[row 5] a POST with %s to a closed stream is 409 and says where it ends', async (_, type, headers) => {
  const here = arena()
  const target = await here.stream('abc')
  const closed = await here.ask('POST', target, {
    ...text,
    body: 'd',
    headers: { ...closing, [Header.seq]: 'm' },
  })
  const answer = await here.untouched(target, () => here.ask('POST', target, { type, body: '1', headers }))
  expect(verdictOf(answer)).toEqual([409, ErrorCode.streamClosed])
  expect([header(answer, Header.closed), header(answer, Header.nextOffset)]).toEqual([
    'true',
    header(closed, Header.nextOffset),
  ])
})

test('[row 6] a last POST to a closed stream is 409', async () => {
  const here = arena()
  const target = await here.stream('abc', { headers: closing })
  const answer = await here.untouched(target, () =>
    here.ask('POST', target, { ...text, body: 'd', headers: closing }),
  )
  expect(verdictOf(answer)).toEqual([409, ErrorCode.streamClosed])
  expect(header(answer, Header.closed)).toBe('true')
})

test('[row 7] closing a closed stream is 204', async () => {
  const here = arena()
  const target = await here.stream('abc', { headers: closing })
  for (const _ of [1, 2]) {
    const answer = await here.untouched(target, () => here.ask('POST', target, { headers: closing }))
    expect([answer.status, header(answer, Header.closed)]).toEqual([204, 'true'])
  }
})

test('[row 8] closing with any content type is 204', async () => {
  const here = arena()
  const target = await here.stream('abc')
  const answer = await here.ask('POST', target, { type: ContentType.json, headers: closing })
  expect([answer.status, header(answer, Header.closed)]).toEqual([204, 'true'])
  expect((await here.stateOf(target)).slice(1)).toEqual(['true', 'abc'])
})

test.each(['yes', '1', 'false', '', 'true, true'])(
  '[row 9] Stream-Closed: %j closes nothing',
  async value => {
    const here = arena()
    const target = await here.stream()
    const headers = { [Header.closed]: value === 'true, true' ? ['true', 'true'] : value }
    expect((await here.ask('POST', target, { ...text, body: 'a', headers })).status).toBe(204)
    const answer = await here.ask('POST', target, {
      ...text,
      body: 'b',
      headers: { ...headers, ...producer(0, 0) },
    })
    expect([answer.status, header(answer, Header.closed)]).toEqual([200, undefined])
    expect((await here.stateOf(target)).slice(1)).toEqual([undefined, 'ab'])
  },
)

test.each([
  ['m', 'm'],
  ['m', 'a'],
  ['2', '10'],
])('[row 10] Stream-Seq %j and then %j is 409', async (first, second) => {
  const here = arena()
  const target = await here.stream()
  const post = (seq: string) =>
    here.ask('POST', target, { ...text, body: seq, headers: { [Header.seq]: seq } })
  expect((await post(first)).status).toBe(204)
  expect(verdictOf(await here.untouched(target, () => post(second)))).toEqual([
    409,
    ErrorCode.sequenceRegression,
  ])
})

test('[row 43] bad JSON is 400, and so is an empty array unless it creates the stream', async () => {
  const here = arena()
  const target = await here.stream('[]', { type: ContentType.json })
  for (const body of ['{', '[1,]', 'undefined', '[]', '[1] [2]', '\u0000']) {
    const answer = await here.untouched(target, () =>
      here.ask('POST', target, { type: ContentType.json, body }),
    )
    expect(verdictOf(answer)).toEqual(invalid)
  }
  const bad = stream(here.fresh())
  expect(verdictOf(await here.ask('PUT', bad, { type: ContentType.json, body: '{' }))).toEqual(invalid)
  expect(verdictOf(await here.ask('GET', bad))).toEqual(noStream)
})

test.each(['announced', 'chunked'])(
  '[row 44] a body above the limit, %s, is 413, the connection is closed, nothing is appended',
  async how => {
    const here = arena()
    const target = await here.stream('abc')
    const body = Buffer.alloc(defaultLimits.bodyBytes + 1, 'x')
    await here.untouched(target, async () => {
      const connection = await here.connect()
      const framing = how === 'announced' ? `Content-Length: ${body.length}` : 'Transfer-Encoding: chunked'
      connection.send(
        `POST ${target} HTTP/1.1\r\nHost: arena\r\nContent-Type: text/plain\r\n${framing}\r\n\r\n`,
      )
      if (how === 'chunked') connection.send(`${body.length.toString(16)}\r\n`)
      connection.send(body)
      const { status, head, body: said } = answerOf((await connection.untilEnd()).text)
      expect(status).toBe(413)
      expect(head).toContain('connection: close')
      expect(head).toContain('x-content-type-options: nosniff')
      expect(JSON.parse(said)).toMatchObject({
        error: { code: ErrorCode.bodyTooLarge, limit: defaultLimits.bodyBytes },
      })
    })
  },
)

test('[row 44] a document and its presence take no larger bodies either', async () => {
  const here = arena()
  const target = await here.document()
  for (const [where, limit] of [
    [target, defaultLimits.bodyBytes],
    [`${target}?awareness=default`, defaultLimits.awarenessBodyBytes],
  ] as const) {
    const answer = await here.untouched(target, () =>
      here.ask('POST', where, { type: ContentType.binary, body: Buffer.alloc(limit + 1) }),
    )
    expect(verdictOf(answer)).toEqual([413, ErrorCode.bodyTooLarge])
  }
})

test.each(['PATCH', 'PROPFIND', 'LINK', 'TRACE'])(
  '[row 46] %s is 405 and says what is allowed',
  async method => {
    const here = arena()
    for (const target of [await here.stream('abc'), await here.document(), stream(here.fresh())]) {
      const answer = await here.untouched(target, () => here.ask(method, target, { ...text, body: 'x' }))
      expect(verdictOf(answer)).toEqual([405, ErrorCode.methodNotAllowed])
      expect(header(answer, 'Allow')).toBe('GET, HEAD, PUT, POST, DELETE, OPTIONS')
    }
  },
)

test.each(['gzip', 'br', 'deflate', 'gzip, identity', 'nonsense'])(
  '[row 76] a body with Content-Encoding: %s is 415 and not stored',
  async encoding => {
    const here = arena()
    const body = gzipSync('abc')
    const headers = { 'Content-Encoding': encoding }
    const target = await here.stream('abc')
    const log = await here.document()
    for (const [method, where, type] of [
      ['POST', target, 'text/plain'],
      ['POST', log, ContentType.binary],
      ['POST', `${log}?awareness=default`, ContentType.binary],
      ['PUT', stream(here.fresh()), 'text/plain'],
    ] as const) {
      const answer = await here.untouched(where, () => here.ask(method, where, { type, body, headers }))
      expect(verdictOf(answer)).toEqual([415, ErrorCode.unsupportedEncoding])
    }
  },
)
