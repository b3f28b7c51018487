import { expect, test } from 'vitest'
import { IndexeddbPersistence } from 'y-indexeddb'
import * as Y from 'yjs'
import { encodeFrames, type Offset } from '../../protocol/index.ts'
import { openIndexedDb } from '../../provider/local/indexeddb.ts'
import { LocalCode, LocalProblem } from '../../provider/local/local-problem.ts'
import type { LocalStore } from '../../provider/local/local-store.ts'
import type { Place } from '../../provider/place.ts'
import { requestOf } from '../contract/local-store.ts'
import { behindItsBack, count, hold } from './fake-browser.ts'

let names = 0
const fresh = (): string => `records-${names++}`

interface Tab {
  readonly store: LocalStore
  readonly text: Y.Text
  readonly problems: unknown[]
}

const open = async (name: string, doc = new Y.Doc()): Promise<Tab> => {
  const problems: unknown[] = []
  const store = await openIndexedDb({ name, doc, onProblem: cause => problems.push(cause) })
  return { store, text: doc.getText('text'), problems }
}

const visit = async (name: string, act: (tab: Tab) => unknown = () => undefined): Promise<Tab> => {
  const tab = await open(name)
  await act(tab)
  await tab.store.close()
  return tab
}

const put = (name: string, key: IDBValidKey, record: unknown) =>
  behindItsBack(name, (_updates, custom) => custom.put(record, key))

const get = (name: string, key: IDBValidKey) =>
  behindItsBack<unknown>(name, (_updates, custom) => custom.get(key))

const sizes = async (name: string): Promise<number[]> =>
  (await behindItsBack<Uint8Array[]>(name, updates => updates.getAll())).map(({ byteLength }) => byteLength)

const place: Place = { offset: '1_2' as Offset, ledger: new Uint8Array([1, 2, 3]), unsavedSince: 5 }

test('what y-indexeddb stored under the same name is there, and it can go on with what we stored', async () => {
  const name = fresh()
  const before = new Y.Doc()
  const theirs = new IndexeddbPersistence(name, before)
  await theirs.whenSynced
  before.getText('text').insert(0, 'theirs ')
  await theirs.set('setting', 'of the app')
  await theirs.destroy()

  const ours = await visit(name, async ({ text, store }) => {
    text.insert(text.length, 'ours')
    await store.keep(place)
  })
  expect(ours.text.toString()).toBe('theirs ours')
  expect(ours.problems).toEqual([])

  const after = new Y.Doc()
  const again = new IndexeddbPersistence(name, after)
  await again.whenSynced
  expect(after.getText('text').toString()).toBe('theirs ours')
  expect(await again.get('setting')).toBe('of the app')
  after.getText('text').insert(0, 'both ')
  await again.destroy()
  const last = await visit(name)
  expect(last.text.toString()).toBe('both theirs ours')
  expect(last.store.loaded.place).toEqual(place)
})

test('a tab with y-indexeddb beside ours loses nothing of ours when either joins', async () => {
  const name = fresh()
  const doc = new Y.Doc()
  const theirs = new IndexeddbPersistence(name, doc)
  await theirs.whenSynced
  const ours = await open(name)
  for (let round = 0; round < 520; round++) {
    doc.getText('text').insert(0, 'a')
    ours.text.insert(0, 'b')
    await ours.store.dropFlight('none', 0)
  }
  await ours.store.close()
  await theirs.destroy()
  const { text } = await visit(name)
  expect([...text.toString()].sort().join('')).toBe('a'.repeat(520) + 'b'.repeat(520))
})

