import { expect, test } from 'vitest'
import { ContentType, ErrorCode, Header, Live, Query, Sentinel } from '../../protocol/index.ts'
import { openLmdbStore } from '../../server/store/lmdb.ts'
import { openMemoryStore } from '../../server/store/memory.ts'
import type { Store } from '../../server/store/store.ts'
import { and, header, open, verdictOf } from '../bad-input/arena.ts'
import { Events } from '../http/events.ts'
import { document, from, openApp, producer, stream } from '../http/fixture.ts'
import type { RawConnection } from '../process/raw.ts'
import { temporaryDirectory } from '../store/temporary.ts'
import { settled } from '../streams/world.ts'
import { framed, typing } from '../yjs/fixture.ts'
import { entriesIn, entry, presenceOf } from '../yjs/presence-fixture.ts'
import { boundary, patience, serving } from './boundary.ts'

const text = { type: 'text/plain' }
const binary = { type: ContentType.binary }

test('[limit readersPerStream] of live readers so many are served, and one more when one has left', async () => {
  const here = await serving({ readersPerStream: 3, longPollMs: 60_000 })
  const target = await here.stream()
  const readers: RawConnection[] = []
  for (const _ of [1, 2, 3]) {
    const reader = await here.follow(target, Sentinel.tail)
    readers.push(reader)
    expect(reader.text).toMatch(/^HTTP\/1\.1 200 /)
  }
  for (const live of [Live.sse, Live.longPoll]) {
    const answer = await here.ask('GET', from(target, Sentinel.tail, live))
    expect(verdictOf(answer)).toEqual([503, ErrorCode.tooManyReaders])
    expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/)
  }
  expect((await here.ask('GET', target)).status).toBe(200)
  readers.pop()?.close()
  const admitted = async () => {
    const reader = await here.follow(target, Sentinel.tail)
    readers.push(reader)
    return reader.text.slice(9, 12)
  }
  await expect.poll(admitted, patience).toBe('200')
  for (const reader of readers) reader.close()
})

/** A reader that takes nothing, for whom `body` and then one more append are written. */
const untaken = async (backlogBytes: number, body: string) => {
  const app = openApp({ limits: { backlogBytes, stallMs: 1_000, sseMs: 60_000, heartbeatMs: 60_000 } })
  const s = stream('s')
  await app.send('PUT', s, text)
  const answer = await app.send('GET', from(s, Sentinel.start, Live.sse))
  for (const one of [body, 'y']) {
    await app.send('POST', s, { ...text, body: one })
    await settled()
  }
  return { app, answer }
}

test('[limit backlogBytes] a slow reader is queued more as long as no more than so much waits', async () => {
  const body = 'x'.repeat(1_000)
  const twin = await untaken(1 << 20, body)
  const events = new Events(twin.answer)
  await settled()
  // Everything but the last append.
  const waiting = events.chunks.slice(0, -1).reduce((sum, { length }) => sum + length, 0)
  await events.leave()
  const served: boolean[] = []
  for (const limit of [waiting + 1, waiting, waiting - 1]) {
    const { app, answer } = await untaken(limit, body)
    await app.world.turn(1_000)
    served.push(app.streams.readers('stream/s') === 1)
    await answer.body?.cancel().catch(() => undefined)
  }
  expect(served).toEqual([true, true, false])
})

/** A store that counts how often records are read. */
const counting = () => {
  const inner = openMemoryStore()
  const reads = { count: 0 }
  const store = new Proxy(inner, {
    get(from, key) {
      const value: unknown = Reflect.get(from, key)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        if (key === ('read' satisfies keyof Store)) reads.count++
        return Reflect.apply(value, from, args) as unknown
      }
    },
  })
  return { store, reads }
}

test('[limit causalClients] so many clients are remembered, an empty document counts as eight', async () => {
  const remembered: boolean[] = []
  for (const causalClients of [19, 18, 17]) {
    const { store, reads } = counting()
    const { send } = openApp({ store, limits: { causalClients } })
    const [first, second] = typing(2)
    for (const path of ['a', 'b']) {
      await send('PUT', document(path))
      await send('POST', document(path), { ...binary, body: framed(first ?? new Uint8Array()) })
    }
    reads.count = 0
    const answer = await send('POST', document('a'), {
      ...binary,
      body: framed(second ?? new Uint8Array()),
    })
    expect(answer.status).toBe(204)
    remembered.push(reads.count === 0)
  }
  expect(remembered).toEqual([true, true, false])
})

