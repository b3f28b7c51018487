import type { Env } from './env.ts'
import { ClientCode, StreamError } from './error.ts'

/**
 * The life of one request. It ends with its owner's signal, when something takes too long, or by `end` or `fail`;
 * after that no timer, listener or reader of it is left. Every rejection is a `StreamError`.
 */
export class Attempt {
  readonly #env: Env
  readonly #url: string
  readonly #outer: AbortSignal | undefined
  readonly #request = new AbortController()
  readonly #watch = new AbortController()
  #watching = false
  #since: number | undefined // when the wait under way began
  #limitMs = 0

  constructor(env: Env, url: string, outer: AbortSignal | undefined) {
    this.#env = env
    this.#url = url
    this.#outer = outer
    outer?.addEventListener('abort', this.#abandon)
    if (outer?.aborted) this.#abandon()
  }

  /** Fires when the request failed or was given up; what `fetch` gets. Its reason is a `StreamError`. */
  get signal(): AbortSignal {
    return this.#request.signal
  }

  /**
   * What `work` resolves to, unless that takes longer than `limitMs` or the attempt fails first. The limits of one
   * attempt do not shrink.
   * @throws StreamError NETWORK with what `work` threw, TIMEOUT, ABORTED
   */
  within<T>(limitMs: number, work: () => Promise<T>): Promise<T> {
    const { signal } = this.#request
    if (signal.aborted) return Promise.reject(signal.reason)
    this.#since = this.#env.now()
    this.#limitMs = limitMs
    if (!this.#watching) void this.#guard()
    return new Promise<T>((resolve, reject) => {
      const failed = () => reject(signal.reason)
      const settled = () => {
        this.#since = undefined
        signal.removeEventListener('abort', failed)
      }
      signal.addEventListener('abort', failed)
      new Promise<T>(start => start(work())).then(
        value => {
          settled()
          resolve(value)
        },
        cause => {
          settled()
          reject(cause instanceof StreamError ? cause : this.#error(ClientCode.network, 'no answer', cause))
        },
      )
    })
  }

  /** The request is over and all of its answer was read; its connection may be used again. */
  end(): void {
    this.#outer?.removeEventListener('abort', this.#abandon)
    this.#watch.abort()
  }

  /** Gives the request up, and cuts an answer that is still coming. */
  fail(reason: unknown): void {
    this.end()
    this.#request.abort(reason)
  }

  readonly #abandon = () => {
    this.fail(this.#error(ClientCode.aborted, 'the caller gave up', this.#outer?.reason))
  }

  /** One timer at a time, set again for what is left of the current wait: a busy link costs no timer per chunk. */
  async #guard(): Promise<void> {
    this.#watching = true
    let left = this.#limitMs
    while (left > 0) {
      await this.#env.sleep(left, this.#watch.signal)
      if (this.#watch.signal.aborted || this.#since === undefined) break // the next wait starts a new guard
      const waited = this.#env.now() - this.#since
      if (waited < 0) this.#since = this.#env.now() // the clock was set back
      left = this.#limitMs - Math.max(0, waited)
    }
    this.#watching = false
    if (left <= 0) this.fail(this.#error(ClientCode.timeout, `nothing came for ${this.#limitMs} ms`))
  }

  #error(code: (typeof ClientCode)[keyof typeof ClientCode], message: string, cause?: unknown): StreamError {
    return new StreamError(code, message, { url: this.#url, cause })
  }
}
