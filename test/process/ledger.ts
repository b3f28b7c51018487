import type { Offset } from '../../protocol/index.ts'

/** The offset an acknowledgement gave: the end of the record, or, unless `exact`, some place at or after it. */
export interface Told {
  readonly next: Offset | undefined
  readonly exact: boolean
}

interface Entry {
  readonly writer: string
  /** Counts the records of one writer. */
  readonly index: number
  told: Told | undefined
}

/** One record as it lies in a log. */
export interface Found {
  readonly key: string
  /** The bytes of the log up to and with this record. */
  readonly end: number
}

export interface Tally {
  /** Acknowledged and not in the log. */
  lost: number
  /** In the log more than once. */
  duplicated: number
  /** In the log in another order than appended. */
  disordered: number
  /** In the log at another place than the acknowledgement said. */
  misplaced: number
  /** In the log although nobody appended it, or not as it was appended. */
  foreign: number
}

/** What was appended to one log, by whom, in which order, and what the server promised of it. */
export class Ledger {
  readonly #entries = new Map<string, Entry>()
  readonly #counts = new Map<string, number>()
  readonly #positionOf: (offset: Offset) => number
  #acknowledged = 0
  /** The greatest offset that anybody was given; tokens of one stream compare as strings. */
  highest = '' as Offset

  constructor(positionOf: (offset: Offset) => number) {
    this.#positionOf = positionOf
  }

  /** How many records were acknowledged. */
  get acknowledged(): number {
    return this.#acknowledged
  }

  /** How many records are on their way, or were when the server died. */
  get unknown(): number {
    return this.#entries.size - this.#acknowledged
  }

  /** `key` must be unique in the log. */
  issue(writer: string, key: string): void {
    const index = this.#counts.get(writer) ?? 0
    this.#counts.set(writer, index + 1)
    this.#entries.set(key, { writer, index, told: undefined })
  }

  acknowledge(key: string, told: Told): void {
    const entry = this.#entries.get(key)
    if (!entry || entry.told) throw new Error(`${key} was acknowledged without being under way`)
    entry.told = told
    this.#acknowledged++
    this.seen(told.next)
  }

  seen(offset: Offset | undefined): void {
    if (offset !== undefined && offset > this.highest) this.highest = offset
  }

  /** The records that must be in any log read from now on. */
  promised(): ReadonlySet<string> {
    return new Set([...this.#entries].filter(([, { told }]) => told).map(([key]) => key))
  }

  /** Holds a whole log against what was appended, and against what was promised before it was read. */
  check(records: readonly Found[], promised: ReadonlySet<string>, tally: Tally): void {
    const found = new Set<string>()
    const next = new Map<string, number>()
    for (const { key, end } of records) {
      const entry = this.#entries.get(key)
      if (!entry) {
        tally.foreign++
        continue
      }
      if (found.has(key)) tally.duplicated++
      found.add(key)
      if (entry.index !== (next.get(entry.writer) ?? 0)) tally.disordered++
      next.set(entry.writer, entry.index + 1)
      if (!this.#liesAt(entry.told, end)) tally.misplaced++
    }
    for (const key of promised) if (!found.has(key)) tally.lost++
  }

  #liesAt(told: Told | undefined, end: number): boolean {
    if (told?.next === undefined) return true
    const position = this.#positionOf(told.next)
    return told.exact ? position === end : position >= end
  }
}
