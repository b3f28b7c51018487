import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { ErrorCode } from '../../protocol/index.ts'
import { Streams } from '../../server/streams/streams.ts'
import { type App, openApp } from '../http/fixture.ts'
import { edits, play } from '../protocol/edits.ts'
import { binary, d, docOf, expectSame, framed, joined, typing } from './fixture.ts'

const opened = async (options: Parameters<typeof openApp>[0] = {}): Promise<App> => {
  const app = openApp(options)
  await app.send('PUT', d)
  return app
}

interface Gap {
  readonly code: string
  readonly frame: number
  readonly missing: readonly { client: number; clock: number; length: number }[]
}

const send = async (app: App, ...updates: Uint8Array[]): Promise<number | Gap> => {
  const answer = await app.send('POST', d, { ...binary, body: framed(...updates) })
  if (answer.status === 204) return 204
  expect(answer.status).toBe(409)
  return ((await answer.json()) as { error: Gap }).error
}

const gap = { code: ErrorCode.causalGap, frame: 0 }

describe('[row 86] An update that the document cannot take yet', () => {
  test('because the client’s earlier ones are missing is refused with their clocks, and is taken after them', async () => {
    const app = await opened()
    const [first, second, third, fourth] = typing(4) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
    expect(await send(app, first)).toBe(204)
    const missing = [{ client: 1, clock: 10, length: 20 }]
    expect(await send(app, fourth)).toMatchObject({ ...gap, missing, truncated: false })
    expect((await joined(app)).doc.getText('text').length).toBe(10)
    expect(await send(app, second, third)).toBe(204)
    expect(await send(app, fourth)).toBe(204)
    expectSame((await joined(app)).doc, docOf(first, second, third, fourth))
  })

  test('because it was merged over a hole is refused with the hole', async () => {
    const app = await opened()
    const gappy = Y.mergeUpdates(typing(4).filter((_, index) => index !== 2))
    expect(await send(app, gappy)).toMatchObject({ ...gap, missing: [{ client: 1, clock: 20, length: 10 }] })
  })

  test('because it refers to another client’s content is refused with that content', async () => {
    const app = await opened()
    const theirs = typing(1, 5, 2)
    const doc = docOf(...theirs)
    doc.clientID = 3
    const before = Y.encodeStateVector(doc)
    doc.getText('text').insert(2, 'x')
    const mine = Y.encodeStateAsUpdate(doc, before)
    expect(await send(app, mine)).toMatchObject({ ...gap, missing: [{ client: 2, clock: 0, length: 3 }] })
    expect(await send(app, ...theirs, mine)).toBe(204)
  })

  test('because it deletes what is not there is refused with that', async () => {
    const app = await opened()
    const doc = docOf(...typing(2))
    const before = Y.encodeStateVector(doc)
    doc.getText('text').delete(5, 10)
    const deletion = Y.encodeStateAsUpdate(doc, before)
    expect(await send(app, deletion)).toMatchObject({
      ...gap,
      missing: [{ client: 1, clock: 0, length: 15 }],
    })
  })

  test('is named by its frame, and nothing of its request is stored', async () => {
    const app = await opened()
    const [first, second, third] = typing(3) as [Uint8Array, Uint8Array, Uint8Array]
    expect(await send(app, first, third, second)).toMatchObject({
      ...gap,
      frame: 1,
      missing: [{ client: 1, clock: 10, length: 10 }],
    })
    expect((await joined(app)).doc.getText('text').length).toBe(0)
  })

  test('does not begin a document either, nor disturb one that is there', async () => {
    const app = openApp()
    const late = framed(typing(2)[1] as Uint8Array)
    const refused = await app.send('PUT', d, { ...binary, body: late })
    expect(refused.status).toBe(409)
    expect((await app.send('GET', d)).status).toBe(404)
    expect((await app.send('PUT', d)).status).toBe(201)
    expect((await app.send('PUT', d, { ...binary, body: late })).status).toBe(200)
  })

  test('lists at most a hundred ranges and says that there are more', async () => {
    const app = await opened()
    const updates = Array.from({ length: 101 }, (_, at) => typing(2, 1, at + 1)[1] as Uint8Array)
    const refused = await send(app, Y.mergeUpdates(updates))
    expect(refused).toMatchObject({ ...gap, truncated: true })
    expect((refused as Gap).missing).toHaveLength(100)
  })

  test('does not get past a retry of a producer, which stays a success', async () => {
    const app = await opened()
    const [first, second] = typing(2) as [Uint8Array, Uint8Array]
    const producer = { 'Producer-Id': 'p', 'Producer-Epoch': '0', 'Producer-Seq': '0' }
    const body = framed(first)
    expect((await app.send('POST', d, { ...binary, body, headers: producer })).status).toBe(200)
    const other = { ...binary, body: framed(typing(3, 1, 9)[2] as Uint8Array), headers: producer }
    expect((await app.send('POST', d, other)).status).toBe(204)
    expect(await send(app, second)).toBe(204)
  })
})

