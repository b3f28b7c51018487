import { Header, type Offset, Present } from '../protocol/index.ts'
import { closedOf, nextOf } from './answer.ts'
import { readBody } from './body.ts'
import { ClientCode, StreamError } from './error.ts'
import { send } from './request.ts'
import { type RequestOptions, retrying } from './retry.ts'
import type { Settings } from './settings.ts'

export interface CreateOptions extends RequestOptions {
  /** In place of the stream's own. Without either a server takes the stream for binary, and a fork for its source's. */
  readonly contentType?: string | undefined
  /** Idle seconds after which the stream expires; every read and write starts them anew. */
  readonly ttlSeconds?: number
  readonly expiresAt?: Date
  /** The body is all there will ever be. */
  readonly closed?: boolean
  readonly body?: Uint8Array | string
  /** PROTOCOL 4.2: the path of the stream to branch off, and where; at its tail when no offset is given. */
  readonly forkedFrom?: string
  readonly forkOffset?: Offset
  /** How many bytes (of JSON: messages) after `forkOffset`. */
  readonly forkSubOffset?: number
}

export interface Created {
  /** False when the stream was there already, with the same configuration. After a repeated try it may be our own. */
  readonly created: boolean
  /** The offset after the initial content. The reference's awareness streams are created without saying one. */
  readonly next: Offset | undefined
  readonly contentType: string | undefined
  readonly closed: boolean
}

/** PROTOCOL 5.1. @throws StreamError CONFIG_MISMATCH when it exists with another configuration */
export const create = (settings: Settings, options: CreateOptions): Promise<Created> =>
  retrying(settings, options, async attempt => {
    const { response, url } = await send(settings, attempt, {
      method: 'PUT',
      query: options.query,
      headers: {
        'Content-Type': options.contentType ?? settings.contentType,
        [Header.ttl]: options.ttlSeconds?.toString(),
        [Header.expiresAt]: options.expiresAt?.toISOString(),
        [Header.closed]: options.closed ? Present : undefined,
        [Header.forkedFrom]: options.forkedFrom,
        [Header.forkOffset]: options.forkOffset,
        [Header.forkSubOffset]: options.forkSubOffset?.toString(),
      },
      body: options.body,
      limitMs: settings.timeoutMs,
    })
    await readBody(attempt, response, settings.timeoutMs)
    const { headers, status } = response
    if (status !== 200 && status !== 201) {
      throw new StreamError(ClientCode.badAnswer, `PUT was answered ${status}`, { url, status })
    }
    return {
      created: status === 201,
      next: nextOf(headers),
      contentType: headers.get('Content-Type') ?? undefined,
      closed: closedOf(headers),
    }
  })
