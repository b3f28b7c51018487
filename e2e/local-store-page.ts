import * as Y from 'yjs'
import type { Offset } from '../protocol/index.ts'
import { asked } from '../provider/local/database.ts'
import { openIndexedDb } from '../provider/local/indexeddb.ts'
import type { LocalStore } from '../provider/local/local-store.ts'
import { localStoreContract } from '../test/contract/local-store.ts'

/** What the page of e2e/local-store.test.ts does when it is told so. */
export interface LocalStorePage {
  /** Runs one sentence of the contract. @returns why it does not hold */
  sentence(name: string): Promise<string | undefined>
  /** Opens the document `name` in this page. @returns milliseconds until its content was there */
  open(name: string): Promise<number>
  /** Inserts a letter at the end, again and again, each in a task of its own. */
  type(letter: string, times: number): Promise<void>
  text(): string
  /** Keeps a place, as after a read. */
  keep(): Promise<void>
  close(): Promise<void>
  count(name: string): Promise<number>
  problems(): string[]
}

declare global {
  interface Window {
    localStorePage: LocalStorePage
    /** Given by the test: the browser takes all databases of this origin away. */
    evict(): Promise<void>
  }
}

/** Beside the store that is tested, and like anyone who has the database open, out of the way when it is to be deleted. */
const updatesOf = async <Result>(
  name: string,
  act: (updates: IDBObjectStore) => IDBRequest<Result>,
): Promise<Result> => {
  const db = await asked(indexedDB.open(name))
  const transaction = db.transaction('updates', 'readwrite')
  const complete = new Promise(resolve => {
    transaction.oncomplete = resolve
  })
  const found = await asked(act(transaction.objectStore('updates')))
  await complete
  db.close()
  return found
}

const count = (name: string): Promise<number> => updatesOf(name, updates => updates.count())

const contract = localStoreContract({
  open: openIndexedDb,
  breakIt: () => window.evict(),
  corrupt: async name => {
    await updatesOf(name, updates => updates.add(new Uint8Array([1, 2, 3])))
  },
  count,
})

let doc = new Y.Doc()
let store: LocalStore | undefined
const problems: string[] = []

const turn = (): Promise<void> => {
  const { port1, port2 } = new MessageChannel()
  return new Promise(resolve => {
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(undefined)
  })
}

window.localStorePage = {
  async sentence(name) {
    try {
      const found = contract.find(one => one.name === name)
      if (!found) return 'there is no such sentence'
      await found.run()
      return undefined
    } catch (cause) {
      return String(cause)
    }
  },
  async open(name) {
    doc = new Y.Doc()
    const from = performance.now()
    store = await openIndexedDb({ name, doc, onProblem: cause => problems.push(String(cause)) })
    return performance.now() - from
  },
  async type(letter, times) {
    const text = doc.getText('text')
    for (let time = 0; time < times; time++) {
      text.insert(text.length, letter)
      await turn()
    }
  },
  text: () => doc.getText('text').toString(),
  async keep() {
    const offset = '0000000000000001_0000000000000001' as Offset
    await store?.keep({ offset, ledger: new Uint8Array(5_000), unsavedSince: undefined })
  },
  async close() {
    await store?.close()
  },
  count,
  problems: () => problems,
}