const strange: readonly (readonly [string, IDBValidKey, unknown])[] = [
  ['a place of a later version', ['durable-streams-yjs', 'place', 1], { ...place, version: 2 }],
  ['a place without a version', ['durable-streams-yjs', 'place', 1], { ...place }],
  [
    'a place whose offset is a number',
    ['durable-streams-yjs', 'place', 1],
    { ...place, version: 1, offset: 7 },
  ],
  ['a place whose ledger is text', ['durable-streams-yjs', 'place', 1], { ...place, version: 1, ledger: '' }],
  ['a flight without a body', ['durable-streams-yjs', 'flight', 'a', 1], { version: 1 }],
  [
    'a flight whose seq is no number',
    ['durable-streams-yjs', 'flight', 'a', 'b'],
    { version: 1, body: requestOf(1) },
  ],
  [
    'a flight that builds on a number',
    ['durable-streams-yjs', 'flight', 'a', 1],
    { version: 1, body: requestOf(1), basis: 7 },
  ],
  [
    'a flight that ends within a frame',
    ['durable-streams-yjs', 'flight', 'a', 1],
    { version: 1, body: requestOf(1).subarray(0, 4).slice() },
  ],
  [
    'a flight of something else than updates',
    ['durable-streams-yjs', 'flight', 'a', 1],
    { version: 1, body: encodeFrames([new Uint8Array([1, 2, 3])]) },
  ],
  ['a life that is no number', ['durable-streams-yjs', 'life'], { version: 1, life: 'x', cleared: 0 }],
  ['a record of a kind that nobody knows', ['durable-streams-yjs', 'other'], { version: 1 }],
  ['null', ['durable-streams-yjs', 'place', 1], null],
]
for (const [what, key, record] of strange) {
  test(`[LS7] ${what} is told and left out, and then there is no place`, async () => {
    const name = fresh()
    await visit(name, async ({ text, store }) => {
      text.insert(0, 'kept')
      await store.keepFlight({ producerId: 'b', seq: 0, body: requestOf(1) })
      await store.keep(place)
    })
    await put(name, key, record)
    const { store, text, problems } = await visit(name)
    expect(text.toString()).toBe('kept')
    expect(store.loaded.place).toBeUndefined()
    expect(store.loaded.flights).toMatchObject([{ producerId: 'b' }])
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatchObject({ code: LocalCode.unreadable, record })
    expect(await get(name, ['durable-streams-yjs', 'place', 1])).toBeUndefined()
    const next = await visit(name, tab => tab.store.keep(place))
    expect(next.problems).toEqual([])
    expect((await visit(name)).store.loaded.place).toEqual(place)
  })
}

test('[LS7] a place of another life of the database does not count', async () => {
  const name = fresh()
  await visit(name, ({ text }) => text.insert(0, 'kept'))
  await put(name, ['durable-streams-yjs', 'place', 7], { ...place, version: 1 })
  const { store, problems } = await visit(name)
  expect(store.loaded.place).toBeUndefined()
  expect(problems).toEqual([])
})

test.each([
  ['text', 'hello'],
  ['nothing', null],
  ['no bytes', new Uint8Array()],
  ['a cut update', new Uint8Array([1, 1, 5, 0, 4, 1])],
  ['bytes after the end of an update', new Uint8Array([0, 0, 0])],
])('[LS7] among the updates, %s is told with what it was, and then removed', async (_what, record) => {
  const name = fresh()
  await visit(name, ({ text }) => text.insert(0, 'kept'))
  await behindItsBack(name, updates => updates.add(record))
  const { text, problems } = await visit(name)
  expect(text.toString()).toBe('kept')
  expect(problems).toHaveLength(1)
  expect(problems[0]).toMatchObject({ code: LocalCode.unreadable, record })
  expect((await visit(name)).problems).toEqual([])
})

class PickyRoots extends Map<string, Y.AbstractType<Y.YEvent<Y.Text>>> {
  override get(root: string) {
    if (root === 'poison') throw new Error('poison')
    return super.get(root)
  }
}

/** A document in which one root type cannot be had. */
const picky = (): Y.Doc => {
  const doc = new Y.Doc()
  doc.share = new PickyRoots()
  return doc
}

test('[LS7] an update that is well formed, but that Yjs throws at, is left out and removed', async () => {
  const name = fresh()
  await visit(name, async ({ text, store }) => {
    text.insert(0, 'before ')
    await store.keep(place)
  })
  const poisoned = new Y.Doc()
  poisoned.getMap('poison').set('a', 1)
  const poison = Y.encodeStateAsUpdate(poisoned)
  await behindItsBack(name, updates => updates.add(poison))
  await behindItsBack(name, updates => {
    const after = new Y.Doc()
    after.getText('other').insert(0, 'after')
    return updates.add(Y.encodeStateAsUpdate(after))
  })
  const doc = picky()
  const tab = await open(name, doc)
  expect(tab.text.toString()).toBe('before ')
  expect(doc.getText('other').toString()).toBe('after')
  expect(tab.problems).toHaveLength(1)
  expect(tab.problems[0]).toMatchObject({ code: LocalCode.unreadable, record: poison })
  expect(tab.store.loaded.place).toBeUndefined()
  await tab.store.close()
  expect((await open(name, picky())).problems).toEqual([])
})

test('an observer that throws while the stored updates are applied keeps nothing out', async () => {
  const name = fresh()
  await visit(name, ({ text }) => text.insert(0, 'kept'))
  const doc = new Y.Doc()
  doc.getText('text').observe(() => {
    throw new Error('of the app')
  })
  const tab = await open(name, doc)
  expect(tab.text.toString()).toBe('kept')
  expect(tab.problems).toMatchObject([{ message: 'of the app' }])
  expect(tab.problems[0]).not.toBeInstanceOf(LocalProblem)
  await tab.store.close()
  expect((await visit(name)).text.toString()).toBe('kept')
})

