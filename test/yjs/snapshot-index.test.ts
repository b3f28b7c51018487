import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { ContentType, formatOffset, type Place, snapshotOffset } from '../../protocol/index.ts'
import { type ServerOptions, startServer } from '../../server/index.ts'
import { openLmdbStore } from '../../server/store/lmdb.ts'
import { openMemoryStore } from '../../server/store/memory.ts'
import type { Store } from '../../server/store/store.ts'
import { Batch } from '../../server/streams/batch.ts'
import { Streams } from '../../server/streams/streams.ts'
import { realWorld } from '../../server/world.ts'
import { indexStream, logStream, untoldPrefix, untoldStream } from '../../server/yjs/names.ts'
import { IndexedSnapshots, indexRecords } from '../../server/yjs/snapshot-index.ts'
import { inlineOffload, openApp } from '../http/fixture.ts'
import { temporaryDirectory } from '../store/temporary.ts'
import { openSubscribed } from '../subscriptions/fixture.ts'
import { d, framed, name, post, typing } from './fixture.ts'

const silent = pino({ level: 'silent' })
const index = indexStream(name)
const marksOf = (store: Store) => store.list(untoldPrefix, undefined, 10)

/** A store in which nothing is written any more to names that begin with `broken.prefix`. */
const breakable = () => {
  const inner = openMemoryStore()
  const broken = { prefix: 'none' }
  const store: Store = new Proxy(inner, {
    get(from, key) {
      const value: unknown = Reflect.get(from, key)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        const isWrite = key === ('commit' satisfies keyof Store)
        if (isWrite && `${args[0]}`.startsWith(broken.prefix)) return Promise.reject(new Error('cut short'))
        return Reflect.apply(value, from, args) as unknown
      }
    },
  })
  return { store, broken }
}

const opened = async (store: Store = openMemoryStore()) => {
  const app = openApp({ store, compactBytes: 100, subscriptions: {} })
  await app.send('PUT', d)
  const publish = async (...updates: Uint8Array[]) => {
    await post(app, ...updates)
    await app.compactor.settled()
    const found = await app.snapshots.current(name)
    if (!found?.pointer) throw new Error('there is no snapshot')
    return placeName({ generation: found.state.generation, position: found.pointer.position })
  }
  return { ...app, publish }
}

const placeName = (place: Place): string => snapshotOffset(formatOffset(place))

/** What an index says, from the first message it still has. */
const told = async (streams: Streams): Promise<readonly string[]> => {
  const state = await streams.load(index)
  if (!state) return []
  const batch = await streams.slice(index, state, state.start)
  if (!(batch instanceof Batch)) throw new Error('the index cannot be read')
  const messages = JSON.parse(Buffer.from(batch.body()).toString()) as { snapshot: string }[]
  return messages.map(({ snapshot }) => snapshot)
}

test('[I1] an index gets one message with every snapshot, whose pointer is there by then', async () => {
  const { store, streams, publish } = await opened()
  expect(await told(streams)).toEqual([])
  const updates = typing(20, 30)
  const first = await publish(...updates.slice(0, 10))
  expect(await told(streams)).toEqual([first])
  const second = await publish(...updates.slice(10))
  expect(await told(streams)).toEqual([first, second])
  expect(await marksOf(store)).toEqual([])
})

test('[I1] the message comes after the pointer, and not where the pointer stays', async () => {
  const { store, broken } = breakable()
  const { streams, snapshots, publish } = await opened(store)
  const first = await publish(...typing(10, 30))
  broken.prefix = logStream(name)
  const state = await streams.load(logStream(name))
  if (!state) throw new Error('the document is gone')
  const place = { generation: state.generation, position: state.tail + 1 }
  await expect(snapshots.publish(name, place, new Uint8Array([0, 0]))).rejects.toThrow('cut short')
  expect(await told(streams)).toEqual([first])
  expect(await marksOf(store)).toHaveLength(1)
})

test('[I2] what a crash left untold wakes subscribers after the next start', async () => {
  const { store, broken } = breakable()
  const { streams, publish } = await opened(store)
  const updates = typing(20, 30)
  const first = await publish(...updates.slice(0, 10))
  const before = await openSubscribed({ store, compactBytes: 100 })
  const fields = {
    type: 'webhook',
    events: ['snapshot.available'],
    document_pattern: '**',
    webhook: { url: 'https://hooks.example.org/' },
  }
  const answer = await before.json('PUT', '/v1/yjs/svc/__ds/subscriptions/s', fields)
  expect(answer.status).toBe(201)
  broken.prefix = index
  const second = await publish(...updates.slice(10))
  expect(second).not.toBe(first)
  expect(await told(streams)).toEqual([first])
  expect(await marksOf(store)).toHaveLength(1)

  broken.prefix = 'none'
  await new IndexedSnapshots(streams, silent).recover()
  expect(await told(streams)).toEqual([first, second])
  expect(await marksOf(store)).toEqual([])
  const after = await openSubscribed({ store, compactBytes: 100 })
  await after.world.turn(0)
  expect(after.network.sent.map(({ call }) => call.streams.map(({ path }) => path))).toEqual([
    ['yjs/svc/docs/d/.index'],
  ])
})

