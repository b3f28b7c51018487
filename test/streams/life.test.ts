import { describe, expect, test } from 'vitest'
import { ContentType } from '../../protocol/index.ts'
import { openMemoryStore } from '../../server/store/memory.ts'
import { reached } from '../../server/streams/streams.ts'
import { appendOf, creation, Notebook, openStreams, stateOf, utf8, whole } from './fixture.ts'
import { gate } from './gates.ts'
import { settled } from './world.ts'

const name = 'stream/s'
const contentType = ContentType.binary
const lasting = (ttlSeconds: number) => creation({ config: { contentType, ttlSeconds } })

describe('An expired stream', () => {
  test('is gone for every command, and its name is free for another', async () => {
    const { streams, world } = openStreams()
    await streams.create(name, { ...lasting(10), body: utf8('old') })
    const { generation } = await stateOf(streams, name)
    world.time += 10_000
    expect(await streams.load(name)).toBeUndefined()
    expect(await streams.hold(name)).toBeUndefined()
    expect(await streams.append(name, appendOf('late'))).toEqual({ kind: 'missing' })
    expect(await streams.annotate(name, generation, 'k', () => utf8('v'))).toBe(false)
    expect(await streams.trim(name, generation, 3)).toBe(false)
    expect(await streams.remove(name)).toBeUndefined()
    const again = await streams.create(name, creation())
    expect(again.kind).toBe('created')
    expect(await whole(streams, name)).toBe('')
    expect((await stateOf(streams, name)).generation).toBeGreaterThan(generation)
  })

  test.each([
    ['a creation', (s: ReturnType<typeof openStreams>) => s.streams.create(name, creation()), 'created'],
    ['an append', (s: ReturnType<typeof openStreams>) => s.streams.append(name, appendOf('x')), 'missing'],
  ])('that nobody removed yet is removed by %s', async (_what, command, kind) => {
    const opened = openStreams()
    await opened.streams.create(name, { ...lasting(10), body: utf8('old') })
    opened.world.time += 10_001
    expect(await command(opened)).toMatchObject({ kind })
    expect(await opened.store.due(opened.world.now(), 10)).toEqual([])
  })

  test('with a window of 0 seconds never was', async () => {
    const { streams } = openStreams()
    expect(await streams.create(name, lasting(0))).toMatchObject({ kind: 'created' })
    expect(await streams.load(name)).toBeUndefined()
    expect(await streams.create(name, lasting(0))).toMatchObject({ kind: 'created' })
  })

  test('lets its live readers go', async () => {
    const { streams, world } = openStreams()
    await streams.create(name, lasting(10))
    const held = await streams.hold(name)
    const reader = new Notebook()
    held?.tail.attach(reader)
    world.time += 10_000
    await streams.sweep(10)
    expect(reader.ends).toEqual(['gone'])
    held?.release()
    expect(streams.readers(name)).toBe(0)
  })

  test('that another process used again just in time keeps its live readers', async () => {
    const inner = openMemoryStore()
    const gated = gate(inner, ['remove'])
    const { streams, world } = openStreams(gated.store)
    const { streams: other } = openStreams(inner)
    await streams.create(name, lasting(10))
    const held = await streams.hold(name)
    const reader = new Notebook()
    held?.tail.attach(reader)
    // This process's clock is ahead: it finds the stream over, and is about to remove it.
    world.time += 10_000
    const append = streams.append(name, appendOf('a'))
    await settled()
    expect(gated.waiting).toHaveLength(1)
    await other.append(name, appendOf('b'))
    world.time -= 10_000
    gated.open()
    expect(await append).toMatchObject({ kind: 'appended' })
    expect(reader.ends).toEqual([])
    held?.release()
  })
})

describe('A sliding window', () => {
  test('is moved by appends and touches, not by looking', async () => {
    const { streams, world } = openStreams()
    await streams.create(name, lasting(100))
    world.time += 99_000
    await streams.append(name, appendOf('a'))
    world.time += 99_000
    const state = await stateOf(streams, name)
    streams.touch(name, state)
    await settled()
    world.time += 99_000
    await stateOf(streams, name)
    world.time += 20_000
    expect(await streams.load(name)).toBeUndefined()
  })

  test('used all the time is written now and then', async () => {
    let writes = 0
    const store = openMemoryStore({
      onWrite: write => {
        writes++
        return write()
      },
    })
    const { streams, world } = openStreams(store)
    await streams.create(name, lasting(800))
    writes = 0
    for (let use = 0; use < 100; use++) {
      world.time += 1_000
      streams.touch(name, await stateOf(streams, name))
      await settled()
    }
    expect(writes).toBeGreaterThanOrEqual(1)
    expect(writes).toBeLessThanOrEqual(3)
  })

  test('is not moved by a touch that belongs to an earlier life of the stream', async () => {
    const { streams, world } = openStreams()
    await streams.create(name, lasting(100))
    const old = await stateOf(streams, name)
    await streams.remove(name)
    await streams.create(name, lasting(100))
    const { deadline } = await stateOf(streams, name)
    world.time += 50_000
    streams.touch(name, old)
    await settled()
    expect((await stateOf(streams, name)).deadline).toBe(deadline)
  })

  test('that cannot be written fails nobody', async () => {
    const gated = gate(openMemoryStore(), ['commit'])
    const { streams, world } = openStreams(gated.store)
    const created = streams.create(name, lasting(100))
    await settled()
    gated.waiting[0]?.pass()
    await settled()
    gated.waiting[0]?.pass()
    await created
    world.time += 50_000
    streams.touch(name, await stateOf(streams, name))
    await settled()
    gated.waiting[0]?.fail(new Error('no room'))
    await settled()
    expect(await streams.load(name)).toBeDefined()
  })
})

