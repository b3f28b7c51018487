import { DurableStreamTestServer } from '@durable-streams/server'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Batch,
  DurableStream,
  Sentinel,
  type StreamOptions,
  type Transport,
} from '../../client/index.ts'
import { ContentType } from '../../protocol/index.ts'
import { textOf } from './replay.ts'

/** Our client against the published server, over real sockets: what neither of them can be wrong about alone. */
const server = new DurableStreamTestServer({ port: 0, longPollTimeout: 300 })
let base = ''
let count = 0
const fresh = (options: Partial<StreamOptions> = {}) =>
  new DurableStream({ url: `${base}/v1/stream/test/${++count}`, ...options })

beforeAll(async () => {
  base = await server.start()
})
afterAll(() => server.stop())

/** The texts of the batches with bytes, until `enough` says so or the stream ends. */
const take = async (
  batches: AsyncIterable<Batch>,
  enough: (texts: readonly string[]) => boolean = () => false,
) => {
  const texts: string[] = []
  for await (const { bytes } of batches) {
    if (bytes.length > 0) texts.push(textOf(bytes))
    if (enough(texts)) break
  }
  return texts
}

test('a stream is created once, described, and removed', async () => {
  const stream = fresh({ contentType: 'text/plain' })
  expect(await stream.create({ ttlSeconds: 60 })).toMatchObject({ created: true, closed: false })
  const again = await stream.create({ ttlSeconds: 60 })
  expect(again).toMatchObject({ created: false, contentType: 'text/plain' })
  await expect(stream.create({ ttlSeconds: 61 })).rejects.toMatchObject({ code: 'CONFIG_MISMATCH' })
  expect(await stream.head()).toMatchObject({
    contentType: 'text/plain',
    next: again.next,
    closed: false,
    ttlSeconds: 60,
  })
  await stream.remove()
  await expect(stream.head()).rejects.toMatchObject({ code: 'STREAM_NOT_FOUND', status: 404 })
  await expect(stream.remove()).rejects.toMatchObject({ code: 'STREAM_NOT_FOUND' })
  await expect(stream.read()).rejects.toMatchObject({ code: 'STREAM_NOT_FOUND' })
})

test('what was appended is read, from the start, from between, and from now', async () => {
  const stream = fresh()
  await stream.create({ body: 'a' })
  const { next } = await stream.append('b')
  await stream.append(Uint8Array.of(99))
  const all = await stream.read()
  expect(textOf(all.bytes)).toBe('abc')
  expect(all).toMatchObject({
    upToDate: true,
    closed: false,
    contentType: ContentType.binary,
    etag: expect.any(String),
  })
  expect(textOf((await stream.read({ offset: next ?? '' })).bytes)).toBe('c')
  expect(await stream.read({ offset: Sentinel.tail })).toMatchObject({
    next: all.next,
    bytes: new Uint8Array(),
  })
  await expect(stream.read({ offset: 'not a token' })).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
  const parts = []
  for await (const part of stream.catchUp({ offset: next ?? '' })) parts.push(textOf(part.bytes))
  expect(parts).toEqual(['c'])
})

test('an append to a closed stream, of another type, or out of sequence is refused', async () => {
  const stream = fresh()
  await stream.create()
  await stream.append('a', { seq: '2' })
  await expect(stream.append('a', { seq: '1' })).rejects.toMatchObject({ status: 409, code: 'CONFLICT' })
  await expect(stream.append('a', { contentType: 'text/plain' })).rejects.toMatchObject({ status: 409 })
  expect(await stream.append('b', { close: true })).toMatchObject({ closed: true })
  const { next } = await stream.close()
  await expect(stream.append('c')).rejects.toMatchObject({ code: 'STREAM_CLOSED', details: { next } })
  expect(await stream.head()).toMatchObject({ closed: true, next })
})

