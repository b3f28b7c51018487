import type { Seen } from '../rules/producer.ts'
import type { StreamState } from '../rules/state.ts'
import type { Entry } from '../store/store.ts'

/** How a stream's state lies in a store: JSON in the head, one small cell a producer. Versioned by its field names. */

const encoder = new TextEncoder()
const decoder = new TextDecoder()

type Head = Omit<StreamState, 'generation' | 'start' | 'tail'>

export const encodeHead = ({ config, deadline, closed, closedBy, lastSeq }: Head): Uint8Array =>
  encoder.encode(JSON.stringify({ config, deadline, closed, closedBy, lastSeq } satisfies Head))

export const decodeState = (entry: Entry): StreamState => {
  const head = JSON.parse(decoder.decode(entry.head)) as Head
  return { ...head, generation: entry.revision.generation, start: entry.start, tail: entry.tail }
}

/** Cells share one name space; what follows the colon is the caller's. */
export const producerCell = (id: string): string => `producer:${id}`
export const noteCell = (key: string): string => `note:${key}`

export const encodeSeen = (seen: Seen): Uint8Array => encoder.encode(JSON.stringify(seen))
export const decodeSeen = (bytes: Uint8Array | undefined): Seen | undefined =>
  bytes && (JSON.parse(decoder.decode(bytes)) as Seen)