test('[LS7] what is found to be unreadable while updates are joined is told, and the rest is joined', async () => {
  const name = fresh()
  const tab = await open(name)
  await tab.store.keep(place)
  await behindItsBack(name, updates => updates.add('hello'))
  await type(tab, 520)
  await tab.store.close()
  expect(tab.problems).toMatchObject([{ code: LocalCode.unreadable, record: 'hello' }])
  const next = await visit(name)
  expect(next.text.toString()).toBe('x'.repeat(520))
  expect(next.problems).toEqual([])
  expect(next.store.loaded.place).toBeUndefined()
})

test('[LS7] a document that could not be read again does not spoil what can', async () => {
  const name = fresh()
  const doc = new Y.Doc()
  const tab = await open(name, doc)
  tab.text.insert(0, 'kept')
  await tab.store.keep(place)
  let deep: unknown = 'value'
  for (let depth = 0; depth < 600; depth++) deep = [deep]
  doc.getMap('map').set('deep', deep)
  await type(tab, 520)
  await tab.store.close()
  const told = tab.problems.map(String)
  expect(told.some(words => words.includes('an update kept in this browser cannot be read'))).toBe(true)
  expect(told.some(words => words.includes('the document kept in this browser cannot be read'))).toBe(true)
  const next = await visit(name)
  expect(next.problems).toEqual([])
  expect(next.text.toString()).toBe('kept')
})

/** Each time is one stored update. */
const type = async ({ text, store }: Tab, times: number, word = 'x'): Promise<void> => {
  for (let time = 0; time < times; time++) {
    text.insert(text.length, word)
    await store.dropFlight('none', 0)
  }
}

test('[LS6] while the newer updates are small beside the document, it is not written anew', async () => {
  const name = fresh()
  const tab = await open(name)
  tab.text.insert(0, 'a'.repeat(60_000))
  await type(tab, 520)
  expect(Math.max(...(await sizes(name)))).toBeGreaterThan(60_000)
  const key = await get(name, ['durable-streams-yjs', 'base'])
  await type(tab, 520)
  expect(await get(name, ['durable-streams-yjs', 'base'])).toEqual(key)
  expect(await count(name)).toBeLessThan(500)
  await type(tab, 520, 'word'.repeat(20))
  expect(await get(name, ['durable-streams-yjs', 'base'])).not.toEqual(key)
  expect((await sizes(name)).reduce((sum, size) => sum + size, 0)).toBeLessThan(60_000 + 520 * 82 + 30_000)
  await tab.store.close()
  expect((await visit(name)).text.length).toBe(60_000 + 520 + 520 + 520 * 80)
})

test('[LS1] [LS3] a document whose updates are no longer told, since a listener threw, is stored all the same', async () => {
  const name = fresh()
  await visit(name, ({ text }) => text.insert(0, 'abc'))
  const doc = new Y.Doc()
  let throws = false
  doc.on('update', () => {
    if (throws) throw new Error('of the app')
  })
  const tab = await open(name, doc)
  throws = true
  expect(() => tab.text.delete(0, 1)).toThrow('of the app')
  throws = false
  await tab.store.keep(place)
  expect((await visit(name)).text.toString()).toBe('bc')
  tab.text.insert(2, 'd')
  await tab.store.keepFlight({ producerId: 'a', seq: 0, body: requestOf(1) })
  expect((await visit(name)).text.toString()).toBe('bcd')
  tab.text.delete(0, 1)
  await tab.store.close()
  expect((await visit(name)).text.toString()).toBe('cd')
})

test('[LS6] updates that come faster than they are stored are stored joined', async () => {
  const name = fresh()
  const tab = await open(name)
  const release = await hold(name)
  for (let time = 0; time < 50; time++) {
    tab.text.insert(0, 'x')
    await Promise.resolve()
  }
  await release()
  await tab.store.close()
  expect(await count(name)).toBeLessThan(12)
  expect((await visit(name)).text.toString()).toBe('x'.repeat(50))
})

test('a record is as large as what it holds, whatever buffer that was a view of', async () => {
  const name = fresh()
  const buffer = new Uint8Array(1 << 20)
  await visit(name, async ({ store }) => {
    const body = buffer.subarray(10, 10 + requestOf(1).length)
    body.set(requestOf(1))
    await store.keepFlight({ producerId: 'a', seq: 0, body })
    await store.keep({ ...place, ledger: buffer.subarray(5, 8) })
  })
  const { loaded } = (await visit(name)).store
  expect(loaded.flights[0]?.body.buffer.byteLength).toBe(requestOf(1).length)
  expect(loaded.place?.ledger.buffer.byteLength).toBe(3)
})
