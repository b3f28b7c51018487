import type { UpdateSummary } from '../../protocol/index.ts'
import { joinUpdates } from '../join-updates.ts'
import { Coverage, summaryOf } from './coverage.ts'
import { asked, type Stores } from './database.ts'
import { type LocalProblem, unreadable } from './local-problem.ts'

export interface StoredUpdate {
  readonly key: IDBValidKey
  readonly bytes: Uint8Array
  readonly summary: UpdateSummary
}

export interface Sorted {
  readonly good: readonly StoredUpdate[]
  readonly bad: readonly { readonly key: IDBValidKey; readonly problem: LocalProblem }[]
}

/** As one with the same content. */
export const joinStored = (updates: readonly StoredUpdate[]): Uint8Array =>
  joinUpdates(updates.map(({ bytes }) => bytes))

const sort = (keys: readonly IDBValidKey[], values: readonly unknown[]): Sorted => {
  const good: StoredUpdate[] = []
  const bad: { key: IDBValidKey; problem: LocalProblem }[] = []
  for (const [at, key] of keys.entries()) {
    const bytes = values[at]
    try {
      if (!(bytes instanceof Uint8Array)) throw new TypeError('it is not bytes')
      good.push({ key, bytes, summary: summaryOf(bytes) })
    } catch (cause) {
      bad.push({ key, problem: unreadable('an update', bytes, cause) })
    }
  }
  return { good, bad }
}

/** The updates within `range`, or all. */
export const readStored = async ({ updates }: Stores, range?: IDBKeyRange): Promise<Sorted> => {
  const [keys, values] = await Promise.all([
    asked(updates.getAllKeys(range)),
    asked<unknown[]>(updates.getAll(range)),
  ])
  return sort(keys, values)
}

/** The document joined with what of these it does not have. One that cannot be read again must not spoil what can. */
export const joinWithWhole = (
  whole: Uint8Array,
  stored: readonly StoredUpdate[],
  onProblem: (problem: LocalProblem) => void,
): Uint8Array => {
  try {
    const held = Coverage.of([summaryOf(whole)])
    const more = stored.filter(({ summary }) => !held.has(summary))
    return more.length === 0 ? whole : joinUpdates([whole, joinStored(more)])
  } catch (cause) {
    onProblem(unreadable('the document', whole, cause))
    return stored.length === 0 ? whole : joinStored(stored)
  }
}
