import * as Y from 'yjs'
import {
  type Range,
  Ranges,
  readUpdate,
  snapshotLimits,
  trimUpdate,
  type UpdateSummary,
} from '../protocol/index.ts'

/**
 * What the server holds of a document, as far as was read from it or acknowledged by it: which structs, which deletes.
 * A diff by state vector alone would carry the whole delete set each time, and miss what a gap in a log hides.
 */
export class Ledger {
  #structs = new Ranges()
  readonly #deletes = new Ranges()
  /** Of the first structs that were read: what every later state of the same document has. */
  #root: Range | undefined

  /** This update was read from the server. */
  read(summary: UpdateSummary): void {
    this.add(summary)
    const [first] = summary.structs
    this.#root ??= first
  }

  /** Whether a document that has these updates, and no more, can be the one that was read. */
  recognises(updates: readonly UpdateSummary[]): boolean {
    const root = this.#root
    return !root || updates.some(({ structs }) => structs.covers(root.client, root.clock, root.length))
  }

  /** The server holds this update. */
  add({ structs, deletes, erased }: UpdateSummary): void {
    this.#structs.addAll(structs)
    this.#deletes.addAll(deletes)
    this.#deletes.addAll(erased)
  }

  /** The server says that it lacks these structs. @returns whether `doc` has them */
  lacks(structs: Ranges, doc: Y.Doc): boolean {
    this.#structs = structs.missingFrom(this.#structs)
    return [...structs].every(({ client, clock, length }) => clock + length <= Y.getState(doc.store, client))
  }

  /** Whether the server has everything in an update. */
  holds({ structs, deletes }: UpdateSummary): boolean {
    return this.#structs.missingFrom(structs).isEmpty && this.#deletes.missingFrom(deletes).isEmpty
  }

  /** An update with what `doc` has and the server has not; undefined when there is nothing. */
  missing(doc: Y.Doc): Uint8Array | undefined {
    const state = Y.decodeStateVector(Y.encodeStateVector(doc))
    const deletes = this.#deletes.missingFrom(deletesOf(doc))
    let owed = false
    for (const [client, clock] of state) {
      const held = this.#structs.contiguous(client)
      if (this.#structs.covers(client, 0, clock)) continue
      state.set(client, Math.min(held, clock))
      owed = true
    }
    if (!owed && deletes.isEmpty) return undefined
    const update = settledOnly(doc, () => Y.encodeStateAsUpdate(doc, Y.encodeStateVector(state)))
    return trimUpdate(update, readUpdate(update, snapshotLimits), deletes)
  }
}

const deletesOf = (doc: Y.Doc): Ranges => {
  const ranges = new Ranges()
  for (const [client, items] of Y.createDeleteSetFromStructStore(doc.store).clients) {
    for (const { clock, len } of items) ranges.add(client, clock, len)
  }
  return ranges
}

/** Yjs adds what waits for other changes to every state it encodes. That is no part of the document yet: its author sends it. */
const settledOnly = <Result>({ store }: Y.Doc, encode: () => Result): Result => {
  const { pendingStructs, pendingDs } = store
  store.pendingStructs = null
  store.pendingDs = null
  try {
    return encode()
  } finally {
    store.pendingStructs = pendingStructs
    store.pendingDs = pendingDs
  }
}
