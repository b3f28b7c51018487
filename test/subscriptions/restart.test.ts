import { describe, expect, test } from 'vitest'
import { ContentType, Sentinel } from '../../protocol/index.ts'
import { StoreFailure } from '../../server/store/failure.ts'
import { openMemoryStore } from '../../server/store/memory.ts'
import type { Store } from '../../server/store/store.ts'
import { servicePrefix, streamOf } from '../../server/subscriptions/names.ts'
import { openApp } from '../http/fixture.ts'
import { openStore, temporaryDirectory } from '../store/temporary.ts'
import { FakeWorld } from '../streams/world.ts'
import { answered, FakeNetwork, silence } from './fake-network.ts'
import {
  ackOf,
  openSubscribed,
  pullFields,
  type Subscribed,
  stream,
  subscription,
  wakeOf,
  wakeStream,
  webhookFields,
} from './fixture.ts'

/** Lets a world go on, without time passing, until something has happened on a disk as well. */
const until = async (world: FakeWorld, happened: () => boolean): Promise<void> => {
  const deadline = performance.now() + 20_000
  while (!happened()) {
    if (performance.now() > deadline) throw new Error('it did not happen in time')
    await world.turn(0)
  }
}

/** What is left of a process that was killed: its store and its clock. */
const restart = (store: Store, world: FakeWorld, network = new FakeNetwork()): Promise<Subscribed> =>
  openSubscribed({ store, world: new FakeWorld({ time: world.time }), network })

type Commit = Store['commit']

/** A store with something before, after or instead of its commits. */
const wrapped = (
  inner: Store,
  around: (name: string, commit: () => ReturnType<Commit>) => ReturnType<Commit>,
): Store => ({
  manifest: inner.manifest,
  load: inner.load.bind(inner),
  read: inner.read.bind(inner),
  remove: inner.remove.bind(inner),
  list: inner.list.bind(inner),
  due: inner.due.bind(inner),
  close: inner.close.bind(inner),
  commitAll: inner.commitAll.bind(inner),
  commit: (name, ...rest) => around(name, () => inner.commit(name, ...rest)),
})

