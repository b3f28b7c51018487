import { Header, type Offset, Present } from '../protocol/index.ts'
import { ClientCode, StreamError } from './error.ts'

/** Where an answer leaves its reader (PROTOCOL 5.6, 5.7). */
export interface Mark {
  readonly next: Offset
  readonly upToDate: boolean
  readonly closed: boolean
  readonly cursor: string | undefined
}

/** PROTOCOL 4.1: `true` in any case; every other value is as good as none. */
const present = (value: string | null): boolean => value?.toLowerCase() === Present

export const closedOf = (headers: Headers): boolean => present(headers.get(Header.closed))

export const nextOf = (headers: Headers): Offset | undefined =>
  (headers.get(Header.nextOffset) ?? undefined) as Offset | undefined

/** @throws StreamError BAD_ANSWER when a header that the protocol requires is missing */
export const requireNext = (response: Response, url: string): Offset => {
  const next = nextOf(response.headers)
  if (next) return next
  throw new StreamError(ClientCode.badAnswer, `the answer has no ${Header.nextOffset}`, {
    url,
    status: response.status,
  })
}

/** @throws StreamError BAD_ANSWER for an answer without an offset to go on from */
export const markOf = (response: Response, url: string): Mark => {
  const { headers } = response
  const closed = closedOf(headers)
  return {
    next: requireNext(response, url),
    upToDate: closed || present(headers.get(Header.upToDate)),
    closed,
    cursor: headers.get(Header.cursor) ?? undefined,
  }
}

/** A header that carries a count; undefined for everything else. */
export const countOf = (headers: Headers, name: string): number | undefined => {
  const value = headers.get(name)
  return value !== null && /^\d+$/.test(value) ? Number(value) : undefined
}
