import { encodeFrames } from '../protocol/index.ts'
import { joinUpdates } from './join-updates.ts'

/** What the server has not promised to keep yet. */
export interface Tally {
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

/** An update made ready to be sent. */
export interface Packed {
  /** Of one request each, in this order. */
  readonly updates: readonly Uint8Array[]
  /** How many bytes of it stay behind, because the server would not take them. */
  readonly leftBytes: number
}

/** Makes an update ready; undefined when all that is not saved must be looked at anew. */
export type Pack = (update: Uint8Array) => Packed | undefined

const whole: Pack = update => ({ updates: [update], leftBytes: 0 })
const nothing: Packed = { updates: [], leftBytes: 0 }

/** Updates remembered one by one. Past this the difference to the server is sent instead: it is in the document. */
const mostWaiting = 4_096

interface Waiting {
  readonly update: Uint8Array
  /** When it was made. */
  readonly at: number
}

/** Local edits on their way: waiting, then in flight, then saved. Pure: knows no network and no clock. */
export class Outbox {
  #waiting: Waiting[] = []
  #owesDifference = false
  /** Of what is waiting. */
  #tally: Tally | undefined
  #flight: Flight | undefined
  /** What goes after the flight, and was taken with it. */
  #packed: Uint8Array[] = []
  /** Of both. */
  #sent: Tally | undefined
  /** Of what stays behind. */
  #left: Tally | undefined
  #seq = 0

  add(update: Uint8Array, now: number): void {
    this.#tally = sum(this.#tally, { updates: 1, bytes: update.length, since: now })
    if (this.#owesDifference) return
    this.#waiting.push({ update, at: now })
    if (this.#waiting.length > mostWaiting) this.oweDifference(now)
  }

  /** Until the next `take`: whatever the document has and the server has not, known here or not. */
  oweDifference(now: number): void {
    this.#tally = sum(this.#tally, { updates: 0, bytes: 0, since: now })
    this.#owesDifference = true
    this.#waiting = []
  }

  /** The difference was looked at: what is owed is this, made at `since`, or nothing. */
  owe(difference: Uint8Array | undefined, since: number): void {
    this.#waiting = difference ? [{ update: difference, at: since }] : []
    this.#owesDifference = false
    this.#left = undefined
    this.#tally = tallyOf(this.#waiting)
  }

  /** Somebody else sends for this tab: what the server `holds` by now needs no sending. */
  release(holds: (update: Uint8Array) => boolean, difference: () => Uint8Array | undefined): void {
    if (this.#owesDifference) this.owe(difference(), this.#tally?.since ?? 0)
    const waiting = this.#waiting.filter(({ update }) => !holds(update))
    if (waiting.length === this.#waiting.length) return
    this.#waiting = waiting
    this.#tally = tallyOf(waiting)
  }

  /**
   * What to send next: what is in flight, again, or what was packed with it, or else what is waiting. Undefined when there is
   * nothing to send.
   */
  take(difference: () => Uint8Array | undefined, pack: Pack = whole): Flight | undefined {
    if (this.#flight) return this.#flight
    if (this.#packed.length === 0 && this.#tally) this.#pack(this.#tally, difference, pack)
    const update = this.#packed.shift()
    if (!update) return undefined
    this.#flight = { body: encodeFrames([update]), updates: [update], seq: this.#seq }
    return this.#flight
  }

  /** The server keeps what was in flight. Called for that and for nothing else. */
  settle(): void {
    if (this.#flight) this.#seq++
    this.#flight = undefined
    if (this.#packed.length === 0) this.#sent = undefined
  }

  /** What was in flight was refused whole, so its number is free: these go in its place. */
  divide(updates: readonly Uint8Array[]): void {
    this.#flight = undefined
    this.#packed = [...updates, ...this.#packed]
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
    this.#tally = this.unsaved
    this.#flight = undefined
    this.#packed = []
    this.#sent = undefined
    this.#left = undefined
    this.oweDifference(now)
  }

  #pack(tally: Tally, difference: () => Uint8Array | undefined, pack: Pack): void {
    const update = this.#owesDifference ? difference() : joined(this.#waiting)
    const owed = this.#owesDifference
    this.#waiting = []
    this.#owesDifference = false
    this.#tally = undefined
    this.#sent = tally // packing may tell an app, which may edit at once
    let packed = update ? pack(update) : nothing
    const isWhole = owed || !packed
    if (!packed) {
      const all = difference()
      packed = (all && pack(all)) ?? nothing
    }
    this.#packed = [...packed.updates]
    const before = isWhole ? undefined : this.#left
    const since = this.#left?.since ?? tally.since
    const { updates, leftBytes } = packed
    this.#left = before
    if (leftBytes > 0) {
      const left = updates.length > 0 ? { updates: 1, bytes: leftBytes, since } : { ...tally, since }
      this.#left = sum(before, left)
    }
    if (updates.length === 0) this.#sent = undefined
  }

  /** Whether the outcome of a request is not known. */
  get flying(): boolean {
    return this.#sent !== undefined
  }

  /** Whether there is something that was taken for no request yet. */
  get waits(): boolean {
    return this.#tally !== undefined
  }

  /** Whether there is something that the server may take. */
  get busy(): boolean {
    return this.#sent !== undefined || this.#tally !== undefined
  }

  get saved(): boolean {
    return !this.busy && this.#left === undefined
  }

  get unsaved(): Tally | undefined {
    const there = [this.#left, this.#sent, this.#tally].filter(tally => tally !== undefined)
    return there.length === 0 ? undefined : there.reduce(sum)
  }
}

const sum = (a: Tally | undefined, b: Tally | undefined): Tally => ({
  updates: (a?.updates ?? 0) + (b?.updates ?? 0),
  bytes: (a?.bytes ?? 0) + (b?.bytes ?? 0),
  since: a?.since ?? b?.since ?? 0,
})

const tallyOf = (waiting: readonly Waiting[]): Tally | undefined => {
  let tally: Tally | undefined
  for (const { update, at } of waiting) tally = sum(tally, { updates: 1, bytes: update.length, since: at })
  return tally
}

/**
 * One update with everything in them. One, because they overlap: where an observer answers an edit by another, Yjs reports
 * the second with the first and then again.
 */
const joined = (waiting: readonly Waiting[]): Uint8Array | undefined =>
  waiting.length > 0 ? joinUpdates(waiting.map(({ update }) => update)) : undefined
