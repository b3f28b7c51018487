import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import type { Offset } from '../../protocol/index.ts'
import { openIndexedDbWith } from '../../provider/local/indexeddb.ts'
import { LocalCode, LocalProblem } from '../../provider/local/local-problem.ts'
import type { LocalStore } from '../../provider/local/local-store.ts'
import type { Place } from '../../provider/place.ts'
import { requestOf } from '../contract/local-store.ts'
import { behindItsBack, closeFor, evict, hold, openPlain } from './fake-browser.ts'

/** Waits that end when the test says so. */
class Waits {
  readonly #ends: (() => void)[] = []
  readonly asked: number[] = []

  readonly sleep = (ms: number, signal: AbortSignal): Promise<void> => {
    if (signal.aborted) return Promise.resolve()
    this.asked.push(ms)
    return new Promise(resolve => {
      this.#ends.push(resolve)
      signal.addEventListener('abort', () => resolve())
    })
  }

  end(): void {
    for (const end of this.#ends.splice(0)) end()
  }
}

let names = 0
const fresh = (): string => `trouble-${names++}`

interface Tab {
  readonly store: LocalStore
  readonly text: Y.Text
  readonly problems: unknown[]
  readonly waits: Waits
}

const open = async (name: string, doc = new Y.Doc(), waits = new Waits()): Promise<Tab> => {
  const problems: unknown[] = []
  const opening = openIndexedDbWith(waits)
  const store = await opening({ name, doc, onProblem: cause => problems.push(cause) })
  return { store, text: doc.getText('text'), problems, waits }
}

const stored = async (name: string): Promise<{ text: string; store: LocalStore; problems: unknown[] }> => {
  const { store, text, problems } = await open(name)
  await store.close()
  return { text: text.toString(), store, problems }
}

const eventually = (check: () => unknown) => vi.waitFor(check, { timeout: 20_000 })

const codes = (problems: readonly unknown[]): unknown[] =>
  problems.map(problem => (problem instanceof LocalProblem ? problem.code : problem))

const place = (round: number): Place => ({
  offset: String(round) as Offset,
  ledger: new Uint8Array([round]),
  unsavedSince: undefined,
})

const databases = async (): Promise<unknown[]> => (await indexedDB.databases()).map(database => database.name)

/** Every write of an update fails as when the quota is used up. */
const fill = () =>
  vi.spyOn(IDBObjectStore.prototype, 'add').mockImplementation(() => {
    throw new DOMException('no room', 'QuotaExceededError')
  })

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

test('without IndexedDB the document is used as it is, told once, and nobody waits', async () => {
  vi.stubGlobal('indexedDB', undefined)
  const tab = await open(fresh())
  tab.text.insert(0, 'typed')
  await tab.store.keep(place(1))
  await tab.store.keepFlight({ producerId: 'a', seq: 0, body: requestOf(1) })
  await tab.store.dropFlight('a', 0)
  expect(tab.store.loaded).toEqual({ place: undefined, flights: [] })
  await tab.store.close()
  expect(codes(tab.problems)).toEqual([LocalCode.storage])
  expect(String(tab.problems[0])).toContain('must reach the server before the page closes')
})

test('a browser that refuses to open is asked again later, less and less often, and then given everything', async () => {
  const name = fresh()
  const refusal = vi.spyOn(IDBFactory.prototype, 'open').mockImplementation(() => {
    throw new DOMException('not allowed', 'SecurityError')
  })
  const tab = await open(name)
  tab.text.insert(0, 'typed')
  for (const round of [1, 2, 3, 4]) {
    await eventually(() =>
      expect(tab.waits.asked.filter(ms => ms !== 10_000)).toEqual(
        [1_000, 2_000, 4_000, 8_000].slice(0, round),
      ),
    )
    if (round === 4) refusal.mockRestore()
    tab.waits.end()
  }
  await eventually(async () => expect(await databases()).toContain(name))
  await tab.store.keep(place(1))
  await tab.store.close()
  expect(codes(tab.problems)).toEqual([LocalCode.storage])
  const next = await stored(name)
  expect(next.text).toBe('typed')
  expect(next.store.loaded.place).toEqual(place(1))
})

test('a browser that neither opens nor refuses is waited for no longer than ten seconds', async () => {
  const name = fresh()
  const late = { result: { close: vi.fn() }, onsuccess: () => undefined }
  const silent = vi
    .spyOn(IDBFactory.prototype, 'open')
    .mockImplementation(() => late as unknown as IDBOpenDBRequest)
  const waits = new Waits()
  const opening = open(name, new Y.Doc(), waits)
  expect(waits.asked).toEqual([10_000])
  waits.end()
  const tab = await opening
  expect(codes(tab.problems)).toEqual([LocalCode.storage])
  silent.mockRestore()
  late.onsuccess()
  await eventually(() => expect(late.result.close).toHaveBeenCalledOnce())
  tab.text.insert(0, 'typed')
  await tab.store.close()
  expect((await stored(name)).text).toBe('typed')
})

test('a database that does not say what it holds is waited for no longer than ten seconds, and given everything once it answers', async () => {
  const name = fresh()
  const before = await open(name)
  before.text.insert(0, 'stored')
  await before.store.close()
  const release = await hold(name)
  const closing = vi.spyOn(IDBDatabase.prototype, 'close')
  const waits = new Waits()
  const opening = open(name, new Y.Doc(), waits)
  await eventually(() => expect(waits.asked).toEqual([10_000, 10_000]))
  waits.end()
  const tab = await opening
  expect(closing).toHaveBeenCalledOnce()
  expect(tab.store.loaded).toEqual({ place: undefined, flights: [] })
  expect(codes(tab.problems)).toEqual([LocalCode.storage])
  expect(String(tab.problems[0])).toContain('could not open its storage')
  tab.text.insert(0, 'typed')
  waits.end() // until it is tried again
  const kept = tab.store.keep(place(1))
  await release()
  await kept
  await tab.store.close()
  const next = await stored(name)
  expect(next.text).toMatch(/^(storedtyped|typedstored)$/)
  expect(next.store.loaded.place).toEqual(place(1))
})

test('a database that takes nothing more as it is opened is waited for no longer than ten seconds', async () => {
  const name = fresh()
  const before = await open(name)
  before.text.insert(0, 'stored')
  await before.store.close()
  const other = await openPlain(name)
  const doc = new Y.Doc()
  doc.getText('text').insert(0, 'typed')
  let holding = true
  doc.on('update', () => {
    const updates = other.transaction(['updates', 'custom'], 'readwrite').objectStore('updates')
    const again = () => {
      if (holding) updates.count().onsuccess = again
    }
    again()
  })
  const waits = new Waits()
  const opening = open(name, doc, waits)
  await eventually(() => expect(waits.asked).toEqual([10_000, 10_000, 10_000]))
  waits.end()
  const { store, text, problems } = await opening
  expect(text.toString()).toMatch(/^(storedtyped|typedstored)$/)
  holding = false
  await store.close()
  other.close()
  expect(problems).toEqual([])
  expect((await stored(name)).text).toBe(text.toString())
})

test('nothing is remembered of a write that has ended', async () => {
  vi.stubGlobal('indexedDB', undefined)
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const { store } = await open(fresh())
  const heapBytes = async (writes: number): Promise<number> => {
    for (let write = 0; write < writes; write++) await store.dropFlight('a', write)
    collect()
    return process.memoryUsage().heapUsed
  }
  const before = await heapBytes(1_000)
  expect((await heapBytes(100_000)) - before).toBeLessThan(2_000_000)
  await store.close()
})

test('[LS3] [LS8] when the quota is used up no place is stored without its updates, and all is stored when there is room', async () => {
  const name = fresh()
  const tab = await open(name)
  tab.text.insert(0, 'stored ')
  await tab.store.keep(place(1))
  const full = fill()
  tab.text.insert(7, 'not stored')
  await Promise.resolve() // the update is on its way
  void tab.store.keep(place(2))
  await tab.store.keep(place(3))
  await tab.store.keepFlight({ producerId: 'a', seq: 0, body: requestOf(1) })
  tab.text.insert(7, 'nor this, ')
  await tab.store.keepFlight({ producerId: 'a', seq: 1, body: requestOf(1) })
  expect(codes(tab.problems)).toEqual([LocalCode.storage])
  full.mockRestore()
  const during = await stored(name)
  expect(during.text).toBe('stored ')
  expect(during.store.loaded).toEqual({ place: place(1), flights: [] })

  await eventually(() => expect(tab.waits.asked).toContain(1_000))
  tab.waits.end()
  await eventually(async () => expect((await stored(name)).text).toBe('stored nor this, not stored'))
  const after = await stored(name)
  expect(after.store.loaded.place).toEqual(place(3))
  expect(after.store.loaded.flights).toMatchObject([{ producerId: 'a', seq: 1 }])
  await tab.store.close()
})

test('[LS8] a page that stays full until it closes is told once, and tries once more as it closes', async () => {
  const name = fresh()
  const tab = await open(name)
  const full = fill()
  tab.text.insert(0, 'typed')
  await tab.store.keep(place(1))
  full.mockRestore()
  await tab.store.close()
  expect(codes(tab.problems)).toEqual([LocalCode.storage])
  expect((await stored(name)).text).toBe('typed')
})

test('[LS8] a connection that the browser closes is replaced at once, and what is typed meanwhile is stored', async () => {
  const name = fresh()
  const tab = await open(name)
  for (let round = 0; round < 5; round++) {
    tab.text.insert(0, 'a')
    const onItsWay = tab.store.keepFlight({ producerId: 'a', seq: 2 * round, body: requestOf(1) })
    closeFor(name)
    await onItsWay
    expect((await stored(name)).store.loaded.flights).toMatchObject([{ seq: 2 * round }])
    closeFor(name)
    tab.text.insert(0, 'b')
    await tab.store.keepFlight({ producerId: 'a', seq: 2 * round + 1, body: requestOf(1) })
    const { text, store } = await stored(name)
    expect(text).toBe('ba'.repeat(round + 1))
    expect(store.loaded.flights).toMatchObject([{ seq: 2 * round + 1 }])
  }
  await tab.store.close()
  expect(new Set(codes(tab.problems))).toEqual(new Set([LocalCode.storage]))
})

test('[LS8] whoever deletes the database under it gets it deleted, and everything is stored anew', async () => {
  const name = fresh()
  const tab = await open(name)
  tab.text.insert(0, 'typed')
  await tab.store.keep(place(1))
  await new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name)
    request.onsuccess = resolve
    request.onblocked = reject
  })
  tab.text.insert(0, 'again ')
  await tab.store.keepFlight({ producerId: 'a', seq: 0, body: requestOf(1) })
  const next = await stored(name)
  expect(next.text).toBe('again typed')
  expect(next.store.loaded).toMatchObject({ place: place(1), flights: [{ seq: 0 }] })
  await tab.store.close()
})

