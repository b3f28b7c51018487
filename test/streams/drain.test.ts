import { describe, expect, test } from 'vitest'
import { StoreFailure } from '../../server/store/failure.ts'
import { openMemoryStore } from '../../server/store/memory.ts'
import { reached } from '../../server/streams/streams.ts'
import { appendOf, creation, Notebook, openStreams, whole } from './fixture.ts'
import { gate } from './gates.ts'
import { settled } from './world.ts'

const name = 'stream/s'

describe('Draining', () => {
  test('lets live readers go at once and waits for every append under way', async () => {
    const inner = openMemoryStore()
    const gated = gate(inner, ['commit'])
    const { streams } = openStreams(gated.store)
    await openStreams(inner).streams.create(name, creation())
    const held = await streams.hold(name)
    const reader = new Notebook()
    held?.tail.attach(reader)
    const first = streams.append(name, appendOf('a'))
    await settled()
    const second = streams.append(name, appendOf('b'))
    let drained = false
    const draining = streams.drain().then(() => {
      drained = true
    })
    await settled()
    expect(reader.ends).toEqual(['draining'])
    expect(drained).toBe(false)
    gated.waiting[0]?.pass()
    await settled()
    gated.waiting[0]?.pass()
    await settled()
    expect(await first).toMatchObject({ kind: 'appended' })
    expect(drained).toBe(false)
    gated.open()
    await draining
    expect(await second).toMatchObject({ kind: 'appended' })
    expect(await whole(streams, name)).toBe('ab')
    held?.release()
  })

  test('is not kept up by an append that fails', async () => {
    const inner = openMemoryStore()
    const gated = gate(inner, ['commit'])
    const { streams } = openStreams(gated.store)
    await openStreams(inner).streams.create(name, creation())
    const append = streams.append(name, appendOf('a'))
    await settled()
    const draining = streams.drain()
    gated.waiting[0]?.fail(new StoreFailure('failed', 'EIO'))
    await expect(append).rejects.toThrow(StoreFailure)
    await draining
  })

  test('lets go whoever comes later', async () => {
    const { streams } = openStreams()
    await streams.create(name, creation())
    await streams.drain()
    const held = await streams.hold(name)
    const reader = new Notebook()
    held?.tail.attach(reader)
    expect(reader.ends).toEqual(['draining'])
    held?.release()
  })

  test('of a server at rest is over at once', async () => {
    await openStreams().streams.drain()
  })
})

describe('Holding a stream', () => {
  test('leaves nothing behind, however often it is released', async () => {
    const { streams } = openStreams()
    await streams.create(name, creation())
    const holds = await Promise.all([streams.hold(name), streams.hold(name)])
    expect(streams.readers(name)).toBe(2)
    for (const held of [...holds, ...holds]) held?.release()
    expect(streams.readers(name)).toBe(0)
  })

  test('that is not there leaves nothing behind', async () => {
    const { streams } = openStreams()
    expect(await streams.hold(name)).toBeUndefined()
    expect(streams.readers(name)).toBe(0)
  })

  test('that cannot be loaded leaves nothing behind', async () => {
    const gated = gate(openMemoryStore(), ['load'])
    const { streams } = openStreams(gated.store)
    const held = streams.hold(name)
    await settled()
    expect(streams.readers(name)).toBe(1)
    gated.waiting[0]?.fail(new StoreFailure('damaged', 'a checksum differs'))
    await expect(held).rejects.toThrow(StoreFailure)
    expect(streams.readers(name)).toBe(0)
  })

  test('misses nothing that is committed while it is loaded', async () => {
    const inner = openMemoryStore()
    const gated = gate(inner, ['load'])
    const { streams } = openStreams(gated.store)
    await openStreams(inner).streams.create(name, creation())
    const holding = streams.hold(name)
    await settled()
    gated.waiting[0]?.pass()
    await settled()
    expect(gated.waiting[0]?.stage).toBe('done')
    const append = streams.append(name, appendOf('abc'))
    await settled()
    for (const one of gated.waiting.slice(1)) one.pass()
    await settled()
    for (const one of gated.waiting.slice(1)) one.pass()
    await append
    gated.open()
    const held = await holding
    expect(held?.state.tail).toBe(0)
    expect(held && reached(held).tail).toBe(3)
    held?.release()
  })

  test('that is removed and created again while it is loaded gives the new life', async () => {
    const inner = openMemoryStore()
    const gated = gate(inner, ['load'])
    const { streams } = openStreams(gated.store)
    const { streams: before } = openStreams(inner)
    await before.create(name, creation())
    const holding = streams.hold(name)
    await settled()
    gated.waiting[0]?.pass()
    await settled()
    const stale = gated.waiting[0]
    expect(stale?.stage).toBe('done')
    const removed = streams.remove(name)
    await settled()
    for (const one of gated.waiting.slice(1)) one.pass()
    await settled()
    for (const one of gated.waiting.slice(1)) one.pass()
    await removed
    await before.create(name, creation())
    gated.open()
    const held = await holding
    expect(held?.tail.ended).toBeUndefined()
    expect(held?.state.generation).toBe((await before.load(name))?.generation)
    held?.release()
    expect(streams.readers(name)).toBe(0)
  })
})
