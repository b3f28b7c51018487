import type { Env } from 'durable-streams-yjs/client'

const slackMs = 20 // timers are no finer than a millisecond, and the loop has other work

/** Lets at most so many edits a second through. A pause is not made up for by haste. */
export class Pacer {
  readonly #everyMs: number
  readonly #env: Pick<Env, 'now' | 'sleep'>
  #due: number | undefined

  /** @param editsPerSecond all that come when left out */
  constructor(editsPerSecond: number | undefined, env: Pick<Env, 'now' | 'sleep'>) {
    this.#everyMs = editsPerSecond === undefined ? 0 : 1_000 / editsPerSecond
    this.#env = env
  }

  /** Resolves when the next edit may be made, or when `signal` fires. */
  async turn(signal: AbortSignal): Promise<void> {
    if (this.#everyMs === 0) return
    const now = this.#env.now()
    this.#due = Math.max((this.#due ?? now) + this.#everyMs, now - slackMs)
    const wait = this.#due - now
    if (wait >= 1) await this.#env.sleep(wait, signal)
  }
}