test('[LS8] what an earlier visit left is stored anew as well, and what was dropped is not', async () => {
  const name = fresh()
  const first = await open(name)
  first.text.insert(0, 'typed')
  for (const producerId of ['a', 'b', 'c'])
    await first.store.keepFlight({ producerId, seq: 4, body: requestOf(1) })
  await first.store.keep(place(1))
  await first.store.close()
  const second = await open(name)
  await second.store.dropFlight('a', 4)
  await second.store.dropFlight('b', 3)
  await evict(name)
  await second.store.close()
  const next = await stored(name)
  expect(next.text).toBe('typed')
  expect(next.store.loaded.place).toEqual(place(1))
  expect(next.store.loaded.flights.map(({ producerId }) => producerId)).toEqual(['b', 'c'])
})

test('[LS9] clear says so when the browser does not remove what is stored', async () => {
  const name = fresh()
  const tab = await open(name)
  tab.text.insert(0, 'secret')
  await tab.store.keep(place(1))
  vi.spyOn(IDBObjectStore.prototype, 'clear').mockImplementation(() => {
    throw new DOMException('no', 'UnknownError')
  })
  await expect(tab.store.clear()).rejects.toMatchObject({ code: LocalCode.storage })
  await tab.store.close()
})

test('[LS9] clear leaves no database behind, also when another tab had it open', async () => {
  const name = fresh()
  const [tab, other] = [await open(name), await open(name)]
  tab.text.insert(0, 'secret')
  await tab.store.clear()
  await eventually(async () => expect(await databases()).not.toContain(name))
  other.text.insert(0, 'typed later')
  await other.store.close()
  expect(await databases()).not.toContain(name)
  expect(codes(other.problems)).toEqual([LocalCode.cleared])
})

