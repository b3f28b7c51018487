import type { Env } from '../../client/index.ts'
import { limits } from './limits.ts'

/**
 * Time spent awake, in milliseconds, off the wall clock and yet unmoved when that is set, or when the machine sleeps:
 * between two readings passes what the wall clock moved, either way, and never more than `lapseMs`. Exact as long as it
 * is read more often than that.
 */
export class SteadyClock {
  readonly #env: Env
  #last: number
  #passed = 0

  constructor(env: Env) {
    this.#env = env
    this.#last = env.now()
  }

  read(): number {
    const now = this.#env.now()
    this.#passed += Math.min(Math.abs(now - this.#last), limits.lapseMs)
    this.#last = now
    return this.#passed
  }
}
