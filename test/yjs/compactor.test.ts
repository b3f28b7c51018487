import { describe, expect, test } from 'vitest'
import { decodeFrames, ErrorCode, formatOffset, Query } from '../../protocol/index.ts'
import { openMemoryStore } from '../../server/store/memory.ts'
import type { Store } from '../../server/store/store.ts'
import { type App, codeOf, openApp } from '../http/fixture.ts'
import { gate } from '../streams/gates.ts'
import { settled } from '../streams/world.ts'
import { binary, d, discover, docOf, expectSame, framed, joined, name, post, typing } from './fixture.ts'
import { HeldOffload } from './held-offload.ts'

const opened = async (opening: Parameters<typeof openApp>[0] = {}) => {
  const app = openApp(opening)
  await app.send('PUT', d)
  return app
}

/** With compaction in the hands of the test, due after 100 bytes of log. */
const held = async (opening: Parameters<typeof openApp>[0] = {}) => {
  const offload = new HeldOffload()
  const app = await opened({ compactBytes: 100, offload, ...opening })
  return { ...app, app, offload }
}

const pointerOf = async (app: App): Promise<number | undefined> =>
  (await app.snapshots.current(name))?.pointer?.position

const tailOf = async (app: App): Promise<number> => (await app.documents.load(name))?.tail ?? 0

/** Updates of about a hundred bytes each, so that every one makes a compaction due. */
const large = (count: number, clientID = 1) => typing(count, 110, clientID)

describe('A compaction', () => {
  const log = framed(...typing(3))

  test.each([
    [log.length - 1, true],
    [log.length, true],
    [log.length + 1, false],
  ])('of a log of that length is due at a threshold of %i: %s', async (compactBytes, isDue) => {
    const app = await opened({ compactBytes })
    await post(app, ...typing(3))
    await app.compactor.settled()
    expect(await pointerOf(app)).toBe(isDue ? log.length : undefined)
  })

  test('is due again when the log has grown by as much past the snapshot, not before', async () => {
    const app = await opened({ compactBytes: log.length })
    const pointers: (number | undefined)[] = []
    for (const client of [1, 2, 3, 4]) {
      for (const update of typing(3, 10, client)) await post(app, update)
      await app.compactor.settled()
      pointers.push(await pointerOf(app))
    }
    expect(pointers).toEqual([1, 2, 3, 4].map(times => times * log.length))
    expect((await joined(app)).doc.getText('text').length).toBe(120)
  })

  test('is due for a document created with enough content', async () => {
    const app = openApp({ compactBytes: 10 })
    await app.send('PUT', d, { ...binary, body: log })
    await app.compactor.settled()
    expect(await pointerOf(app)).toBe(log.length)
  })

  test('goes on from the snapshot below it with only what follows', async () => {
    const { app, offload } = await held()
    const [first, second] = large(2)
    if (!first || !second) throw new Error('there are two')
    await post(app, first)
    await offload.finish()
    await post(app, second)
    expect(offload.prefixes.map(({ tail }) => decodeFrames(tail))).toEqual([[first], [second]])
    expectSame(docOf(offload.prefixes[1]?.snapshot ?? new Uint8Array()), docOf(first))
    await offload.finish()
    expect((await joined(app)).doc.getText('text').length).toBe(220)
  })

  test('runs once at a time for a document, and beside those of others', async () => {
    const { app, offload } = await held()
    for (const update of large(3)) await post(app, update)
    expect(offload.running).toBe(1)
    const other = `${d}2`
    await app.send('PUT', other)
    await app.send('POST', other, { ...binary, body: framed(...large(1)) })
    await settled()
    expect(offload.running).toBe(2)
    await offload.finish()
    await offload.finish()
    for (const target of [d, other]) expect((await joined(app, target)).from).toBeDefined()
  })

  test('stops nobody from reading and writing, and holds what was there when it began', async () => {
    const { app, offload } = await held()
    const updates = large(3)
    await post(app, ...updates.slice(0, 1))
    const before = await tailOf(app)
    await post(app, ...updates.slice(1))
    expect((await joined(app)).doc.getText('text').length).toBe(330)
    await offload.finish()
    expect(await pointerOf(app)).toBe(before)
    const { doc, from } = await joined(app)
    expect(from).toContain(formatOffset({ generation: 1, position: before }).slice(-10))
    expectSame(doc, docOf(...updates))
  })

  test('holds nothing past the offset that names it, though the log grew while it was read', async () => {
    const inner = openMemoryStore()
    const gated = gate(inner, [])
    let grow: (() => Promise<unknown>) | undefined
    const store: Store = {
      ...gated.store,
      read: async (...args) => {
        await grow?.()
        return inner.read(...args)
      },
    }
    const offload = new HeldOffload()
    const app = await opened({ compactBytes: 100, offload, store })
    const other = openApp({ store: inner })
    const [first, second, third] = large(3)
    if (!first || !second || !third) throw new Error('there are three')
    grow = () => {
      grow = undefined
      return post(other, second, third)
    }
    await post(app, first)
    await settled(10)
    expect(offload.prefixes.map(({ tail }) => decodeFrames(tail))).toEqual([[first]])
    expect(await tailOf(app)).toBe(framed(first, second, third).length)
    await offload.finish()
    expect(await pointerOf(app)).toBe(framed(first).length)
  })

  test('that another process overtook is thrown away', async () => {
    const store = openMemoryStore()
    const slow = await held({ store })
    const quick = openApp({ store, compactBytes: 100 })
    await post(slow.app, ...large(1))
    await post(quick, ...large(1, 2))
    await quick.compactor.settled()
    const current = await pointerOf(quick)
    await slow.offload.finish()
    expect(await pointerOf(slow.app)).toBe(current)
    expect(await store.list('snapshot/', undefined, 10)).toHaveLength(1)
    expect((await joined(slow.app)).doc.getText('text').length).toBe(220)
  })

  test('says in the log how long it took, though the clock is set back meanwhile', async () => {
    const { app, offload, logged, world } = await held()
    await post(app, ...large(1))
    world.time += 1_500.4
    world.skewMs = -3_600_000
    await offload.finish()
    expect(logged.filter(({ msg }) => msg === 'compacted')).toMatchObject([{ ms: 1_500 }])
  })

  test.each([
    ['deleted', false],
    ['deleted and made again', true],
  ])('of a document that is %s meanwhile leaves nothing', async (_what, again) => {
    const { app, offload, store, logged } = await held()
    await post(app, ...large(1))
    await app.send('DELETE', d)
    if (again) await app.send('PUT', d)
    await offload.finish()
    expect(await store.list('snapshot/', undefined, 10)).toEqual([])
    expect(await pointerOf(app)).toBeUndefined()
    expect(logged.filter(({ level }) => Number(level) >= 50)).toEqual([])
  })

  test('that a crash cut short is taken up again by whoever comes next, with nothing but the log to go by', async () => {
    const store = openMemoryStore()
    const before = await held({ store })
    await post(before.app, ...large(2))
    expect(before.offload.running).toBe(1)
    for (const look of [
      (app: App) => discover(app),
      (app: App) => app.send('PUT', d),
      (app: App) => post(app, ...typing(1, 1, 7)),
    ]) {
      const offload = new HeldOffload()
      await look(openApp({ store, compactBytes: 100, offload }))
      await settled()
      expect(offload.running).toBe(1)
    }
    const after = openApp({ store, compactBytes: 100 })
    await discover(after)
    await after.compactor.settled()
    expect(await pointerOf(after)).toBe(await tailOf(after))
  })

  test('that a crash cut short between its snapshot and the pointer is made again in the same place', async () => {
    const inner = openMemoryStore()
    const gated = gate(inner, [])
    let dies = true
    const store: Store = {
      ...gated.store,
      commit: (entry, expected, change) =>
        dies && (change.cells?.size ?? 0) > 0
          ? Promise.reject(new Error('killed'))
          : inner.commit(entry, expected, change),
    }
    const app = await opened({ store, compactBytes: 100 })
    await post(app, ...large(2))
    await app.compactor.settled()
    expect(await inner.list('snapshot/', undefined, 10)).toHaveLength(1)
    expect(await pointerOf(app)).toBeUndefined()
    expect((await joined(app)).doc.getText('text').length).toBe(220)
    dies = false
    const after = openApp({ store, compactBytes: 100 })
    await discover(after)
    await after.compactor.settled()
    expect(await pointerOf(after)).toBe(await tailOf(after))
    expect((await joined(after)).doc.getText('text').length).toBe(220)
  })
})

