import { address, type QueryRecord } from './address.ts'
import type { Attempt } from './attempt.ts'
import { readBody } from './body.ts'
import { ClientCode, StreamError } from './error.ts'
import { type AskedHeaders, HeaderSource } from './header-source.ts'
import { limits } from './limits.ts'
import { refusal } from './refusal.ts'
import type { Settings } from './settings.ts'

/** One request in words. */
export interface Ask {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  readonly query?: QueryRecord | undefined
  /** Sent over the caller's own; undefined ones are left out. */
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly body?: Uint8Array | string | undefined
  /** How long the head of the answer may take. */
  readonly limitMs: number
  readonly init?: Pick<RequestInit, 'cache' | 'keepalive'>
}

/** A 2xx answer whose body is still to be read, and where it was found after redirects. */
export interface Answer {
  readonly response: Response
  readonly url: string
}

/**
 * Sends one request. A 401 is answered once by asking the caller's `headers` function again. A request that may outlive its
 * page takes what that function gave last.
 * @throws StreamError for every answer outside 200 to 299, HEADERS_FAILED, and as `Attempt.within`
 * @throws TypeError for fixed headers that no request can carry
 */
export const send = async (settings: Settings, attempt: Attempt, ask: Ask): Promise<Answer> => {
  const url = address(settings.url, ask.query)
  const source = settings.headers
  // As bytes: to a string fetch would add a content type of its own.
  const body = typeof ask.body === 'string' ? new TextEncoder().encode(ask.body) : ask.body
  const once = async (record: AskedHeaders['record']) => {
    const headers = new Headers(record)
    for (const [name, value] of Object.entries(ask.headers ?? {}))
      if (value !== undefined) headers.set(name, value)
    const init: RequestInit = { ...ask.init, method: ask.method, headers, signal: attempt.signal }
    if (body !== undefined) init.body = body as Uint8Array<ArrayBuffer>
    return attempt.within(ask.limitMs, () => settings.env.fetch(url, init))
  }
  const answered = async (source: HeaderSource, headers: Promise<AskedHeaders>) => {
    try {
      return await attempt.within(ask.limitMs, () =>
        headers.catch(cause => Promise.reject(headersFailed(url, cause))),
      )
    } catch (error) {
      if (error instanceof StreamError && error.code === ClientCode.timeout) source.giveUp(headers)
      throw error
    }
  }

  let response: Response
  if (source instanceof HeaderSource) {
    const first = await answered(source, ask.init?.keepalive ? source.latest() : source.current())
    response = await once(first.record)
    if (response.status === 401) {
      await readBody(attempt, response, ask.limitMs, limits.problemBytes)
      response = await once((await answered(source, source.renew(first))).record)
    }
  } else {
    response = await once(source)
  }
  if (response.ok) return { response, url: response.url || url }
  throw await refusal(settings, attempt, ask.method, response, url)
}

const headersFailed = (url: string, cause: unknown): StreamError =>
  cause instanceof StreamError
    ? cause
    : new StreamError(ClientCode.headersFailed, 'the function that gives the headers failed', { url, cause })
