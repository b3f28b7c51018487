import 'fake-indexeddb/auto'
import { forceCloseDatabase } from 'fake-indexeddb'
import { asked } from '../../provider/local/database.ts'

/** Databases of IndexedDB in memory, and what a browser does to them behind the page's back. */
const open = new Map<string, Set<IDBDatabase>>()

const realOpen = IDBFactory.prototype.open

IDBFactory.prototype.open = function (name, version) {
  const request = realOpen.call(this, name, version)
  request.addEventListener('success', () => {
    const all = open.get(name) ?? new Set()
    open.set(name, all.add(request.result))
  })
  return request
}

export const openPlain = (name: string): Promise<IDBDatabase> => asked(realOpen.call(indexedDB, name))

/** Runs something in a transaction of its own over both stores, and closes again. */
export const behindItsBack = async <Result>(
  name: string,
  act: (updates: IDBObjectStore, custom: IDBObjectStore) => IDBRequest<Result>,
): Promise<Result> => {
  const db = await openPlain(name)
  const transaction = db.transaction(['updates', 'custom'], 'readwrite')
  const complete = new Promise(resolve => {
    transaction.oncomplete = resolve
  })
  const found = await asked(act(transaction.objectStore('updates'), transaction.objectStore('custom')))
  await complete
  db.close()
  return found
}

/** Keeps every other transaction on it waiting. @returns how to end that */
export const hold = async (name: string): Promise<() => Promise<void>> => {
  const db = await openPlain(name)
  const transaction = db.transaction(['updates', 'custom'], 'readwrite')
  const complete = new Promise(resolve => {
    transaction.oncomplete = resolve
  })
  let holding = true
  const again = (): void => {
    if (holding) transaction.objectStore('updates').count().onsuccess = again
  }
  await new Promise<void>(resolve => {
    transaction.objectStore('updates').count().onsuccess = () => {
      again()
      resolve()
    }
  })
  return async () => {
    holding = false
    await complete
    db.close()
  }
}

export const count = (name: string): Promise<number> => behindItsBack(name, updates => updates.count())

export const corrupt = async (name: string): Promise<void> => {
  await behindItsBack(name, updates => updates.add(new Uint8Array([1, 2, 3])))
}

/** Its types ask for the class where it takes an instance. */
const forceClose = forceCloseDatabase as unknown as (db: IDBDatabase) => void

/** Closes it for all who have it open. */
export const closeFor = (name: string): void => {
  for (const db of open.get(name) ?? []) forceClose(db)
  open.delete(name)
}

/** As when space runs out: closed for all who have it open, and gone. */
export const evict = async (name: string): Promise<void> => {
  closeFor(name)
  await asked(indexedDB.deleteDatabase(name))
}