test('[LS9] a tab that was cleared stops at its next write where the database could not be deleted', async () => {
  const name = fresh()
  const [tab, other] = [await open(name), await open(name)]
  vi.spyOn(IDBFactory.prototype, 'deleteDatabase').mockImplementation(() => {
    throw new DOMException('no', 'UnknownError')
  })
  await expect(tab.store.clear()).rejects.toMatchObject({ code: LocalCode.storage })
  other.text.insert(0, 'typed later')
  await other.store.keep(place(1))
  other.text.insert(0, 'and later')
  await other.store.close()
  expect(codes(other.problems)).toEqual([LocalCode.cleared])
  vi.restoreAllMocks()
  const next = await open(name)
  expect(next.store.loaded.place).toBeUndefined()
  expect(next.text.toString()).toBe('')
  next.text.insert(0, 'new')
  await next.store.close()
  expect((await stored(name)).text).toBe('new')
})

test('[LS9] a tab that was without storage while another one cleared it stores nothing after that', async () => {
  const name = fresh()
  const tab = await open(name)
  tab.text.insert(0, 'secret')
  await tab.store.keep(place(1))
  const refusal = vi.spyOn(IDBFactory.prototype, 'open').mockImplementation(() => {
    throw new DOMException('not now', 'UnknownError')
  })
  closeFor(name)
  await eventually(() => expect(tab.waits.asked).toContain(1_000))
  refusal.mockRestore()
  const other = await open(name)
  vi.spyOn(IDBFactory.prototype, 'deleteDatabase').mockImplementation(() => {
    throw new DOMException('no', 'UnknownError')
  })
  await expect(other.store.clear()).rejects.toMatchObject({ code: LocalCode.storage })
  tab.waits.end()
  await eventually(() => expect(codes(tab.problems)).toEqual([LocalCode.storage, LocalCode.cleared]))
  tab.text.insert(0, 'typed later')
  await tab.store.close()
  const next = await stored(name)
  expect(next.text).toBe('')
  expect(next.store.loaded.place).toBeUndefined()
})