test('[I2] a server tells of it before it takes requests', async () => {
  const data = await temporaryDirectory()
  const start = async (options: ServerOptions = {}) => {
    const server = await startServer({ port: 0, data, compactBytes: 100, offload: inlineOffload, ...options })
    onTestFinished(() => server.close())
    return server
  }
  const first = await start()
  await fetch(`${first.url}${d}`, { method: 'PUT' })
  const body = framed(...typing(10, 30)) as Uint8Array<ArrayBuffer>
  await fetch(`${first.url}${d}`, { method: 'POST', headers: { 'Content-Type': ContentType.binary }, body })
  const discovered = async () =>
    (await fetch(`${first.url}${d}?offset=snapshot`, { redirect: 'manual' })).headers.get('Location') ?? ''
  await expect.poll(discovered, { timeout: 20_000 }).toMatch(/_snapshot$/)
  const snapshot = (await discovered()).split('=').at(-1)
  await first.close()

  const store = await openLmdbStore({ directory: data })
  const streams = new Streams({ store, world: realWorld, readBytes: 1 << 20 })
  const config = { contentType: ContentType.binary }
  await streams.create(untoldStream(name), { config, body: new Uint8Array(), closed: false })
  await store.close()

  const second = await start({ subscriptions: {} })
  expect(await (await fetch(`${second.url}/v1/${index}`)).json()).toEqual([{ snapshot }])
})

test('[I2] a start finds every mark, also those of documents that are no more', async () => {
  const { store, streams } = await opened()
  const marks = Array.from({ length: 250 }, (_, at) => `${untoldPrefix}svc/gone/${at}`)
  for (const mark of marks) {
    const config = { contentType: ContentType.binary }
    await streams.create(mark, { config, body: new Uint8Array(), closed: false })
  }
  await new IndexedSnapshots(streams, silent).recover()
  expect(await marksOf(store)).toEqual([])
  expect(await store.list('stream/', undefined, 10)).toEqual([])
})

test('[I3] an index keeps its last messages, at least so many, never twice as many', async () => {
  const { streams, snapshots } = await opened()
  const state = await streams.load(logStream(name))
  if (!state) throw new Error('there is no document')
  const all: string[] = []
  const lengths: number[] = []
  for (let position = 1; position <= 3 * indexRecords; position++) {
    const place = { generation: state.generation, position }
    expect(await snapshots.publish(name, place, new Uint8Array([0, 0]))).toBe(true)
    all.push(placeName(place))
    const kept = await told(streams)
    expect(kept).toEqual(all.slice(-kept.length))
    lengths.push(kept.length)
  }
  expect(Math.min(...lengths.slice(indexRecords))).toBe(indexRecords)
  expect(Math.max(...lengths)).toBe(2 * indexRecords - 1)
})

test('[I4] an index goes with its document, and begins anew with the next one', async () => {
  const { send, streams, publish } = await opened()
  await publish(...typing(10, 30))
  const old = await streams.load(index)
  await send('DELETE', d)
  expect(await streams.load(index)).toBeUndefined()
  await send('PUT', d)
  const next = await publish(...typing(10, 30, 2))
  expect(await told(streams)).toEqual([next])
  expect((await streams.load(index))?.generation).not.toBe(old?.generation)
})

test('[I4] an index that began while its document went goes too', async () => {
  const { store } = breakable()
  const { streams, snapshots, publish } = await opened(store)
  await publish(...typing(10, 30))
  const pointed = await snapshots.current(name)
  if (!pointed) throw new Error('there is no document')
  await streams.remove(index)
  // The log goes after the pointer was looked at and before the message is there.
  const removing = new RemovingStreams(streams, () => streams.remove(logStream(name)))
  await removing.publish({ generation: pointed.state.generation, position: pointed.state.tail + 1 })
  expect(await streams.load(index)).toBeUndefined()
})

/** Publishes while somebody deletes the document. */
class RemovingStreams {
  readonly #streams: Streams
  readonly #remove: () => Promise<unknown>

  constructor(streams: Streams, remove: () => Promise<unknown>) {
    this.#streams = streams
    this.#remove = remove
  }

  publish(place: Place): Promise<boolean> {
    const remove = this.#remove
    const racing = new Proxy(this.#streams, {
      get(from, key) {
        const value: unknown = Reflect.get(from, key)
        if (typeof value !== 'function') return value
        return async (...args: unknown[]) => {
          if (key === ('append' satisfies keyof Streams)) await remove()
          return Reflect.apply(value, from, args) as unknown
        }
      },
    })
    return new IndexedSnapshots(racing, silent).publish(name, place, new Uint8Array([0, 0]))
  }
}

test('Without subscriptions no index is kept', async () => {
  const app = openApp({ compactBytes: 100 })
  await app.send('PUT', d)
  await post(app, ...typing(10, 30))
  await app.compactor.settled()
  expect((await app.snapshots.current(name))?.pointer).toBeDefined()
  expect(await app.store.list('stream/', undefined, 10)).toEqual([])
  expect(await marksOf(app.store)).toEqual([])
})
