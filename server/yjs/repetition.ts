import * as Y from 'yjs'
import { decodeFrames, encodeFrames, type Ranges, type UpdateSummary } from '../../protocol/index.ts'

/** By the index of an update, how many clocks of a client the document held before it, of clients it repeats. */
export type Repetitions = ReadonlyMap<number, ReadonlyMap<number, number>>

/** What one request's updates bring that is there already. None of them may lack anything. */
export const repetitionsIn = (updates: readonly UpdateSummary[], structs: Ranges): Repetitions => {
  const grown = new Map<number, number>()
  const repetitions = new Map<number, ReadonlyMap<number, number>>()
  for (const [index, update] of updates.entries()) {
    const known = new Map<number, number>()
    for (const { client, clock, length } of update.structs) {
      const state = grown.get(client) ?? structs.contiguous(client)
      if (clock < state) known.set(client, Math.max(state, known.get(client) ?? 0))
      grown.set(client, Math.max(state, clock + length))
    }
    if (known.size > 0) repetitions.set(index, known)
  }
  return repetitions
}

/**
 * The frames without the structs that are there already. Of two contents of one clock Yjs keeps the first, but a struct that
 * begins within what it has it joins to that unseen: after garbage it throws, and after an item of another parent it builds
 * what no two readers agree on. Both would be for ever, so no clock is ever in a log twice. An update of which nothing new is
 * left stays, empty.
 */
export const withoutRepetitions = (frames: Uint8Array, repetitions: Repetitions): Uint8Array => {
  if (repetitions.size === 0) return frames
  const updates = decodeFrames(frames).map((update, index) => {
    const known = repetitions.get(index)
    if (!known) return update
    return Y.diffUpdate(update, Y.encodeStateVector(new Map(known)))
  })
  return encodeFrames(updates)
}
