import {
  type AwarenessEntry,
  AwarenessError,
  absentState,
  decodeAwareness,
  decodeFrames,
  FrameError,
  parseAges,
} from '../../protocol/index.ts'
import { limits } from './limits.ts'

/** What a server says of a client, and how long ago it heard that. */
export interface Word extends AwarenessEntry {
  readonly ageMs: number
}

export const isAbsent = ({ state }: AwarenessEntry): boolean => state === absentState

/** As y-protocols: a later clock wins, and of equal clocks the leave. */
export const outdoes = (entry: AwarenessEntry, clock: number, present: boolean): boolean =>
  entry.clock > clock || (entry.clock === clock && present && isAbsent(entry))

/**
 * The last word of each client in what a server sent. `ages` is what goes with a roster: without, or when it makes no sense,
 * all was heard just now. Presence passes servers unread, so anybody may have posted
 * anything: what cannot be read, and states beyond the limits, are left out, and the next renewal mends it.
 */
export const lastWords = (bytes: Uint8Array, ages: string | null = null): Map<number, Word> => {
  const words = new Map<number, Word>()
  const updates = frames(bytes)
  const seconds = parseAges(ages, updates.length)
  for (const [at, update] of updates.entries()) {
    const ageMs = (seconds?.[at] ?? 0) * 1_000
    for (const entry of entries(update)) {
      if (entry.state.length > limits.stateChars || isDeep(entry.state)) continue
      const before = words.get(entry.client)
      if (!before || outdoes(entry, before.clock, !isAbsent(before)))
        words.set(entry.client, { ...entry, ageMs })
    }
  }
  return words
}

const frames = (bytes: Uint8Array): readonly Uint8Array[] => {
  try {
    return decodeFrames(bytes)
  } catch (error) {
    if (error instanceof FrameError) return []
    throw error
  }
}

const entries = (update: Uint8Array): readonly AwarenessEntry[] => {
  try {
    return decodeAwareness(update)
  } catch (error) {
    if (error instanceof AwarenessError) return []
    throw error
  }
}

const quote = '"'.charCodeAt(0)
const backslash = '\\'.charCodeAt(0)
const opening = new Set(['{', '['].map(sign => sign.charCodeAt(0)))
const closing = new Set(['}', ']'].map(sign => sign.charCodeAt(0)))

const isDeep = (json: string): boolean => {
  let depth = 0
  let quoted = false
  for (let at = 0; at < json.length; at++) {
    const sign = json.charCodeAt(at)
    if (quoted && sign === backslash) at++
    else if (sign === quote) quoted = !quoted
    else if (quoted) continue
    else if (opening.has(sign) && ++depth > limits.depth) return true
    else if (closing.has(sign)) depth--
  }
  return false
}
