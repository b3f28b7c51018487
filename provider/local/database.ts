import type { Env } from '../../client/index.ts'
import { answerMs, within } from './within.ts'

/** The two object stores of a y-indexeddb database, in one transaction. */
export interface Stores {
  /** Updates under growing numbers. */
  readonly updates: IDBObjectStore
  /** Anything, under keys of its own. */
  readonly custom: IDBObjectStore
  /** Everything was asked for: nothing that this page does or fails to do from here on can undo the transaction. */
  commit(): void
}

const updatesStore = 'updates'
const customStore = 'custom'

/** The result of a request, inside the transaction: what is asked for when it comes belongs to the same transaction. */
export const asked = <Result>(request: IDBRequest<Result>): Promise<Result> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error ?? new Error('the request failed'))
  })

/** A database with the layout of y-indexeddb, so that either can go on with what the other stored. */
export class Database {
  /** Resolves when the browser closed it, or when somebody wants to delete or upgrade it and waits until it is closed. */
  readonly ending: Promise<void>
  readonly #db: IDBDatabase

  private constructor(db: IDBDatabase) {
    this.#db = db
    this.ending = new Promise(resolve => {
      db.onclose = () => resolve()
      db.onversionchange = () => resolve()
    })
  }

  static async open(name: string, env: Pick<Env, 'sleep'>): Promise<Database> {
    const opening = openDatabase(name)
    const db = await within(answerMs, opening, env)
    if (!db) {
      opening.then(late => late.close()).catch(() => undefined)
      throw new Error(`the browser did not open the database within ${answerMs / 1_000} s`)
    }
    return new Database(db)
  }

  /**
   * Runs `work` in one transaction over both stores. It may await `asked`, and nothing else.
   * @returns its result, when the transaction is complete
   * @throws what it threw, or why the transaction was undone
   */
  async transact<Result>(
    mode: 'readonly' | 'readwrite',
    work: (stores: Stores) => Promise<Result>,
  ): Promise<Result> {
    // Relaxed: survives whatever happens to page and browser, not a power cut within the next seconds. In order, so never a
    // later transaction without the earlier ones. The log has what was acknowledged; to flush at each key would drain batteries.
    const transaction = this.#db.transaction([updatesStore, customStore], mode, { durability: 'relaxed' })
    const complete = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve()
      transaction.onabort = () => reject(transaction.error ?? new Error('the browser undid the transaction'))
    })
    const stores: Stores = {
      updates: transaction.objectStore(updatesStore),
      custom: transaction.objectStore(customStore),
      commit: () => transaction.commit?.(),
    }
    const working = (async () => work(stores))()
    working.catch(() => abort(transaction))
    const [result] = await Promise.all([working, complete])
    return result
  }

  close(): void {
    this.#db.onversionchange = null
    this.#db.onclose = null
    this.#db.close()
  }
}

/** Resolves also when another tab has it open: it goes when that tab closes it. */
export const deleteDatabase = (name: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name)
    request.onsuccess = () => resolve()
    request.onblocked = () => resolve()
    request.onerror = () => reject(request.error ?? new Error('the database was not deleted'))
  })

const openDatabase = (name: string): Promise<IDBDatabase> =>
  new Promise((resolve, reject) => {
    if (typeof indexedDB !== 'object') throw new Error('this browser has no IndexedDB here')
    const request = indexedDB.open(name)
    request.onupgradeneeded = () => {
      request.result.createObjectStore(updatesStore, { autoIncrement: true })
      request.result.createObjectStore(customStore)
    }
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error ?? new Error('the database did not open'))
  })

const abort = (transaction: IDBTransaction): void => {
  try {
    transaction.abort()
  } catch {
    // It ended already, and says so itself.
  }
}
