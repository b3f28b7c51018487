import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { compact } from '../../server/yjs/compact.ts'
import { type Offload, workerOffload } from '../../server/yjs/offload.ts'
import { openApp } from '../http/fixture.ts'
import { edits, play } from '../protocol/edits.ts'
import { FakeWorld } from '../streams/world.ts'
import { builtWorker } from './built-worker.ts'
import { binary, d, docOf, expectSame, framed, joined, typing } from './fixture.ts'

const shipped = builtWorker()
let offload: Offload | undefined

const open = ({ script = shipped, heapMb = 256, deadlineMs = 60_000 } = {}) => {
  const world = new FakeWorld()
  offload = workerOffload({ world, heapMb, deadlineMs, script })
  return { world, run: offload.run, close: offload.close }
}

afterEach(async () => {
  await offload?.close()
  offload = undefined
})

const prefix = (...updates: Uint8Array[]) => ({ snapshot: undefined, tail: framed(...updates) })

/** A thread of the test's own: it answers the bytes it got, unless they tell it otherwise. */
const puppet = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from 'node:worker_threads'
    parentPort.on('message', ({ tail }) => {
      const told = new TextDecoder().decode(tail)
      if (told === 'hang') return
      if (told === 'exit') process.exit(3)
      if (told === 'spin') for (;;) {}
      if (told === 'die') throw new Error('died')
      parentPort.postMessage({ snapshot: tail })
    })
  `)}`,
)
const tell = (text: string) => ({ snapshot: undefined, tail: new TextEncoder().encode(text) })
const told = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

describe('The compaction thread', () => {
  test('makes what this thread would have made, of documents with every shared type', async () => {
    const { run } = open()
    for (const script of fc.sample(edits, 20)) {
      const { events } = play(script)
      const half = Math.floor(events.length / 2)
      const below = compact(prefix(...events.slice(0, half)))
      const whole = { snapshot: below, tail: framed(...events.slice(half)) }
      const made = await run(whole)
      expectSame(docOf(made), docOf(...events))
      expect(made).toEqual(compact(whole))
    }
  })

  test('takes one document after another, in order', async () => {
    const { run } = open({ script: puppet })
    const made = await Promise.all(['a', 'b', 'c'].map(text => run(tell(text))))
    expect(made.map(told)).toEqual(['a', 'b', 'c'])
  })

  test('leaves the bytes it was given to their owner', async () => {
    const { run } = open()
    const given = prefix(...typing(3))
    const before = given.tail.slice()
    await run(given)
    expect(given.tail).toEqual(before)
  })

  test('says what was wrong with one document, and does the next', async () => {
    const { run } = open()
    await expect(run({ snapshot: undefined, tail: new Uint8Array([200, 1]) })).rejects.toThrow(/FrameError/)
    expectSame(docOf(await run(prefix(...typing(3)))), docOf(...typing(3)))
  })

  test('that takes too long is given up, with the document it had, and no other', async () => {
    const { run, world } = open({ script: puppet, deadlineMs: 1_000 })
    const stuck = run(tell('hang'))
    const next = run(tell('next'))
    const failed = expect(stuck).rejects.toThrow(/longer than 1000 ms/)
    await world.turn(999)
    expect(world.timers).toBe(1)
    await world.turn(1)
    await failed
    expect(told(await next)).toBe('next')
    expect(world.timers).toBe(0)
  })

  test('that never comes back from a loop is ended by force', async () => {
    const { run, world } = open({ script: puppet, deadlineMs: 1_000 })
    const failed = expect(run(tell('spin'))).rejects.toThrow(/longer/)
    await world.turn(1_000)
    await failed
    expect(told(await run(tell('next')))).toBe('next')
  })

  test('that ends by itself takes only its document with it', async () => {
    const { run } = open({ script: puppet })
    await expect(run(tell('exit'))).rejects.toThrow(/code 3/)
    expect(told(await run(tell('next')))).toBe('next')
  })

  test('that dies between two documents is replaced, and ends nothing else', async () => {
    const { run } = open({ script: puppet })
    const started: Worker[] = []
    const watch = (message: unknown) => started.push((message as { worker: Worker }).worker)
    subscribe('worker_threads', watch)
    expect(told(await run(tell('one')))).toBe('one')
    unsubscribe('worker_threads', watch)
    const [worker] = started
    if (!worker || started.length > 1) throw new Error(`expected one thread, not ${started.length}`)
    // Nobody waits for it now: were its error nobody's, it would end this process.
    const exited = new Promise(resolve => worker.once('exit', resolve))
    worker.postMessage(tell('die'))
    await exited
    expect(told(await run(tell('next')))).toBe('next')
  })

  test('that is not there fails each document and stops nobody', async () => {
    const { run } = open({ script: new URL('file:///nowhere/worker.js') })
    await expect(run(tell('a'))).rejects.toThrow()
    await expect(run(tell('b'))).rejects.toThrow()
  })

  test('that needs too much memory fails alone', async () => {
    const doc = new Y.Doc()
    doc.transact(() => {
      for (let at = 0; at < 80_000; at++) doc.getMap('map').set(`key ${at}`, at)
    })
    const { run } = open({ heapMb: 12 })
    await expect(run(prefix(Y.encodeStateAsUpdate(doc)))).rejects.toThrow(/memory/i)
    expectSame(docOf(await run(prefix(...typing(3)))), docOf(...typing(3)))
  }, 30_000)

  test('that is closed fails what it had and what waits for it, and starts nothing more', async () => {
    const { run, close, world } = open({ script: puppet })
    const running = expect(run(tell('hang'))).rejects.toThrow()
    const waiting = expect(run(tell('a'))).rejects.toThrow(/closed/)
    await world.turn(0)
    await close()
    await running
    await waiting
    await expect(run(tell('b'))).rejects.toThrow(/closed/)
    expect(world.timers).toBe(0)
  })
})

