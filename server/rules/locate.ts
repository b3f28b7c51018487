import { parseOffset, Sentinel } from '../../protocol/index.ts'
import type { LocateOutcome } from './outcome.ts'
import type { StreamState } from './state.ts'

const trimmed: LocateOutcome = { kind: 'gone', reason: 'trimmed' }

/**
 * PROTOCOL 8 and 5.6: where an `offset` parameter points in this incarnation of the path.
 * - O1 None, or the start sentinel, is the beginning; gone when that is not kept any more.
 * - O2 The tail sentinel is the tail.
 * - O3 What this server cannot have minted is malformed.
 * - O4 A token of an earlier incarnation is gone.
 * - O5 One past the tail, or of a later incarnation, is beyond.
 * - O6 Every other token is its position,
 * - O7 gone when the bytes there are not kept any more.
 */
export const locate = (state: StreamState, offset: string | undefined): LocateOutcome => {
  if (offset === undefined || offset === Sentinel.start) {
    return state.start === 0 ? { kind: 'at', position: 0 } : trimmed
  }
  if (offset === Sentinel.tail) return { kind: 'at', position: state.tail }
  const place = parseOffset(offset)
  if (!place) return { kind: 'malformed' }
  if (place.generation < state.generation) return { kind: 'gone', reason: 'recreated' }
  if (place.generation > state.generation || place.position > state.tail) return { kind: 'beyond' }
  if (place.position < state.start) return trimmed
  return { kind: 'at', position: place.position }
}