test('[limit compactFailures] a compaction that fails is tried so often', async () => {
  const tried = { count: 0 }
  const offload = {
    run: () => {
      tried.count++
      return Promise.reject(new Error('it would not'))
    },
    close: async () => undefined,
  }
  const here = await serving({ compactFailures: 3 }, { offload, compactBytes: 50 })
  const target = await here.document()
  const seen: number[] = []
  for (let at = 1; at <= 5; at++) {
    await here.ask('POST', target, { ...binary, body: framed(...typing(10, 10, at)) })
    if (at <= 3) await expect.poll(() => tried.count, patience).toBe(at)
    else await here.ask('GET', and(target, { [Query.offset]: Sentinel.snapshot }))
    seen.push(tried.count)
  }
  expect(seen).toEqual([1, 2, 3, 3, 3])
})

test.each([
  ['somebody', () => ({})],
  ['a producer', (at: number) => producer(0, at)],
  ['ever another producer', (at: number) => producer(0, 0, `${at}`)],
])('[limit awarenessBytes] less than that of %s is kept whole, and never that much', async (_, headers) => {
  const here = await serving({ awarenessBytes: 20 })
  const target = `${await here.document()}?awareness=default`
  /** The offsets after each byte. */
  const offsets: string[] = []
  const speak = async (count: number) => {
    for (let at = 0; at < count; at++) {
      const answer = await here.ask('POST', target, {
        ...binary,
        body: 'x',
        headers: headers(offsets.length),
      })
      offsets.push(String(header(answer, Header.nextOffset)))
    }
  }
  const after = (at: number) => here.ask('GET', and(target, { [Query.offset]: offsets[at - 1] ?? '' }))
  await speak(19)
  expect((await after(1)).text).toBe('x'.repeat(18))
  await speak(1)
  await expect.poll(async () => verdictOf(await after(1)), patience).toEqual([410, ErrorCode.offsetExpired])
  expect((await after(10)).text).toBe('x'.repeat(10))
  expect(verdictOf(await after(9))).toEqual([410, ErrorCode.offsetExpired])
})

boundary(
  '[limit awarenessClients] the clients that joiners are told of',
  { awarenessClients: 4 },
  4,
  async (here, count) => {
    const target = `${await here.document()}?awareness=default`
    const others = Array.from({ length: count }, (_, at) => entry(at + 1, 1))
    const reader = await here.follow(target, Sentinel.tail)
    for (const one of others) await here.ask('POST', target, { ...binary, body: presenceOf(one) })
    const joined = await here.ask('GET', and(target, { [Query.offset]: Sentinel.snapshot }))
    // Who is not remembered is relayed all the same.
    await reader.until(
      new RegExp(
        Buffer.from(presenceOf(entry(count, 1)))
          .toString('base64')
          .replace(/[+/=]/g, '\\$&'),
      ),
    )
    reader.close()
    const told = entriesIn(joined.body).length
    expect(told).toBe(Math.min(count, 4))
    return told === count
  },
)

test('[limit storeBytes] an append that fits is taken, one byte more is 507', async () => {
  const storeBytes = 8 << 20
  const statuses: number[] = []
  const create = async (data: string) => {
    const { arena, close } = await open({ store: 'lmdb', data, limits: { storeBytes } })
    const target = await arena.stream()
    await close()
    return target
  }
  for (const size of [-1, 0, 1]) {
    const data = await temporaryDirectory()
    const target = await create(data)
    const store = await openLmdbStore({ directory: data })
    const { usedBytes } = store.usage()
    await store.close()
    // An eighth stays free for removing; a large record has its pages to itself, two of them for what is beside it.
    const room = storeBytes - storeBytes / 8 - usedBytes - 8_192
    const { arena, close } = await open({
      store: 'lmdb',
      data,
      limits: { storeBytes, bodyBytes: storeBytes },
    })
    const answer = await arena.ask('POST', target, { ...text, body: Buffer.alloc(room + size, 'x') })
    statuses.push(answer.status)
    if (answer.status !== 204) expect(verdictOf(answer)).toEqual([507, ErrorCode.storageFull])
    await close()
  }
  expect(statuses).toEqual([204, 204, 507])
})
