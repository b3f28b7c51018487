import { backoff, spread, type Waits } from './backoff.ts'
import type { Env } from './env.ts'
import type { StreamError } from './error.ts'
import { limits } from './limits.ts'

/**
 * How long a follower leaves the server alone between two links. One server may lose hundreds of them at one instant, so
 * none comes back on the dot; but nobody waits for long where nothing is wrong: what others write meanwhile waits too.
 */
export class Respite {
  readonly #env: Pick<Env, 'random'>
  readonly #waits: Waits
  #failures = 0
  #since: number | undefined
  #lost: number | undefined

  constructor(env: Pick<Env, 'random'>, waits: Waits) {
    this.#env = env
    this.#waits = waits
  }

  /** The link shows that it works. */
  worked(now: number): void {
    this.#since ??= now
  }

  /**
   * After a failure. A link that worked for a while makes earlier ones forgotten; but it may have been lost by all. Who
   * happened to fail often in a short time need not wait much longer than the others.
   */
  failed(now: number, { retryAfterMs }: StreamError): number {
    const healthy = this.#since !== undefined && now - this.#since >= limits.healthyMs
    if (healthy) this.#failures = limits.doublings
    if (healthy || this.#lost === undefined) this.#lost = now
    this.#since = undefined
    const without = Math.max(limits.lostMs, 2 * (now - this.#lost))
    const waits = { ...this.#waits, capMs: Math.min(this.#waits.capMs, without) }
    return backoff(this.#failures++, this.#env, waits, retryAfterMs)
  }

  /**
   * After a link that the server ended in good order. About a minute after it began it was its turn, at another time the
   * server may be ending all of them; and where it ends them after every few bytes, the bytes do not wait for long.
   */
  turned(livedMs: number): number {
    const [from, to] = limits.dueMs
    const isDue = livedMs >= from && livedMs <= to
    const most = isDue ? this.#waits.baseMs : Math.min(spread(this.#waits), Math.max(0, livedMs) / 4)
    return Math.round(this.#env.random() * most)
  }
}
