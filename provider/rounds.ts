import { backoff, type Env } from '../client/index.ts'

/** A log may be trimmed or deleted while it is read: that many rounds in a row are nothing unusual. */
const atOnce = 3
/** Before a round that lasted so long, nothing was wrong. */
const healthyMs = 5_000

/** What begins anew again and again, because of what the server answers: at once, and when it goes on like that with waits. */
export class Rounds {
  readonly #env: Pick<Env, 'now' | 'random' | 'sleep'>
  #ended = 0
  #began: number

  constructor(env: Pick<Env, 'now' | 'random' | 'sleep'>) {
    this.#env = env
    this.#began = env.now()
  }

  /** A round is over. Resolves when it is time for the next; `onWait` hears how long that takes, if it takes any time. */
  async next(signal: AbortSignal, onWait: (delayMs: number) => void = () => undefined): Promise<void> {
    const env = this.#env
    if (env.now() - this.#began >= healthyMs) this.#ended = 0
    const failures = this.#ended++ - atOnce
    if (failures >= 0) {
      const delayMs = backoff(failures, env)
      onWait(delayMs)
      await env.sleep(delayMs, signal)
    }
    this.#began = env.now()
  }
}
