import { afterEach, describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { ErrorCode, encodeFrames, Path, Sentinel } from '../../protocol/index.ts'
import type { LocalStore } from '../../provider/local/local-store.ts'
import { Replica } from '../../provider/replica.ts'
import { settled } from '../streams/world.ts'
import { Endings, opened, readBack, served, until } from '../truth/truth-world.ts'

const over = new Endings()
afterEach(() => over.run())

/** A promise that the test keeps. */
const gate = () => {
  let open: () => void = () => undefined
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  return { opened, open }
}

describe('A request of an earlier visit', () => {
  test('is sent once, and what is in it is not sent again', async () => {
    const server = await served(over)
    const earlier = new Y.Doc()
    earlier.getText('text').insert(0, 'typed offline')
    const update = Y.encodeStateAsUpdate(earlier)
    const dropped: [string, number][] = []
    const kept: LocalStore = {
      loaded: {
        place: undefined,
        flights: [{ producerId: 'earlier', seq: 0, body: encodeFrames([update]), basis: undefined }],
      },
      keep: async () => undefined,
      keepFlight: async () => undefined,
      dropFlight: async (...flight) => void dropped.push(flight),
      clear: async () => undefined,
      close: async () => undefined,
    }
    const doc = new Y.Doc()
    const ada = opened(over, server, {
      doc,
      offline: true,
      openLocal: async () => {
        Y.applyUpdate(doc, update)
        return kept
      },
    })
    while (dropped.length === 0) await settled()
    await ada.provider.whenSaved()
    ada.text.insert(0, 'and now ')
    await ada.provider.whenSaved()
    const frame = encodeFrames([update]).length
    expect(ada.posts().map(({ status }) => status)).toEqual([200, 200])
    expect(ada.posts()[0]?.bytes).toBe(frame)
    const log = await fetch(`${server.url}${Path.yjs}s/${Path.documents}/d?offset=${Sentinel.start}`)
    const bytes = (await log.arrayBuffer()).byteLength
    expect(bytes).toBe(frame + (ada.posts()[1]?.bytes ?? 0))
    expect(dropped[0]).toEqual(['earlier', 0])
    expect((await readBack(over, server)).getText('text').toString()).toBe('and now typed offline')
  })
})

test('What an app types when it hears that all is saved is sent, also when the link was lost and found meanwhile', async () => {
  const server = await served(over)
  const answer = gate()
  let cut = new AbortController()
  const ada = opened(over, server, {
    fetch: async (input, init) => {
      const found = await fetch(input, init)
      if (init?.method === 'POST') await answer.opened
      if ((init?.method ?? 'GET') !== 'GET') return found
      const body = found.body?.pipeThrough(new TransformStream(), { signal: cut.signal })
      return Object.defineProperty(new Response(body, found), 'url', { value: found.url })
    },
  })
  await ada.provider.whenSynced()
  ada.text.insert(0, 'one')
  while (ada.posts().length === 0) await settled()
  const before = cut
  cut = new AbortController()
  before.abort()
  await until(ada, () => ada.provider.status !== 'connected')
  await until(ada, () => ada.provider.status === 'connected')
  let heard = 0
  ada.provider.on('saved', is => {
    if (is && ++heard === 1) ada.text.insert(3, ' two')
  })
  answer.open()
  await until(ada, () => heard === 2)
  expect(ada.provider.unsaved).toBeUndefined()
  expect((await readBack(over, server)).getText('text').toString()).toBe('one two')
})

test('Who disconnects while a causal gap is looked into hears of no refusal', async () => {
  const server = await served(over)
  const looked = gate()
  const way = { refuses: false }
  const ada = opened(over, server, {
    fetch: (input, init) => {
      if (init?.method === 'POST') {
        way.refuses = true
        const error = { code: ErrorCode.causalGap, message: 'no', missing: [] }
        return Promise.resolve(new Response(JSON.stringify({ error }), { status: 409 }))
      }
      if (!way.refuses) return fetch(input, init)
      looked.open()
      return new Promise((_, reject) => {
        init?.signal?.addEventListener('abort', () => reject(init.signal?.reason))
      })
    },
  })
  await ada.provider.whenSynced()
  ada.text.insert(0, 'mine')
  await looked.opened
  ada.provider.disconnect()
  await settled()
  expect([ada.errors, ada.told]).toEqual([[], []])
  expect(ada.provider.unsaved).toMatchObject({ updates: 1, why: 'offline' })
})

test('What is in flight is not looked at again before its outcome is known', () => {
  const doc = new Y.Doc()
  const replica = new Replica({
    doc,
    origin: {},
    now: () => 7,
    onChange: () => undefined,
    onEdit: () => undefined,
    onProblem: () => undefined,
  })
  const take = () => replica.outbox.take(() => replica.missing())
  doc.getText('text').insert(0, 'one')
  const flight = take()
  replica.reconsider(3)
  expect(take()).toBe(flight)
  replica.acknowledge(flight?.updates ?? [])
  replica.outbox.settle()
  expect([take(), replica.outbox.saved]).toEqual([undefined, true])
})