describe.each(['sse', 'long-poll'] as const)('a follower by %s', (live: Transport) => {
  test('gets what is there and what comes, once and in order, and ends when the stream is closed', async () => {
    const stream = fresh()
    await stream.create({ body: '0' })
    let written = 1
    let seen = ''
    for await (const { bytes, upToDate, closed } of stream.follow({ live })) {
      seen += textOf(bytes)
      if (upToDate && written < 10) await stream.append(`${written++}`)
      else if (upToDate && !closed) await stream.close()
    }
    expect(seen).toBe('0123456789')
  })

  test('of bytes gets the very bytes', async () => {
    const stream = fresh()
    const bytes = Uint8Array.from({ length: 100_000 }, (_, index) => (index * index) >> 3)
    await stream.create({ body: bytes, closed: true })
    const parts: Uint8Array[] = []
    for await (const batch of stream.follow({ live })) parts.push(batch.bytes)
    expect(Buffer.concat(parts).equals(bytes)).toBe(true)
  })

  test('of JSON gets arrays, also of what was appended in several requests meanwhile', async () => {
    const writer = fresh({ contentType: ContentType.json })
    await writer.create()
    await Promise.all([1, 2, 3].map(number => writer.append(`{"n":${number}}`)))
    await writer.close()
    const reader = new DurableStream({ url: writer.url })
    const messages = (await take(reader.follow({ live }))).flatMap(text => JSON.parse(text))
    expect(messages.map(({ n }) => n).sort()).toEqual([1, 2, 3])
  })

  test('from now gets only what comes', async () => {
    const stream = fresh({ contentType: 'text/plain' })
    await stream.create({ body: 'old' })
    const batches = stream.follow({ live, offset: Sentinel.tail })
    expect((await batches.next()).value).toMatchObject({ upToDate: true, bytes: new Uint8Array() })
    await stream.append('new\nlines')
    expect(await take(batches, texts => texts.length === 1)).toEqual(['new\nlines'])
  })

  test('goes on through idle time, refusals and dropped connections', async () => {
    let idle: () => void = () => {}
    const idled = new Promise<void>(resolve => {
      idle = resolve
    })
    let waits = 0
    const counting: typeof fetch = (input, init) => {
      if (`${input}`.includes(`live=${live}`) && ++waits === 3) idle()
      return fetch(input, init)
    }
    const stream = fresh({ retry: { baseMs: 1 }, env: { fetch: counting } })
    await stream.create({ body: 'a' })
    const path = new URL(stream.url).pathname
    server.injectFault(path, { status: 503, count: 2 })
    const phases: string[] = []
    const texts = take(stream.follow({ live, onLink: state => phases.push(state.phase) }))
    await idled // by long-poll the server has said twice that there is nothing; by SSE it has refused twice
    server.injectFault(path, { dropConnection: true, count: 1 })
    await stream.append('b', { producer: { id: 'p', epoch: 0, seq: 0 } })
    await stream.append('c', { close: true })
    expect((await texts).join('')).toBe('abc')
    expect(phases.filter(phase => phase === 'waiting').length).toBeGreaterThanOrEqual(2)
  })

  test('of a stream that is not there fails', async () => {
    await expect(take(fresh().follow({ live }))).rejects.toMatchObject({ code: 'STREAM_NOT_FOUND' })
  })
})

describe('a producer', () => {
  test('has every append stored once and in order', async () => {
    const stream = fresh({ retry: { baseMs: 1 } })
    await stream.create()
    const producer = stream.producer()
    server.injectFault(new URL(stream.url).pathname, { dropConnection: true, count: 3 })
    const texts = Array.from({ length: 50 }, (_, index) => `<${index}>`)
    await Promise.all(texts.map(text => producer.append(text)))
    await producer.append('end')
    const { next } = await producer.close()
    expect(textOf((await stream.read()).bytes)).toBe(`${texts.join('')}end`)
    expect(await stream.head()).toMatchObject({ closed: true, next })
  })

  test('of JSON has every append stored as one message', async () => {
    const stream = fresh({ contentType: ContentType.json })
    await stream.create()
    const producer = stream.producer()
    await Promise.all(['{"a":1}', '[1,2]', '"x"'].map(text => producer.append(text)))
    await producer.append('7')
    expect(JSON.parse(textOf((await stream.read()).bytes))).toEqual([{ a: 1 }, [1, 2], 'x', 7])
  })

  test('is fenced by a newer epoch, told of gaps, and told of duplicates', async () => {
    const stream = fresh()
    await stream.create()
    await stream.producer({ id: 'p', epoch: 2 }).append('a')
    const old = stream.producer({ id: 'p', epoch: 1 })
    await expect(old.append('b')).rejects.toMatchObject({ code: 'PRODUCER_FENCED', details: { epoch: 2 } })
    const place = { id: 'p', epoch: 2, seq: 0 }
    expect(await stream.append('a', { producer: place })).toMatchObject({ kind: 'duplicate', seq: 0 })
    const gap = stream.append('c', { producer: { ...place, seq: 5 } })
    await expect(gap).rejects.toMatchObject({
      code: 'PRODUCER_GAP',
      details: { expectedSeq: 1, receivedSeq: 5 },
    })
    await expect(stream.producer({ id: 'p', epoch: 2 }).append('lost?')).rejects.toMatchObject({
      code: 'PRODUCER_REUSED',
    })
    expect(textOf((await stream.read()).bytes)).toBe('a')
  })
})