describe('An old snapshot', () => {
  test('is removed after the grace that clients sent to it have', async () => {
    const app = await opened({ compactBytes: 100, graceMs: 5_000 })
    const [first, second] = large(2)
    if (!first || !second) throw new Error('there are two')
    await post(app, first)
    await app.compactor.settled()
    await post(app, second)
    await app.compactor.settled()
    const stored = () => app.store.list('snapshot/', undefined, 10)
    expect(await stored()).toHaveLength(2)
    await app.world.turn(4_999)
    expect(await stored()).toHaveLength(2)
    await app.world.turn(1)
    expect(await stored()).toHaveLength(1)
    expect((await joined(app)).doc.getText('text').length).toBe(220)
  })

  test('that a stopped server left is removed with the next one', async () => {
    const store = openMemoryStore()
    for (const [client, left] of [
      [1, 1],
      [2, 2],
      [3, 3],
    ] as const) {
      const app = await opened({ store, compactBytes: 100 })
      await post(app, ...large(1, client))
      await app.compactor.settled()
      await app.compactor.close()
      await app.world.turn(60_000)
      expect(await store.list('snapshot/', undefined, 10)).toHaveLength(left)
    }
    const app = await opened({ store, compactBytes: 100 })
    await post(app, ...large(1, 4))
    await app.compactor.settled()
    await app.world.turn(60_000)
    expect(await store.list('snapshot/', undefined, 10)).toHaveLength(1)
  })
})

