import {
  decodeFrames,
  FrameError,
  readUpdate,
  UpdateError,
  type UpdateLimits,
  type UpdateSummary,
} from '../../protocol/index.ts'
import type { Limits } from '../limits.ts'

/** Why posted bytes cannot be a part of a document's log. */
export type FramesProblem =
  | { readonly kind: 'notFrames' | 'emptyFrame'; readonly message: string }
  | { readonly kind: 'tooMany'; readonly count: number }
  | { readonly kind: 'malformed'; readonly index: number; readonly message: string }

/**
 * YJS 12.3: bytes become part of a document only if every peer can decode them. Nothing is built: counts are capped first
 * and the structure is walked once.
 */
export const readFrames = (bytes: Uint8Array, limits: Limits): readonly UpdateSummary[] | FramesProblem => {
  let updates: readonly Uint8Array[]
  try {
    updates = decodeFrames(bytes)
  } catch (error) {
    if (error instanceof FrameError) return { kind: 'notFrames', message: error.message }
    throw error
  }
  if (updates.length > limits.framesPerPost) return { kind: 'tooMany', count: updates.length }
  const summaries: UpdateSummary[] = []
  const ofUpdates = limitsOfUpdates(limits)
  for (const [index, update] of updates.entries()) {
    if (update.length === 0) return { kind: 'emptyFrame', message: `frame ${index} is empty` }
    try {
      summaries.push(readUpdate(update, ofUpdates))
    } catch (error) {
      if (error instanceof UpdateError) return { kind: 'malformed', index, message: error.message }
      throw error
    }
  }
  return summaries
}

const limitsOfUpdates = (limits: Limits): UpdateLimits => ({
  structs: limits.updateStructs,
  clients: limits.updateClients,
  deleteRanges: limits.updateDeleteRanges,
  rootNames: limits.updateRootNames,
  subdocuments: limits.updateSubdocuments,
  nesting: limits.updateNesting,
  clock: limits.updateClock,
})
