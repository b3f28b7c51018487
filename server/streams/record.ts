import type { Birth } from '../rules/create.ts'
import { dueAt } from '../rules/expiry.ts'
import { baseOf } from '../rules/parts.ts'
import type { Seen } from '../rules/producer.ts'
import type { StreamState } from '../rules/state.ts'
import type { Change, Entry } from '../store/store.ts'

/**
 * How a stream's state lies in a store: JSON in the head, one small cell a producer. Versioned by its field names. An
 * entry holds what its stream wrote itself, so a fork's begins at 0 where the stream is at its fork point.
 */

const encoder = new TextEncoder()
const decoder = new TextDecoder()

type Kept = Omit<StreamState, 'generation' | 'start' | 'tail'>
type Lineage = Pick<Kept, 'refs' | 'deleted' | 'origin'>
type Head = Omit<Kept, keyof Lineage> & Partial<Lineage>

export const encodeHead = ({ config, deadline, closed, closedBy, lastSeq, ...rest }: Kept): Uint8Array => {
  const { refs, deleted, origin } = rest
  // `deleted` is written while it is false, so that a full store has room for saying that it is true.
  const lineage: Partial<Lineage> = origin || refs > 0 || deleted ? { refs, deleted, origin } : {}
  return encoder.encode(
    JSON.stringify({ config, deadline, closed, closedBy, lastSeq, ...lineage } satisfies Head),
  )
}

export const decodeState = ({ head, revision, start, tail }: Entry): StreamState => {
  const { refs = 0, deleted = false, ...kept } = JSON.parse(decoder.decode(head)) as Head
  const base = baseOf(kept)
  return {
    ...kept,
    refs,
    deleted,
    generation: revision.generation,
    start: kept.origin?.inherited[0]?.from ?? base + start,
    tail: base + tail,
  }
}

/** What a new stream's entry is created with. */
export const birthChange = ({ state, records }: Birth): Change => ({
  head: encodeHead(state),
  appends: records,
  due: dueAt(state),
})

/** Cells share one name space; what follows the colon is the caller's. */
export const producerCell = (id: string): string => `producer:${id}`
export const noteCell = (key: string): string => `note:${key}`

export const encodeSeen = (seen: Seen): Uint8Array => encoder.encode(JSON.stringify(seen))
export const decodeSeen = (bytes: Uint8Array | undefined): Seen | undefined =>
  bytes && (JSON.parse(decoder.decode(bytes)) as Seen)