describe('What a document holds', () => {
  test('is read again from the log where it is not remembered', async () => {
    const app = await opened({ limits: { causalClients: 1 } })
    const updates = typing(5)
    for (const update of updates) expect(await send(app, update)).toBe(204)
    expect(await send(app, typing(7)[6] as Uint8Array)).toMatchObject({
      missing: [{ client: 1, clock: 50, length: 10 }],
    })
  })

  test('is read from a snapshot and what follows it after a restart', async () => {
    const before = await opened({ compactBytes: 100 })
    const updates = typing(12)
    for (const update of updates.slice(0, 10)) expect(await send(before, update)).toBe(204)
    await before.compactor.settled()
    expect((await joined(before)).from).toBeDefined()
    const after = openApp({ store: before.store })
    expect(await send(after, updates[11] as Uint8Array)).toMatchObject({
      missing: [{ client: 1, clock: 100, length: 10 }],
    })
    expect(await send(after, updates[10] as Uint8Array)).toBe(204)
    expect(await send(after, updates[11] as Uint8Array)).toBe(204)
  })

  test('grows by what another server appends to the same store', async () => {
    const one = await opened()
    const two = openApp({ store: one.store })
    const updates = typing(6)
    for (const [index, update] of updates.entries()) {
      expect(await send(index % 2 === 0 ? one : two, update)).toBe(204)
    }
    expectSame((await joined(two)).doc, docOf(...updates))
  })

  test('is remembered of a document that had many lives as of any other', async () => {
    const app = await opened({ limits: { causalClients: 20 } })
    for (let life = 0; life < 5; life++) {
      expect(await send(app, ...typing(1))).toBe(204)
      await app.send('DELETE', d)
      await app.send('PUT', d)
    }
    const [first, second] = typing(2) as [Uint8Array, Uint8Array]
    expect(await send(app, first)).toBe(204)
    const loads = vi.spyOn(app.streams, 'load')
    expect(await send(app, second)).toBe(204)
    expect(loads).not.toHaveBeenCalled()
  })

  test('is that of this life of the document alone', async () => {
    const app = await opened()
    const [first, second] = typing(2) as [Uint8Array, Uint8Array]
    expect(await send(app, first)).toBe(204)
    await app.send('DELETE', d)
    await app.send('PUT', d)
    expect(await send(app, second)).toMatchObject({ missing: [{ client: 1, clock: 0, length: 10 }] })
    expect(await send(app, first, second)).toBe(204)
  })

  test('does not stop writers when the log has bytes that nobody can read', async () => {
    const app = await opened()
    await new Streams({ store: app.store, world: app.world, readBytes: 1 << 20 }).append('document/svc/d', {
      body: framed(new Uint8Array([1, 2, 3])),
      contentType: 'application/octet-stream',
      close: false,
    })
    expect(await send(app, typing(3)[2] as Uint8Array)).toBe(204)
  })

  test('takes every edit of several people in the order they were made, one by one or at once', async () => {
    for (const script of fc.sample(edits, { numRuns: 20, seed: 3 })) {
      const { events } = play(script)
      const app = await opened()
      const answers = await Promise.all(events.map(update => send(app, update)))
      expect(answers.filter(answer => answer !== 204)).toEqual([])
      expectSame((await joined(app)).doc, docOf(...events))
    }
  })
})