describe('[row 84] A document that cannot be compacted', () => {
  test('is tried three times, each time when it has grown, and then left alone; reads and writes go on', async () => {
    const { app, offload, logged } = await held()
    const small = typing(200, 1, 9)
    const attempts: number[] = []
    for (const update of small) {
      await post(app, update)
      if (offload.running === 0) continue
      attempts.push(await tailOf(app))
      await offload.fail()
    }
    expect(attempts).toHaveLength(3)
    for (const [index, tail] of attempts.entries()) {
      expect(tail - (attempts[index - 1] ?? 0)).toBeGreaterThanOrEqual(100)
    }
    expect(logged.filter(({ level }) => level === 50)).toMatchObject([
      { count: 1 },
      { count: 2 },
      { count: 3 },
    ])
    const answer = await discover(app)
    expect([answer.status, answer.headers.get('Location')]).toEqual([307, `${d}?${Query.offset}=-1`])
    expect((await joined(app)).doc.getText('text').length).toBe(200)
    expect(offload.prefixes).toHaveLength(3)
  })

  test('keeps the snapshot it has', async () => {
    const { app, offload } = await held()
    const updates = large(6)
    await post(app, ...updates.slice(0, 1))
    await offload.finish()
    const pointer = await pointerOf(app)
    for (const update of updates.slice(1)) {
      await post(app, update)
      await offload.fail()
    }
    expect(await pointerOf(app)).toBe(pointer)
    expect((await joined(app)).doc.getText('text').length).toBe(660)
    expect(offload.prefixes).toHaveLength(4)
  })

  test('is tried again from the start once it went well', async () => {
    const { app, offload } = await held()
    const updates = large(8)
    const fates = ['fail', 'fail', 'finish', 'fail', 'fail', 'finish', 'finish', 'finish'] as const
    for (const [index, fate] of fates.entries()) {
      await post(app, ...updates.slice(index, index + 1))
      expect(offload.running).toBe(1)
      await offload[fate]()
    }
    expect(await pointerOf(app)).toBe(await tailOf(app))
  })

  test('is tried again after a restart, and when it was deleted and made again', async () => {
    const store = openMemoryStore()
    const { app, offload } = await held({ store })
    for (const update of large(5)) {
      await post(app, update)
      await offload.fail()
    }
    expect(offload.prefixes).toHaveLength(3)
    const restarted = openApp({ store, compactBytes: 100 })
    await discover(restarted)
    await restarted.compactor.settled()
    expect(await pointerOf(restarted)).toBeDefined()
    await app.send('DELETE', d)
    await app.send('PUT', d)
    await post(app, ...large(1))
    expect(offload.prefixes).toHaveLength(4)
    await offload.finish()
    expect(await pointerOf(app)).toBeDefined()
  })

  test('does not stop the others', async () => {
    const { app, offload } = await held()
    for (const update of large(5)) {
      await post(app, update)
      await offload.fail()
    }
    const other = `${d}2`
    await app.send('PUT', other)
    await app.send('POST', other, { ...binary, body: framed(...large(1)) })
    await settled()
    await offload.finish()
    expect((await joined(app, other)).from).toBeDefined()
  })

  test('because its bytes are broken in the store is left alone like any other', async () => {
    const app = await opened({ compactBytes: 100 })
    // Not through the door, which would refuse it.
    for (let round = 0; round < 6; round++) {
      await app.streams.append('document/svc/d', {
        body: framed(new Uint8Array(120).fill(255)),
        contentType: 'application/octet-stream',
        close: false,
      })
      await discover(app)
      await app.compactor.settled()
    }
    expect(app.logged.filter(({ level }) => level === 50)).toHaveLength(3)
    expect((await app.send('POST', d, { ...binary, body: framed(...typing(1)) })).status).toBe(204)
    expect((await app.send('GET', d)).status).toBe(200)
  })

  test('because it could not even be looked at is looked at again', async () => {
    const inner = openMemoryStore()
    const gated = gate(inner, [])
    let failing = false
    const store: Store = {
      ...gated.store,
      load: (entry, cells) =>
        failing && (cells?.length ?? 0) > 0 ? Promise.reject(new Error('EIO')) : inner.load(entry, cells),
    }
    const app = await opened({ store, compactBytes: 100 })
    await post(app, ...typing(1, 1, 9))
    failing = true
    for (const update of large(4)) await post(app, update)
    expect(await codeOf(await discover(app))).toBe(ErrorCode.internal)
    failing = false
    await discover(app)
    await app.compactor.settled()
    expect(await pointerOf(app)).toBe(await tailOf(app))
  })
})

test('A compactor that is closed starts nothing, and is closed when what ran is over', async () => {
  const { app, offload, logged } = await held()
  await post(app, ...large(1))
  expect(offload.running).toBe(1)
  await app.compactor.close()
  expect([offload.closed, offload.running]).toEqual([true, 0])
  await post(app, ...large(1, 2))
  expect(offload.prefixes).toHaveLength(1)
  expect(app.world.timers).toBe(0)
  expect(logged.filter(({ level }) => level === 50)).toEqual([])
})
