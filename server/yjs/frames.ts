import {
  decodeFrames,
  FrameError,
  readUpdate,
  UpdateError,
  type UpdateSummary,
} from '../../protocol/index.ts'

/** Why posted bytes cannot be a part of a document's log. */
export type FramesProblem =
  | { readonly kind: 'notFrames' | 'emptyFrame'; readonly message: string }
  | { readonly kind: 'tooMany'; readonly count: number }
  | { readonly kind: 'malformed'; readonly index: number; readonly message: string }

/**
 * YJS 12.3: bytes become part of a document only if every peer can decode them. Nothing is built: counts are capped first
 * and the structure is walked once.
 */
export const readFrames = (bytes: Uint8Array, most: number): readonly UpdateSummary[] | FramesProblem => {
  let updates: readonly Uint8Array[]
  try {
    updates = decodeFrames(bytes)
  } catch (error) {
    if (error instanceof FrameError) return { kind: 'notFrames', message: error.message }
    throw error
  }
  if (updates.length > most) return { kind: 'tooMany', count: updates.length }
  const summaries: UpdateSummary[] = []
  for (const [index, update] of updates.entries()) {
    if (update.length === 0) return { kind: 'emptyFrame', message: `frame ${index} is empty` }
    try {
      summaries.push(readUpdate(update))
    } catch (error) {
      if (error instanceof UpdateError) return { kind: 'malformed', index, message: error.message }
      throw error
    }
  }
  return summaries
}
