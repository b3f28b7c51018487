import type { World } from '../../server/world.ts'

/** Resolves when every promise that could settle has done so; web streams take more than one round. */
export const settled = async (rounds = 3): Promise<void> => {
  for (let round = 0; round < rounds; round++) await new Promise<void>(resolve => setImmediate(resolve))
}

interface Timer {
  readonly at: number
  readonly task: () => void
}

/** A world in which time passes when the test says so, and in which chance is always the same. */
export class FakeWorld implements World {
  time: number
  chance: number
  /** By how much its clock was set, ahead or back. */
  skewMs = 0
  readonly #timers = new Set<Timer>()

  constructor({ time = Date.UTC(2025, 0, 1), chance = 0.5 } = {}) {
    this.time = time
    this.chance = chance
  }

  /** Tasks still to come. */
  get timers(): number {
    return this.#timers.size
  }

  readonly now = (): number => this.time + this.skewMs
  readonly steady = (): number => this.time
  readonly random = (): number => this.chance
  readonly after = (ms: number, task: () => void): (() => void) => {
    const timer = { at: this.time + ms, task }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  /** Lets `ms` pass: what falls due meanwhile runs in its order, and everything it leads to before the next. */
  async turn(ms: number): Promise<void> {
    const until = this.time + ms
    await settled()
    for (let next = this.#next(until); next; next = this.#next(until)) {
      this.#timers.delete(next)
      this.time = Math.max(this.time, next.at)
      next.task()
      await settled()
    }
    this.time = until
    await settled()
  }

  #next(until: number): Timer | undefined {
    let first: Timer | undefined
    for (const timer of this.#timers) if (timer.at <= until && (!first || timer.at < first.at)) first = timer
    return first
  }
}