describe('After a restart', () => {
  test('a failed delivery is made again when it was due, not before, and counts on', async () => {
    const store = openMemoryStore()
    const first = await openSubscribed({ store })
    first.network.respond = () => answered(503)
    await first.subscribe('s', webhookFields)
    await first.append('events/a')
    await first.world.turn(3_000)
    expect(first.network.sent).toHaveLength(3)

    const second = await restart(store, first.world)
    second.network.respond = () => answered(503)
    await second.world.turn(3_999)
    expect(second.network.sent).toEqual([])
    await second.world.turn(1)
    expect(second.network.sent).toHaveLength(1)
    expect(second.network.last.call.wake_id).toBe(first.network.last.call.wake_id)
    await second.world.turn(7_999)
    expect(second.network.sent).toHaveLength(1)
    await second.world.turn(1)
    expect(second.network.sent).toHaveLength(2)
  })

  test('a delivery that was under way is made again after its time', async () => {
    const store = openMemoryStore()
    const first = await openSubscribed({ store })
    first.network.respond = silence
    await first.subscribe('s', webhookFields)
    await first.append('events/a')
    expect(first.network.sent).toHaveLength(1)
    const second = await restart(store, first.world)
    await second.world.turn(5_999)
    expect(second.network.sent).toEqual([])
    await second.world.turn(1)
    expect(second.network.last.call.wake_id).toBe(first.network.last.call.wake_id)
  })

  test('an append that nobody had looked at yet wakes, also of a stream that is new', async () => {
    const store = openMemoryStore()
    const first = await openSubscribed({ store })
    await first.append('events/old')
    await first.subscribe('s', webhookFields)
    const asked = { type: ContentType.json, body: '{}' }
    expect((await first.send('POST', stream('events/old'), asked)).status).toBe(204)
    expect((await first.send('PUT', stream('events/new'), asked)).status).toBe(201)
    expect(first.network.sent).toEqual([])

    const second = await restart(store, first.world)
    await second.world.turn(0)
    expect(second.network.last.call.streams.map(({ path }) => path)).toEqual(['events/old', 'events/new'])
  })

  test('a lease runs out when it would have, and its holder may go on until then', async () => {
    const store = openMemoryStore()
    const first = await openSubscribed({ store })
    await first.createWakeStream()
    await first.subscribe('s', pullFields)
    const tail = await first.append('events/a')
    const claimed = await first.claimed('s')

    const second = await restart(store, first.world)
    await second.world.turn(29_000)
    expect((await second.claim('s', 'two')).status).toBe(409)
    expect((await second.ack('s', claimed)).status).toBe(200)
    await second.world.turn(29_999)
    expect(await second.wakeEvents()).toHaveLength(1)
    await second.world.turn(1)
    expect(await second.wakeEvents()).toHaveLength(2)
    expect((await second.ack('s', claimed, { acks: [ackOf('events/a', tail)] })).status).toBe(409)
    expect((await second.claimed('s', 'two')).generation).toBe(2)
  })

  test('a wake event that was written is not written again, one that was not is', async () => {
    const store = openMemoryStore()
    const first = await openSubscribed({ store })
    await first.subscribe('s', pullFields)
    await first.append('events/a')
    await first.world.turn(0)
    await first.createWakeStream()

    const second = await restart(store, first.world)
    await second.world.turn(10_000)
    expect(await second.wakeEvents()).toHaveLength(1)
    const third = await restart(store, second.world)
    await third.world.turn(60_000)
    expect(await third.wakeEvents()).toHaveLength(1)
  })

  test('a wake event is not repeated when only the note that it was written is missing', async () => {
    const inner = openMemoryStore()
    let isArmed = false
    let isDead = false
    const store = wrapped(inner, async (name, commit) => {
      if (isDead) throw new StoreFailure('failed', 'the disk is gone')
      const revision = await commit()
      isDead = isArmed && name === streamOf('', wakeStream)
      return revision
    })
    const first = await openSubscribed({ store })
    await first.createWakeStream()
    await first.subscribe('s', pullFields)
    isArmed = true
    await first.append('events/a')
    expect(await first.wakeEvents()).toHaveLength(1)
    expect(first.logged.some(({ msg }) => msg === 'a subscription could not be tended')).toBe(true)

    const second = await restart(inner, first.world)
    await second.world.turn(60_000)
    expect(await second.wakeEvents()).toHaveLength(1)
    expect((await second.claimed('s')).generation).toBe(1)
  })

  test('a removed subscription stays removed', async () => {
    const store = openMemoryStore()
    const first = await openSubscribed({ store })
    first.network.respond = () => answered(503)
    await first.subscribe('s', webhookFields)
    await first.append('events/a')
    await first.send('DELETE', subscription('s'))
    const second = await restart(store, first.world)
    await second.world.turn(600_000)
    expect(second.network.sent).toEqual([])
  })
})

test('A store on disk, closed and opened again, goes on with retries, tokens and keys', async () => {
  const directory = await temporaryDirectory()
  const store = await openStore(directory)
  const first = await openSubscribed({ store })
  first.network.respond = () => answered(503)
  expect((await first.subscribe('s', webhookFields)).status).toBe(201)
  const tail = await first.append('events/a')
  await until(first.world, () =>
    first.logged.some(({ msg }) => msg === 'a worker could not be told of a wake'),
  )
  const { call, headers } = first.network.last
  await first.subscriptions?.close(1_000)
  await first.streams.drain()
  await store.close()

  const second = await restart(await openStore(directory), first.world)
  await until(second.world, () => second.world.timers > 1)
  await second.world.turn(999)
  expect(second.network.sent).toEqual([])
  await second.world.turn(1)
  await until(second.world, () => second.network.sent.length > 0)
  expect(second.network.last.call.wake_id).toBe(call.wake_id)
  const keyOf = (signature = '') => /kid=([^,]+)/.exec(signature)?.[1]
  expect(keyOf(second.network.last.headers['Webhook-Signature'])).toBe(keyOf(headers['Webhook-Signature']))
  const done = await second.callback('s', wakeOf(call), { acks: [ackOf('events/a', tail)], done: true })
  expect(await done.json()).toEqual({ ok: true, next_wake: false })
  await second.subscriptions?.close(1_000)
})

