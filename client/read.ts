import { ContentType, type Offset, Query, Sentinel } from '../protocol/index.ts'
import { markOf } from './answer.ts'
import { readBody } from './body.ts'
import { ClientCode, StreamError } from './error.ts'
import { send } from './request.ts'
import { type RequestOptions, retrying } from './retry.ts'
import type { Settings } from './settings.ts'

export interface ReadOptions extends RequestOptions {
  /** Where to read from: an offset that a server gave, or a sentinel. The start of the stream when left out. */
  readonly offset?: string
  /** How the browser's cache may be used; `reload` asks the server whatever the cache holds. */
  readonly cache?: RequestCache
}

export interface ReadResult {
  readonly bytes: Uint8Array
  readonly next: Offset
  /** There was nothing more at the time of the answer. */
  readonly upToDate: boolean
  /** There will never be more. */
  readonly closed: boolean
  readonly contentType: string
  readonly etag: string | undefined
  /** Of the answer: for what a server says beyond the protocol. */
  readonly headers: Headers
  /** Where the answer came from, after redirects. */
  readonly url: string
}

/** PROTOCOL 5.6: one answer, as much as the server puts in one. */
export const read = (settings: Settings, options: ReadOptions): Promise<ReadResult> =>
  retrying(settings, options, async attempt => {
    const { response, url } = await send(settings, attempt, {
      method: 'GET',
      query: { ...options.query, [Query.offset]: options.offset ?? Sentinel.start },
      limitMs: settings.timeoutMs,
      ...(options.cache && { init: { cache: options.cache } }),
    })
    const { next, upToDate, closed } = markOf(response, url)
    const bytes = await readBody(attempt, response, settings.timeoutMs)
    const { headers } = response
    return {
      bytes,
      next,
      upToDate,
      closed,
      contentType: headers.get('Content-Type') ?? ContentType.binary,
      etag: headers.get('ETag') ?? undefined,
      headers,
      url,
    }
  })

/**
 * Answer after answer until nothing is left to read now.
 * @throws StreamError BAD_ANSWER when an answer neither ends nor leads on
 */
export async function* catchUp(settings: Settings, options: ReadOptions): AsyncGenerator<ReadResult, void> {
  for (let offset = options.offset; ; ) {
    const result = await read(settings, offset === undefined ? options : { ...options, offset })
    yield result
    if (result.upToDate) return
    if (result.next === offset) {
      throw new StreamError(ClientCode.badAnswer, 'the answer does not lead on', {
        url: result.url,
        status: 200,
      })
    }
    offset = result.next
  }
}
