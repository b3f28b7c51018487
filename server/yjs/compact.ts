import * as Y from 'yjs'
import { decodeFrames, Ranges, readUpdate, snapshotLimits } from '../../protocol/index.ts'

/** A document's log up to some offset: the snapshot below, if any, and the frames after it. */
export interface Prefix {
  readonly snapshot: Uint8Array | undefined
  readonly tail: Uint8Array
}

/** Updates merged at a time: `mergeUpdates` is quadratic in its inputs, so it is fed in a tree. */
const fanIn = 64

export const mergeTree = (updates: readonly Uint8Array[]): Uint8Array => {
  let level = updates
  while (level.length > 1) {
    const next: Uint8Array[] = []
    for (let at = 0; at < level.length; at += fanIn) {
      const group = level.slice(at, at + fanIn)
      next.push(group.length === 1 && group[0] ? group[0] : Y.mergeUpdates(group))
    }
    level = next
  }
  return level[0] ?? Y.encodeStateAsUpdate(new Y.Doc())
}

/** Thrown when a snapshot would not hold everything its prefix holds. */
export class LossyCompactionError extends Error {
  override readonly name = 'LossyCompactionError'
}

/**
 * The snapshot of a prefix: a function of the prefix alone. One transaction into a fresh document, which joins items and
 * collects garbage as merging updates cannot.
 * @throws LossyCompactionError when a struct or a deletion of the prefix is not in the result
 */
export const compact = ({ snapshot, tail }: Prefix): Uint8Array => {
  const updates = decodeFrames(tail)
  const inputs = snapshot ? [snapshot, mergeTree(updates)] : [mergeTree(updates)]
  const doc = new Y.Doc({ gc: true })
  doc.transact(() => {
    for (const update of inputs) Y.applyUpdate(doc, update)
  })
  const result = Y.encodeStateAsUpdate(doc)
  doc.destroy()
  verify(result, snapshot ? [snapshot, ...updates] : updates)
  return result
}

const verify = (result: Uint8Array, updates: readonly Uint8Array[]): void => {
  const held = readUpdate(result, snapshotLimits)
  const structs = new Ranges()
  const deletes = new Ranges()
  for (const update of updates) {
    const summary = readUpdate(update, snapshotLimits)
    structs.addAll(summary.structs)
    deletes.addAll(summary.deletes)
  }
  if (!held.structs.missingFrom(structs).isEmpty || !held.deletes.missingFrom(deletes).isEmpty) {
    throw new LossyCompactionError('the snapshot does not hold everything its log holds')
  }
}
