import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'

/** One client's presence as the y-protocols awareness encoding carries it. */
export interface AwarenessEntry {
  readonly client: number
  readonly clock: number
  /** JSON; `null` when the client left. */
  readonly state: string
}

export const absentState = 'null'

/** Thrown for bytes that are not an awareness update. */
export class AwarenessError extends Error {
  override readonly name = 'AwarenessError'
}

export const encodeAwareness = (entries: readonly AwarenessEntry[]): Uint8Array => {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, entries.length)
  for (const { client, clock, state } of entries) {
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, clock)
    encoding.writeVarString(encoder, state)
  }
  return encoding.toUint8Array(encoder)
}

/** @throws AwarenessError unless the bytes are exactly one awareness update whose states are JSON */
export const decodeAwareness = (bytes: Uint8Array): readonly AwarenessEntry[] => {
  try {
    const decoder = decoding.createDecoder(bytes)
    const entries: AwarenessEntry[] = []
    for (let left = decoding.readVarUint(decoder); left > 0; left--) {
      const client = decoding.readVarUint(decoder)
      const clock = decoding.readVarUint(decoder)
      const state = decoding.readVarString(decoder)
      JSON.parse(state)
      entries.push({ client, clock, state })
    }
    if (decoding.hasContent(decoder)) throw new AwarenessError('bytes follow the awareness update')
    return entries
  } catch (cause) {
    if (cause instanceof AwarenessError) throw cause
    throw new AwarenessError('not an awareness update', { cause })
  }
}
