import { type Env, settleEnv } from './env.ts'
import { type HeaderFunction, type HeaderRecord, type HeaderSource, headerSource } from './header-source.ts'
import { limits } from './limits.ts'

/** How single requests are repeated. `attempts` counts the first one. */
export interface RetryOptions {
  readonly attempts?: number
  readonly baseMs?: number
  readonly capMs?: number
}
export type Retry = Readonly<Required<RetryOptions>>

export interface StreamOptions {
  /** The stream. Its own query parameters go with every request. In a browser it may be relative to the page. */
  readonly url: string | URL
  /** Sent with every request. A function is asked before each one, and once more when the answer is 401. */
  readonly headers?: HeaderRecord | HeaderFunction
  /** What the stream holds: the default of `create` and `append`. A follower that is not told may have to ask. */
  readonly contentType?: string
  /** Of single requests; `false` sends each once. A live read reconnects for ever, within the same waits. */
  readonly retry?: RetryOptions | false
  /** How long an answer may be silent before the request counts as failed. Default 30 s. */
  readonly timeoutMs?: number
  readonly env?: Partial<Env>
}

/** The options, once and for all: nothing behind this asks for a default again. */
export interface Settings {
  readonly url: URL
  readonly headers: HeaderSource | HeaderRecord
  readonly contentType: string | undefined
  readonly retry: Retry
  readonly timeoutMs: number
  readonly env: Env
}

/** @throws TypeError for a URL that fetch would refuse anyway */
export const settle = (given: StreamOptions): Settings => {
  const url = new URL(given.url, globalThis.location?.href)
  if (!/^https?:$/.test(url.protocol)) throw new TypeError(`a stream is read by http, not ${url.protocol}`)
  if (url.username || url.password) throw new TypeError('credentials belong in a header, not in the URL')
  url.hash = ''
  return {
    url,
    headers: typeof given.headers === 'function' ? headerSource(given.headers) : (given.headers ?? {}),
    contentType: given.contentType,
    retry: settleRetry(given.retry, limits),
    timeoutMs: given.timeoutMs ?? limits.timeoutMs,
    env: settleEnv(given.env),
  }
}

export const settleRetry = (given: RetryOptions | false | undefined, otherwise: Retry): Retry => ({
  attempts: given === false ? 1 : (given?.attempts ?? otherwise.attempts),
  baseMs: (given || undefined)?.baseMs ?? otherwise.baseMs,
  capMs: (given || undefined)?.capMs ?? otherwise.capMs,
})