test('A server that compacts in the shipped thread gives joiners the document, before, during and after', async () => {
  const worker = workerOffload({ world: new FakeWorld(), heapMb: 256, deadlineMs: 60_000, script: shipped })
  offload = worker
  const app = openApp({ compactBytes: 500, offload: worker })
  await app.send('PUT', d)
  const { events } = play(fc.sample(edits, 30).flat())
  for (const [index, update] of events.entries()) {
    expect((await app.send('POST', d, { ...binary, body: framed(update) })).status).toBe(204)
    if (index % 50 === 0) expectSame((await joined(app)).doc, docOf(...events.slice(0, index + 1)))
  }
  await app.compactor.settled()
  const { doc, from } = await joined(app)
  expect(from).toBeDefined()
  expectSame(doc, docOf(...events))
  expect(app.logged.filter(({ level }) => level === 50)).toEqual([])
  await app.compactor.close()
}, 30_000)

test('[row 84] A document that takes too much memory to compact is left alone; the next one is compacted', async () => {
  const worker = workerOffload({ world: new FakeWorld(), heapMb: 12, deadlineMs: 60_000, script: shipped })
  offload = worker
  const app = openApp({ compactBytes: 100, offload: worker })
  await app.send('PUT', d)
  const doc = new Y.Doc()
  doc.transact(() => {
    for (let at = 0; at < 80_000; at++) doc.getMap('map').set(`key ${at}`, at)
  })
  await app.send('POST', d, { ...binary, body: framed(Y.encodeStateAsUpdate(doc)) })
  await app.compactor.settled()
  expect(app.logged.filter(({ level }) => level === 50)).toMatchObject([{ count: 1 }])
  expect((await joined(app)).from).toBeUndefined()
  const other = `${d}2`
  await app.send('PUT', other)
  await app.send('POST', other, { ...binary, body: framed(...typing(20)) })
  await app.compactor.settled()
  expect((await joined(app, other)).from).toBeDefined()
  expect((await app.send('POST', d, { ...binary, body: framed(...typing(1, 1, 5)) })).status).toBe(204)
  await app.compactor.close()
}, 30_000)
