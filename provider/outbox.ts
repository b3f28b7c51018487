import * as Y from 'yjs'
import { encodeFrames } from '../protocol/index.ts'

/** What the server has not promised to keep yet. */
export interface Unsaved {
  /** Local changes as Yjs reported them; 0 while it is not known yet what the server lacks. */
  readonly updates: number
  readonly bytes: number
  /** When the oldest of them was made, in milliseconds since 1970. */
  readonly since: number
}

/** One request's worth, the same bytes until it is settled: a retry must be what the server may already hold. */
export interface Flight {
  readonly body: Uint8Array
  readonly updates: readonly Uint8Array[]
  readonly seq: number
}

/** Updates merged into one: `mergeUpdates` is quadratic, and at this many still cheaper than what it saves. */
const mergedAtOnce = 64
/** Updates remembered one by one. Past this the difference to the server is sent instead: it is in the document. */
const mostWaiting = 64 * mergedAtOnce

/** Local edits on their way: waiting, then in flight, then saved. Pure: knows no network and no clock. */
export class Outbox {
  #waiting: Uint8Array[] = []
  #owesDifference = false
  #tally: Unsaved | undefined
  #flight: (Flight & { readonly tally: Unsaved }) | undefined
  #seq = 0

  add(update: Uint8Array, now: number): void {
    this.#tally = sum(this.#tally, { updates: 1, bytes: update.length, since: now })
    if (this.#owesDifference) return
    this.#waiting.push(update)
    if (this.#waiting.length > mostWaiting) this.oweDifference(now)
  }

  /** Until the next `take`: whatever the document has and the server has not, known here or not. */
  oweDifference(now: number): void {
    this.#tally = sum(this.#tally, { updates: 0, bytes: 0, since: now })
    this.#owesDifference = true
    this.#waiting = []
  }

  /** What to send next: what is in flight, again, or else what is waiting. Undefined when everything is saved. */
  take(difference: () => Uint8Array | undefined): Flight | undefined {
    if (this.#flight || !this.#tally) return this.#flight
    const updates = this.#owesDifference ? some(difference()) : merged(this.#waiting)
    const tally = this.#tally
    this.#waiting = []
    this.#owesDifference = false
    this.#tally = undefined
    if (updates.length > 0) this.#flight = { body: encodeFrames(updates), updates, seq: this.#seq, tally }
    return this.#flight
  }

  /** The server keeps what was in flight. Called for that and for nothing else. */
  settle(): void {
    if (this.#flight) this.#seq++
    this.#flight = undefined
  }

  /**
   * The server does not know this producer any more, and what is in flight may be in the log or not: numbers start anew,
   * under another producer id, with the difference.
   */
  restart(now: number): void {
    this.recall(now)
    this.#seq = 0
  }

  /** What was in flight was refused whole, so its number is free: the difference goes instead. */
  recall(now: number): void {
    if (this.#flight) this.#tally = sum(this.#flight.tally, this.#tally)
    this.#flight = undefined
    this.oweDifference(now)
  }

  get saved(): boolean {
    return this.#flight === undefined && this.#tally === undefined
  }

  get unsaved(): Unsaved | undefined {
    return this.#flight ? sum(this.#flight.tally, this.#tally) : this.#tally
  }
}

const sum = (a: Unsaved | undefined, b: Unsaved | undefined): Unsaved => ({
  updates: (a?.updates ?? 0) + (b?.updates ?? 0),
  bytes: (a?.bytes ?? 0) + (b?.bytes ?? 0),
  since: a?.since ?? b?.since ?? 0,
})

const some = (update: Uint8Array | undefined): readonly Uint8Array[] => (update ? [update] : [])

/**
 * One update with everything in them. One, because they overlap: where an observer answers an edit by another, Yjs reports
 * the second with the first and then again.
 */
const merged = (updates: readonly Uint8Array[]): readonly Uint8Array[] => {
  let level = updates
  while (level.length > 1) {
    const above: Uint8Array[] = []
    for (let at = 0; at < level.length; at += mergedAtOnce) {
      above.push(Y.mergeUpdates(level.slice(at, at + mergedAtOnce)))
    }
    level = above
  }
  return level
}