test('An absolute end is not moved by use', async () => {
  const { streams, world } = openStreams()
  await streams.create(name, creation({ config: { contentType, expiresAt: world.now() + 10_000 } }))
  world.time += 9_999
  await streams.append(name, appendOf('a'))
  streams.touch(name, await stateOf(streams, name))
  await settled()
  world.time += 1
  expect(await streams.load(name)).toBeUndefined()
})

test('A sweep removes what is over, at most so many at a time, and nothing else', async () => {
  const { streams, store, world } = openStreams()
  for (let at = 0; at < 5; at++) await streams.create(`stream/${at}`, lasting(10 + at))
  await streams.create('stream/stays', creation())
  world.time += 13_000
  expect(await streams.sweep(3)).toBe(3)
  expect(await store.list('stream/', undefined, 10)).toEqual(['stream/3', 'stream/4', 'stream/stays'])
  expect(await streams.sweep(3)).toBe(1)
  expect(await streams.sweep(3)).toBe(0)
  expect(await streams.list('stream/', undefined, 10)).toEqual(['stream/4', 'stream/stays'])
})

test('A removed stream is gone, its readers too, and removing it again says so', async () => {
  const { streams } = openStreams()
  await streams.create(name, creation({ body: utf8('abc') }))
  const state = await stateOf(streams, name)
  const held = await streams.hold(name)
  const reader = new Notebook()
  held?.tail.attach(reader)
  expect(await streams.remove(name)).toMatchObject({ tail: expect.any(Number) })
  expect(reader.ends).toEqual(['gone'])
  expect(await streams.remove(name)).toBeUndefined()
  expect(await streams.slice(name, state, 0)).toBe('gone')
  held?.release()
})

test('Of a stream created again, the readers of its earlier life learn nothing', async () => {
  const { streams } = openStreams()
  await streams.create(name, creation())
  const old = await streams.hold(name)
  const reader = new Notebook()
  old?.tail.attach(reader)
  await streams.remove(name)
  await streams.create(name, creation())
  const fresh = await streams.hold(name)
  const second = new Notebook()
  fresh?.tail.attach(second)
  await streams.append(name, appendOf('new'))
  expect([reader.text, second.text]).toEqual(['', 'new'])
  old?.release()
  expect(streams.readers(name)).toBe(1)
  fresh?.release()
})

test('Of a stream that another process removed and created again, a new reader gets the new life', async () => {
  const store = openMemoryStore()
  const { streams } = openStreams(store)
  const { streams: other } = openStreams(store)
  await streams.create(name, creation({ body: utf8('a long old life') }))
  const old = await streams.hold(name)
  const reader = new Notebook()
  old?.tail.attach(reader)
  await other.remove(name)
  await other.create(name, creation({ body: utf8('new') }))
  const fresh = await streams.hold(name)
  expect(fresh?.state.tail).toBe(3)
  expect(reader.ends).toEqual(['gone'])
  const second = new Notebook()
  fresh?.tail.attach(second)
  await streams.append(name, appendOf('er'))
  expect([reader.text, second.text]).toEqual(['', 'er'])
  old?.release()
  fresh?.release()
  expect(streams.readers(name)).toBe(0)
})

test('What another process appended, who waits here is told when somebody here sees it', async () => {
  const store = openMemoryStore()
  const { streams } = openStreams(store)
  const { streams: other } = openStreams(store)
  await streams.create(name, creation())
  const held = await streams.hold(name)
  const reader = new Notebook()
  held?.tail.attach(reader)
  await other.append(name, appendOf('abc'))
  expect(reader.behinds).toBe(0)
  const second = await streams.hold(name)
  expect(reader.behinds).toBe(1)
  await other.append(name, appendOf('', { close: true }))
  const third = await streams.hold(name)
  expect([reader.behinds, held && reached(held)]).toMatchObject([2, { tail: 3, closed: true }])
  for (const one of [held, second, third]) one?.release()
})

test('What this process appends, who waits here gets as it was committed, whoever saw it in the store before', async () => {
  const gated = gate(openMemoryStore(), ['commit'])
  const { streams } = openStreams(gated.store)
  const created = streams.create(name, creation())
  await settled()
  for (let stage = 0; stage < 2; stage++) {
    gated.waiting[0]?.pass()
    await settled()
  }
  await created
  const held = await streams.hold(name)
  const reader = new Notebook()
  held?.tail.attach(reader)
  const append = streams.append(name, appendOf('abc'))
  await settled()
  gated.waiting[0]?.pass()
  await settled()
  // Committed, and not yet known to be.
  const early = await streams.hold(name)
  expect([early && reached(early).tail, reader.behinds]).toEqual([3, 0])
  gated.open()
  await append
  expect([reader.text, reader.behinds]).toEqual(['abc', 0])
  held?.release()
  early?.release()
})
