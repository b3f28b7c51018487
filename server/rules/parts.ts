import { formatOffset, type Offset, type Place } from '../../protocol/index.ts'
import type { Part, StreamState } from './state.ts'

type Bytes = Pick<StreamState, 'generation' | 'start' | 'tail' | 'origin'>

/** The position where a stream's own bytes begin: 0, or a fork's fork point. */
export const baseOf = ({ origin }: Pick<StreamState, 'origin'>): number => origin?.base ?? 0

/**
 * PROTOCOL 4.2: who wrote the bytes of a stream, oldest first; the last part is its own.
 * - F1 A fork has what its source had before the fork point, and its positions go on from there.
 */
export const partsOf = ({ generation, start, tail, origin }: Bytes): readonly Part[] => {
  const base = baseOf({ origin })
  return [...(origin?.inherited ?? []), { generation, base, from: Math.max(base, start), to: tail }]
}

/** F2: the parts a fork inherits when it begins at `position`; what is empty is left out, however long the chain is. */
export const inheritedBefore = (source: Bytes, position: number): readonly Part[] =>
  partsOf(source)
    .map(part => ({ ...part, to: Math.min(part.to, position) }))
    .filter(({ from, to }) => from < to)

/**
 * The place at a position in the words of the wire.
 * - F3 Up to the fork point a fork speaks of a place as its source does: by whoever wrote what lies before it, and of its
 *   beginning by the first source of all.
 * - F4 Generations grow from source to fork, so the tokens of one stream sort as strings.
 */
export const placeAt = (state: Bytes, position: number): Place => {
  const { generation, start, origin } = state
  if (!origin || position > origin.base) return { generation, position }
  const part = position > start ? origin.inherited.find(({ to }) => position <= to) : undefined
  return { generation: part?.generation ?? origin.root, position }
}

/** PROTOCOL 8: the token of a position of a stream. */
export const offsetAt = (state: Bytes, position: number): Offset => formatOffset(placeAt(state, position))