test('a handler that throws undoes nothing', async () => {
  const name = fresh()
  await (await open(name)).store.close()
  await behindItsBack(name, updates => updates.add('no update'))
  const thrown = new Promise(resolve => process.once('unhandledRejection', resolve))
  const doc = new Y.Doc()
  const store = await openIndexedDbWith(new Waits())({
    name,
    doc,
    onProblem: () => {
      throw new Error('of the app')
    },
  })
  await expect(thrown).resolves.toMatchObject({ message: 'of the app' })
  doc.getText('text').insert(0, 'typed')
  await store.close()
  expect((await stored(name)).text).toBe('typed')
  expect((await stored(name)).problems).toEqual([])
})

test('a database of that name with other stores is left alone and told', async () => {
  const name = fresh()
  const request = indexedDB.open(name, 1)
  request.onupgradeneeded = () => request.result.createObjectStore('theirs')
  await new Promise(resolve => {
    request.onsuccess = resolve
  })
  request.result.close()
  const tab = await open(name)
  tab.text.insert(0, 'typed')
  await tab.store.keep(place(1))
  await tab.store.close()
  expect(codes(tab.problems)).toEqual([LocalCode.storage])
  const db = await openPlain(name)
  expect([...db.objectStoreNames]).toEqual(['theirs'])
  db.close()
})