test('What is appended while a subscription is being made wakes it at once', async () => {
  const inner = openMemoryStore()
  const other = openApp({ store: inner })
  let isFirst = true
  const store = wrapped(inner, async (name, commit) => {
    if (isFirst && name.startsWith(servicePrefix(''))) {
      isFirst = false
      const asked = { type: ContentType.json, body: '{}' }
      expect((await other.send('PUT', stream('events/a'), asked)).status).toBe(201)
    }
    return commit()
  })
  const app = await openSubscribed({ store })
  expect((await app.subscribe('s', webhookFields)).status).toBe(201)
  await app.world.turn(0)
  expect(app.network.last.call.streams).toMatchObject([{ path: 'events/a', acked_offset: Sentinel.start }])
})

describe('Two processes over one store', () => {
  const openTwo = async () => {
    const store = openMemoryStore()
    const world = new FakeWorld()
    return { world, one: await openSubscribed({ store, world }), two: await openSubscribed({ store, world }) }
  }

  test('make each delivery once', async () => {
    const { world, one, two } = await openTwo()
    await one.subscribe('s', webhookFields)
    await world.turn(30_000)
    await one.append('events/a')
    await two.append('events/a')
    await world.turn(29_000)
    expect(one.network.sent.length + two.network.sent.length).toBe(1)
  })

  test('look after what the other one left', async () => {
    const { world, one, two } = await openTwo()
    one.network.respond = () => answered(503)
    await one.subscribe('s', webhookFields)
    await one.append('events/a')
    await one.subscriptions?.close(0)
    await world.turn(31_000)
    expect(two.network.sent.length).toBeGreaterThan(0)
  })

  test('learn of appends that the other one took', async () => {
    const { world, one, two } = await openTwo()
    await one.subscribe('s', webhookFields)
    await world.turn(30_000)
    await one.subscriptions?.close(0)
    const asked = { type: ContentType.json, body: '{}' }
    await one.send('PUT', stream('events/a'), asked)
    await world.turn(30_000)
    expect(two.network.sent).toHaveLength(1)
  })

  test('give the lease to one of two workers, and fence across', async () => {
    const { one, two } = await openTwo()
    await one.createWakeStream()
    await one.subscribe('s', pullFields)
    await one.append('events/a')
    const answers = await Promise.all([one.claim('s', 'one'), two.claim('s', 'two')])
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409])
  })
})

describe('Closing', () => {
  test('lets a delivery under way finish', async () => {
    const app = await openSubscribed()
    let respond: () => void = () => undefined
    app.network.respond = () =>
      new Promise(resolve => {
        respond = () => resolve(answered(200, { done: true }))
      })
    await app.subscribe('s', webhookFields)
    const tail = await app.append('events/a')
    const closed = app.subscriptions?.close(10_000)
    respond()
    await closed
    expect(await app.acked('s')).toEqual({ 'events/a': tail })
    expect(app.world.timers).toBe(0)
  })

  test('cuts one that takes too long, and leaves it to the next process', async () => {
    const store = openMemoryStore()
    const app = await openSubscribed({ store })
    app.network.respond = silence
    await app.subscribe('s', webhookFields)
    await app.append('events/a')
    const closed = app.subscriptions?.close(1_000)
    await app.world.turn(1_000)
    await closed
    expect(app.world.timers).toBe(0)
    const next = await restart(store, app.world)
    await next.world.turn(6_000)
    expect(next.network.sent).toHaveLength(1)
  })

  test('makes no delivery that had not begun', async () => {
    const app = await openSubscribed({ limits: { webhooksAtOnce: 1 } })
    app.network.respond = silence
    await app.subscribe('1', webhookFields)
    await app.subscribe('2', webhookFields)
    await app.append('events/a')
    const closed = app.subscriptions?.close(1_000)
    await app.append('events/a')
    await app.world.turn(1_000)
    await closed
    await app.world.turn(600_000)
    expect(app.network.sent).toHaveLength(1)
  })
})
