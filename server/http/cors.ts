import type { MiddlewareHandler } from 'hono'
import { Header } from '../../protocol/index.ts'
import { answer, type Headers } from './answer.ts'
import type { AppEnv, Exchange } from './exchange.ts'

const exposeHeaders = 'Access-Control-Expose-Headers'
const methods = 'GET, HEAD, PUT, POST, DELETE, OPTIONS'
const requestHeaders = [
  'Authorization',
  'Content-Type',
  'If-None-Match',
  'Last-Event-ID',
  Header.closed,
  Header.ttl,
  Header.expiresAt,
  Header.seq,
  Header.producerId,
  Header.producerEpoch,
  Header.producerSeq,
  Header.forkedFrom,
  Header.forkOffset,
  Header.forkSubOffset,
].join(', ')
const exposed = [
  'ETag',
  'Location',
  'Retry-After',
  'WWW-Authenticate',
  Header.nextOffset,
  Header.upToDate,
  Header.closed,
  Header.cursor,
  Header.ttl,
  Header.expiresAt,
  Header.sseEncoding,
  Header.producerEpoch,
  Header.producerSeq,
  Header.producerExpectedSeq,
  Header.producerReceivedSeq,
].join(', ')

/**
 * Cross-origin access for the origins listed; `*` lists all, never with credentials. The long lists go on preflights
 * alone, which browsers keep for two hours; with `*` what may be seen is said to everybody, since caches hand out one
 * answer to all. An origin not listed gets no permission and no error of its own.
 */
export const cors = (origins: readonly string[]): MiddlewareHandler<AppEnv> => {
  const anyone = origins.includes('*')
  const listed = new Set(origins)
  return async (c, next) => {
    const origin = c.req.header('Origin')
    const allowed = anyone ? '*' : origin !== undefined && listed.has(origin) ? origin : undefined
    const common: Headers = anyone || listed.size === 0 ? {} : { Vary: 'Origin' }
    if (allowed) common['Access-Control-Allow-Origin'] = allowed
    c.set('common', common)
    if (c.req.method === 'OPTIONS') {
      return answer(c, 204, {
        Allow: methods,
        'Access-Control-Allow-Methods': methods,
        'Access-Control-Allow-Headers': requestHeaders,
        'Access-Control-Max-Age': '7200',
      })
    }
    if (allowed) common[exposeHeaders] = exposed
    return next()
  }
}

/** For an answer with a header that few have: whoever may see the others may see this one, too. */
export const exposing = (c: Exchange, name: string): Headers => {
  const others = c.get('common')[exposeHeaders]
  return others === undefined ? {} : { [exposeHeaders]: `${others}, ${name}` }
}
