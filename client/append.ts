import { ContentType, Header, type Offset, Present } from '../protocol/index.ts'
import { closedOf, countOf, nextOf, requireNext } from './answer.ts'
import type { Attempt } from './attempt.ts'
import { readBody } from './body.ts'
import { send } from './request.ts'
import { type RequestOptions, retrying } from './retry.ts'
import type { Settings } from './settings.ts'

/** Which request of which producer this is (PROTOCOL 5.2.1): makes an append safe to repeat. */
export interface ProducerPlace {
  readonly id: string
  readonly epoch: number
  readonly seq: number
}

interface WriteOptions extends RequestOptions {
  /** In place of the stream's own; binary without either. */
  readonly contentType?: string | undefined
  /** `Stream-Seq`: refused unless it sorts after the last one. */
  readonly seq?: string
  readonly producer?: ProducerPlace
  /** Lets the request outlive the page. Browsers allow 64 KiB of such bodies at a time. */
  readonly keepalive?: boolean
}

export interface AppendOptions extends WriteOptions {
  /** Closes the stream with these bytes as its last, in one step. */
  readonly close?: boolean
}
export type CloseOptions = Omit<WriteOptions, 'contentType'>

export interface AppendResult {
  /** A duplicate was in the stream already, from an earlier try of the same producer's request. */
  readonly kind: 'appended' | 'duplicate'
  /** The offset after the append. Servers may leave it out for a duplicate. */
  readonly next: Offset | undefined
  readonly closed: boolean
  /** The highest sequence number accepted from this producer. */
  readonly seq: number | undefined
}

const post = async (
  settings: Settings,
  attempt: Attempt,
  options: AppendOptions,
  body?: Uint8Array | string,
) => {
  const { producer } = options
  const answer = await send(settings, attempt, {
    method: 'POST',
    query: options.query,
    headers: {
      'Content-Type': body && (options.contentType ?? settings.contentType ?? ContentType.binary),
      [Header.seq]: options.seq,
      [Header.closed]: options.close ? Present : undefined,
      [Header.producerId]: producer?.id,
      [Header.producerEpoch]: producer?.epoch.toString(),
      [Header.producerSeq]: producer?.seq.toString(),
    },
    body,
    limitMs: settings.timeoutMs,
    init: options.keepalive ? { keepalive: true } : {},
  })
  await readBody(attempt, answer.response, settings.timeoutMs)
  return answer
}

/** One POST, once (PROTOCOL 5.2). */
export const appendOnce = async (
  settings: Settings,
  attempt: Attempt,
  body: Uint8Array | string,
  options: AppendOptions,
): Promise<AppendResult> => {
  const { response, url } = await post(settings, attempt, options, body)
  const { headers } = response
  const duplicate = options.producer !== undefined && response.status === 204
  return {
    kind: duplicate ? 'duplicate' : 'appended',
    next: duplicate ? nextOf(headers) : requireNext(response, url), // without it a proxy may have answered
    closed: closedOf(headers),
    seq: countOf(headers, Header.producerSeq),
  }
}

/** Closes without appending (PROTOCOL 5.3), once. */
export const closeOnce = async (
  settings: Settings,
  attempt: Attempt,
  options: CloseOptions,
): Promise<{ readonly next: Offset }> => {
  const { response, url } = await post(settings, attempt, { ...options, close: true })
  return { next: requireNext(response, url) }
}

/**
 * Without a producer only what the server certainly refused is sent again.
 * @throws TypeError for no bytes
 */
export const append = async (
  settings: Settings,
  body: Uint8Array | string,
  options: AppendOptions,
): Promise<AppendResult> => {
  if (body.length === 0) throw new TypeError('there is nothing to append')
  return retrying(
    settings,
    options,
    attempt => appendOnce(settings, attempt, body, options),
    error => error.transient && (options.producer !== undefined || error.refused),
  )
}

export const close = (settings: Settings, options: CloseOptions): Promise<{ readonly next: Offset }> =>
  retrying(settings, options, attempt => closeOnce(settings, attempt, options))
