import { ContentType, Header, type Offset } from '../protocol/index.ts'
import { closedOf, countOf, requireNext } from './answer.ts'
import { send } from './request.ts'
import { type RequestOptions, retrying } from './retry.ts'
import type { Settings } from './settings.ts'

export interface Metadata {
  readonly contentType: string
  /** The tail. */
  readonly next: Offset
  readonly closed: boolean
  readonly ttlSeconds: number | undefined
  readonly expiresAt: Date | undefined
}

/** PROTOCOL 5.5. */
export const head = (settings: Settings, options: RequestOptions): Promise<Metadata> =>
  retrying(settings, options, async attempt => {
    const { response, url } = await send(settings, attempt, {
      method: 'HEAD',
      query: options.query,
      limitMs: settings.timeoutMs,
    })
    const { headers } = response
    const expiresAt = headers.get(Header.expiresAt)
    return {
      contentType: headers.get('Content-Type') ?? ContentType.binary,
      next: requireNext(response, url),
      closed: closedOf(headers),
      ttlSeconds: countOf(headers, Header.ttl),
      expiresAt: expiresAt === null ? undefined : new Date(expiresAt),
    }
  })
