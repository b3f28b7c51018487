import type { Usage } from './lmdb-environment.ts'

export interface RoomOptions {
  /** Bytes the data file may grow to. */
  readonly ceiling: number
  usage(): Usage
  /** Bytes left on the disk for this process. */
  diskFree(): Promise<number>
  /** Milliseconds from any point in time. */
  now(): number
}

// Removing needs room too: pages are copied before they are changed, and freed only afterwards.
const reserveBytes = 32 << 20
const reserveShare = 1 / 8
const diskFreshMs = 1_000

/**
 * Says what still fits, before it is written: LMDB enlarges its map by itself, so it never says so, and a full disk
 * cannot be told from a broken one afterwards (a write that ends early is reported as an I/O error). What other programs
 * do to the disk is seen once a second.
 */
export class Room {
  readonly #options: RoomOptions
  /** How large the file can become before the disk is full. */
  #reach = Number.POSITIVE_INFINITY
  #checked = Number.NEGATIVE_INFINITY
  /** What may still be promised before measuring again. */
  #left = 0
  /** What was promised to the batch that is not written yet. */
  #promised = 0

  constructor(options: RoomOptions) {
    this.#options = options
  }

  /** A new batch begins; the one before it is on the disk. */
  begin(): void {
    this.#promised = 0
    if (this.#options.now() - this.#checked >= diskFreshMs) void this.refresh().catch(() => undefined)
  }

  /** Whether `bytes` more fit. If so they are taken. */
  take(bytes: number): boolean {
    if (bytes > this.#left) this.#measure()
    if (bytes > this.#left) return false
    this.#left -= bytes
    this.#promised += bytes
    return true
  }

  /** Looks at the disk. */
  async refresh(): Promise<void> {
    this.#checked = this.#options.now()
    const { fileBytes } = this.#options.usage()
    const free = await this.#options.diskFree().catch(() => Number.POSITIVE_INFINITY)
    this.#reach = fileBytes + free
    this.#left = 0
  }

  #measure(): void {
    const end = Math.min(this.#options.ceiling, this.#reach)
    const reserve = Math.min(reserveBytes, end * reserveShare)
    this.#left = end - reserve - this.#options.usage().usedBytes - this.#promised
  }
}
