import { type Place, parseOffset, Sentinel } from '../../protocol/index.ts'
import type { LocateOutcome } from './outcome.ts'
import { placeAt } from './parts.ts'
import type { Origin, StreamState } from './state.ts'

const trimmed: LocateOutcome = { kind: 'gone', reason: 'trimmed' }

/**
 * PROTOCOL 8 and 5.6: where an `offset` parameter points in this incarnation of the path.
 * - O1 None, the start sentinel, or the zero token of the public protocol's servers, is the beginning; gone when that is
 *   not kept any more.
 * - O2 The tail sentinel is the tail.
 * - O3 What this server cannot have minted is malformed.
 * - O4 A token of an earlier incarnation is gone.
 * - O5 One past the tail, or of a later incarnation, is beyond.
 * - O6 Every other token is its position,
 * - O7 gone when the bytes there are not kept any more.
 * - O8 Up to its fork point a fork has the tokens of its sources, and no others: a place has one token.
 * - O9 A token of a source past the point where the fork left it is beyond.
 */
export const locate = (state: StreamState, offset: string | undefined): LocateOutcome => {
  if (offset === undefined || offset === Sentinel.start) return beginning(state)
  if (offset === Sentinel.tail) return { kind: 'at', position: state.tail }
  const place = parseOffset(offset)
  if (!place) return { kind: 'malformed' }
  if (isZero(place)) return beginning(state)
  if (place.generation > state.generation) return { kind: 'beyond' }
  const end = endOf(state, place.generation)
  if (end === undefined) return { kind: 'gone', reason: 'recreated' }
  if (place.position > end) return { kind: 'beyond' }
  if (place.position < state.start) return trimmed
  if (placeAt(state, place.position).generation !== place.generation) return { kind: 'malformed' }
  return { kind: 'at', position: place.position }
}

/** No stream has the generation 0. */
export const isZero = ({ generation, position }: Place): boolean => generation === 0 && position === 0

const beginning = ({ start }: StreamState): LocateOutcome =>
  start === 0 ? { kind: 'at', position: 0 } : trimmed

/** How far the tokens of a generation reach in this stream; undefined when it has none of them. */
const endOf = ({ generation, start, tail, origin }: StreamState, wanted: number): number | undefined => {
  if (wanted === generation) return tail
  return origin && inheritedEnd(origin, start, wanted)
}

const inheritedEnd = (origin: Origin, start: number, wanted: number): number | undefined => {
  const part = origin.inherited.find(({ generation }) => generation === wanted)
  if (part) return part.to
  if (wanted === origin.root) return start
  return wanted === origin.generation ? origin.base : undefined
}
