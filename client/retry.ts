import type { QueryRecord } from './address.ts'
import { Attempt } from './attempt.ts'
import { backoff, owed } from './backoff.ts'
import { ClientCode, StreamError } from './error.ts'
import { type RetryOptions, type Settings, settleRetry } from './settings.ts'

/** What every single request takes. */
export interface RequestOptions {
  /** Further parameters, beside those of the stream's own URL. */
  readonly query?: QueryRecord | undefined
  readonly signal?: AbortSignal | undefined
  /** In place of the stream's own. */
  readonly retry?: RetryOptions | false | undefined
  /** Called before each wait, with what failed and for how long. */
  readonly onRetry?: ((error: StreamError, delayMs: number) => void) | undefined
}

/** What came before a try. */
export interface Earlier {
  readonly tries: number
  /** Whether one of them may have been carried out all the same: its answer never came, or said nothing definite. */
  readonly unsure: boolean
}

/**
 * Does `work` until it succeeds, fails for good, or has been tried often enough; each try has an attempt of its own. A
 * server that wants a longer wait than `capMs` gets it only from those who would try for ever.
 * @throws StreamError what the last try failed with; ABORTED when the signal fired
 */
export const retrying = async <T>(
  settings: Settings,
  options: RequestOptions,
  work: (attempt: Attempt, earlier: Earlier) => Promise<T>,
  again: (error: StreamError) => boolean = error => error.transient,
): Promise<T> => {
  const { env } = settings
  const { attempts, ...waits } = settleRetry(options.retry, settings.retry)
  const signal = options.signal ?? new AbortController().signal
  for (let tries = 0, unsure = false; ; tries++) {
    const attempt = new Attempt(env, settings.url.href, options.signal)
    try {
      const result = await work(attempt, { tries, unsure })
      attempt.end()
      return result
    } catch (error) {
      attempt.fail(error)
      if (!(error instanceof StreamError)) throw error
      const tooLong = (error.retryAfterMs ?? 0) > waits.capMs && attempts !== Number.POSITIVE_INFINITY
      if (tries + 1 >= attempts || tooLong || !again(error)) throw error
      unsure ||= !error.refused
      const delayMs = backoff(tries, env, waits, error.retryAfterMs)
      options.onRetry?.(error, delayMs)
      await env.sleep(delayMs, signal, owed(error.retryAfterMs))
      if (signal.aborted) {
        throw new StreamError(ClientCode.aborted, 'the caller gave up', {
          url: error.url,
          cause: signal.reason,
        })
      }
    }
  }
}
