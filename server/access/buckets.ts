import { LRUCache } from 'lru-cache'
import type { World } from '../world.ts'

/** Nobody owes more than is gained in this time. */
const longestDebtS = 60

/** What many small gains may lack of their sum. */
const roundingMs = 1e-6

export interface BucketsOptions {
  /** What a bucket gains in a second, evenly; it holds as much. */
  readonly perSecond: number
  /** Buckets remembered. The one longest unused is forgotten, and then full. */
  readonly most: number
  readonly world: Pick<World, 'steady'>
}

interface Level {
  readonly amount: number
  /** Milliseconds of the world's steady clock. */
  readonly at: number
}

/**
 * A token bucket a key.
 * - B1 A second's worth can be taken at once, then as much as is gained.
 * - B2 More than a bucket holds can be taken from a full one; the rest is owed.
 * - B3 What is refused costs nothing.
 */
export class Buckets {
  readonly #options: BucketsOptions
  readonly #levels: LRUCache<string, Level>

  constructor(options: BucketsOptions) {
    this.#options = options
    this.#levels = new LRUCache({ max: options.most })
  }

  /** How many milliseconds it takes until `amount` is there, or as much of it as a bucket holds. */
  wait(key: string, amount: number): number {
    const { perSecond } = this.#options
    const missing = Math.min(amount, perSecond) - this.#settle(key, 0)
    return Math.max(0, Math.ceil((missing * 1_000) / perSecond - roundingMs))
  }

  /** Takes `amount` if it is there. @returns 0, or how many milliseconds to wait */
  take(key: string, amount: number): number {
    const waitMs = this.wait(key, amount)
    if (waitMs === 0) this.spend(key, amount)
    return waitMs
  }

  /** Takes `amount`, owed if it is not there. */
  spend(key: string, amount: number): void {
    this.#settle(key, amount)
  }

  /** @returns what is there now, less than nothing when it is owed */
  #settle(key: string, spent: number): number {
    const { perSecond, world } = this.#options
    const at = world.steady()
    const before = this.#levels.get(key) ?? { amount: perSecond, at }
    const gained = ((at - before.at) * perSecond) / 1_000
    const amount = Math.max(Math.min(perSecond, before.amount + gained) - spent, -longestDebtS * perSecond)
    this.#levels.set(key, { amount, at })
    return amount
  }
}
