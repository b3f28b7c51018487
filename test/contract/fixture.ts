import type { Change, Revision, Store } from '../../server/store/store.ts'
import type { Disk } from './disk.ts'

/** A store under test, and what the suite may do to it. */
export interface Opened {
  readonly store: Store
  /** Every write of the store, and of those it is reopened as, goes through it. */
  readonly disk: Disk
  /** Closes the store and opens what it left. Durable engines have it. */
  readonly reopen?: () => Promise<Store>
  /** Closes the store, changes one stored byte of a record and opens it again. Durable engines have it. */
  readonly damage?: (generation: number, position: number) => Promise<Store>
  dispose(): Promise<void>
}

export type Open = () => Promise<Opened>

export const bytes = (text: string): Buffer => Buffer.from(text)
export const text = (content: Uint8Array | undefined): string | undefined =>
  content && Buffer.from(content).toString()

/** A change that appends, unless told otherwise, nothing. */
export const change = (
  head: string,
  appends: readonly string[] = [],
  rest: Partial<Change> = {},
): Change => ({
  head: bytes(head),
  appends: appends.map(bytes),
  ...rest,
})

/** Commits what must succeed. */
export const must = async (
  store: Store,
  name: string,
  expected: Revision | undefined,
  wanted: Change,
): Promise<Revision> => {
  const revision = await store.commit(name, expected, wanted)
  if (revision === 'stale') throw new Error(`the commit to ${name} was stale`)
  return revision
}

export const create = (store: Store, name: string, ...appends: string[]): Promise<Revision> =>
  must(store, name, undefined, change('head', appends))

/** `position:bytes` of every record from `from` on, slice by slice. */
export const everything = async (
  store: Store,
  generation: number,
  from = 0,
  limit = 1 << 20,
): Promise<readonly string[]> => {
  const found: string[] = []
  for (let at = from; ; ) {
    const { records, next } = await store.read(generation, at, limit)
    if (records.length === 0) return found
    found.push(...records.map(record => `${record.position}:${text(record.bytes)}`))
    at = next
  }
}

/** What `load` answers, as text; undefined when there is nothing. */
export const loaded = async (store: Store, name: string, cells: readonly string[] = []) => {
  const entry = await store.load(name, cells)
  return (
    entry && {
      head: text(entry.head),
      start: entry.start,
      tail: entry.tail,
      cells: Object.fromEntries([...entry.cells].map(([cell, content]) => [cell, text(content)])),
    }
  )
}
