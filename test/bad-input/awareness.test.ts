import { expect, test } from 'vitest'
import {
  ContentType,
  DefaultAwareness,
  ErrorCode,
  Header,
  Live,
  Path,
  Query,
  Sentinel,
} from '../../protocol/index.ts'
import { closing, producer } from '../http/fixture.ts'
import { framed, typing } from '../yjs/fixture.ts'
import { and, useArena, verdictOf } from './arena.ts'

const arena = useArena()
const binary = { type: ContentType.binary }
const bytes = new Uint8Array([1, 2, 3])
const noStream = [404, ErrorCode.streamNotFound]
const aware = (target: string, name: string = DefaultAwareness) => and(target, { [Query.awareness]: name })
const speak = (target: string, body: Uint8Array = bytes) => arena().ask('POST', target, { ...binary, body })

test.each([
  ['three bytes', bytes],
  ['one byte', new Uint8Array([0])],
  ['a frame cut short', new Uint8Array([200, 1, 2])],
  ['a document update', framed(...typing(1))],
  ['text', new TextEncoder().encode('{"not": "awareness"}')],
  ['a frame of nonsense', framed(new Uint8Array(40).fill(255))],
])('[row 65] %s is 204 and passed on as it is', async (_, body) => {
  const here = arena()
  const target = aware(await here.document())
  const reader = await here.follow(target, Sentinel.tail)
  expect((await speak(target, body)).status).toBe(204)
  expect([...(await here.ask('GET', target)).body]).toEqual([...body])
  await reader.until(/event: data/)
  expect(reader.text).toContain(`data:${Buffer.from(body).toString('base64')}\n`)
  reader.close()
})

test('[row 66] presence of a document that is missing or deleted is 404, and makes neither', async () => {
  const here = arena()
  const gone = await here.document()
  await speak(aware(gone))
  await here.ask('DELETE', gone)
  const never = `${Path.yjs}svc/${Path.documents}/${here.fresh()}`
  for (const target of [gone, never]) {
    for (const name of [DefaultAwareness, 'other']) {
      for (const method of ['PUT', 'POST', 'GET']) {
        const asked = method === 'POST' ? { ...binary, body: bytes } : {}
        expect(verdictOf(await here.ask(method, aware(target, name), asked))).toEqual([
          404,
          ErrorCode.documentNotFound,
        ])
      }
    }
    expect((await here.ask('HEAD', target)).status).toBe(404)
  }
})

test('[row 67] an awareness stream nobody made is made by a POST, also by several at once', async () => {
  const here = arena()
  const target = aware(await here.document(), 'fresh')
  const answers = await Promise.all([1, 2, 3, 4].map(byte => speak(target, new Uint8Array([byte]))))
  expect(answers.map(({ status }) => status)).toEqual([204, 204, 204, 204])
  expect([...(await here.ask('GET', target)).body].toSorted()).toEqual([1, 2, 3, 4])
})

test('[row 68] an awareness stream nobody made is 404 to who reads or deletes it', async () => {
  const here = arena()
  const target = aware(await here.document(), 'unknown')
  expect(verdictOf(await here.ask('GET', target))).toEqual(noStream)
  expect(verdictOf(await here.ask('DELETE', target))).toEqual(noStream)
  for (const live of [Live.sse, Live.longPoll]) {
    const answer = await here.ask('GET', and(target, { [Query.offset]: Sentinel.tail, [Query.live]: live }))
    expect(verdictOf(answer)).toEqual(noStream)
  }
})

test.each([
  '',
  'a'.repeat(65),
  'a/b',
  'a.b',
  '.',
  '..',
  '.hidden',
  'a%',
  '%2e%2e',
  '%252e%252e',
  'a\0',
  'a\n',
  'a\r\nSet-Cookie: a=b',
  'é',
  'a b',
  '@',
])('[row 69] an awareness stream named %j is 400, and none is made', async name => {
  const here = arena()
  const document = await here.document()
  for (const method of ['PUT', 'POST', 'GET', 'HEAD', 'DELETE']) {
    const answer = await here.ask(
      method,
      aware(document, name),
      method === 'POST' ? { ...binary, body: bytes } : {},
    )
    expect(answer.status).toBe(400)
    if (method !== 'HEAD') expect(verdictOf(answer)).toEqual([400, ErrorCode.invalidRequest])
  }
  // Sixteen names are allowed; the default one and these fit only if no other was made.
  for (let at = 1; at < 16; at++) expect((await here.ask('PUT', aware(document, `n${at}`))).status).toBe(201)
})

test.each([
  ['a word', { ...binary, body: bytes, headers: closing }],
  ['nothing', { headers: closing }],
  ['a word of a producer', { ...binary, body: bytes, headers: { ...closing, ...producer(0, 0) } }],
  ['nothing of a producer', { headers: { ...closing, ...producer(0, 0) } }],
  ['a word, in capitals', { ...binary, body: bytes, headers: { [Header.closed]: 'TRUE' } }],
])('closing presence with %s is 400 and stops nobody', async (_, asked) => {
  const here = arena()
  const target = aware(await here.document())
  expect((await speak(target)).status).toBe(204)
  const answer = await here.untouched(target, () => here.ask('POST', target, asked))
  expect(verdictOf(answer)).toEqual([400, ErrorCode.invalidRequest])
  const unknown = aware(await here.document(), 'fresh')
  expect((await here.ask('POST', unknown, asked)).status).toBe(400)
  expect((await here.ask('HEAD', unknown)).status).toBe(404)
  expect((await speak(target)).status).toBe(204)
  expect([...(await here.ask('GET', target)).body]).toEqual([...bytes, ...bytes])
})

test('half of the producer headers is 400 for presence as for every stream', async () => {
  const here = arena()
  const target = aware(await here.document())
  for (const headers of [{ [Header.producerId]: 'p' }, producer('x', 0), producer(0, 0, '')]) {
    const attack = () => here.ask('POST', target, { ...binary, body: bytes, headers })
    expect(verdictOf(await here.untouched(target, attack))).toEqual([400, ErrorCode.invalidRequest])
  }
})

test.each(['%', '%zz', '%2', '%ff', '%c3', '..%2f'])(
  '[row 69] awareness=%s, badly encoded, is 400',
  async raw => {
    const here = arena()
    const document = await here.document()
    for (const method of ['PUT', 'GET', 'DELETE']) {
      const answer = await here.ask(method, `${document}?awareness=${raw}`)
      expect(verdictOf(answer)).toEqual([400, ErrorCode.invalidRequest])
    }
  },
)
