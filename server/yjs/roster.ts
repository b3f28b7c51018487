import { type AwarenessEntry, encodeAwareness, encodeFrames } from '../../protocol/index.ts'

/** The last word of a client, and when it was heard. */
export interface Heard extends AwarenessEntry {
  /** Milliseconds of a steady clock. */
  readonly heardAt: number
}

/** Words in frames of awareness updates, and for each frame how long ago its words were heard, in whole seconds. */
export interface AgedFrames {
  readonly frames: Uint8Array
  readonly ages: readonly number[]
}

/** Further ones count as of this age: readers do not wait for so long, and a header has to stay short. */
const greatestAge = 60

/**
 * A frame for each age, the youngest first. Ages are rounded down: a reader that waits for so many seconds of silence
 * waits not less than that, and less than one more.
 */
export const byAge = (words: Iterable<Heard>, now: number): AgedFrames => {
  const groups = new Map<number, Heard[]>()
  for (const word of words) {
    const age = Math.min(Math.floor((now - word.heardAt) / 1_000), greatestAge)
    const group = groups.get(age)
    if (group) group.push(word)
    else groups.set(age, [word])
  }
  const sorted = [...groups].sort(([a], [b]) => a - b)
  return {
    frames: encodeFrames(sorted.map(([, group]) => encodeAwareness(group))),
    ages: sorted.map(([age]) => age),
  }
}
