import { ErrorCode, Header, Present } from '../../protocol/index.ts'
import type { ProducerBatch, StreamConfig } from '../rules/state.ts'
import { Refusal } from './answer.ts'
import type { Exchange } from './exchange.ts'

/** Request header fields with a grammar of their own. Each parser answers a value or throws a Refusal with 400. */

const invalid = (message: string): Refusal =>
  new Refusal({ status: 400, code: ErrorCode.invalidRequest, message })

const wholeNumber = /^(0|[1-9]\d*)$/

const parseWhole = (field: string, text: string): number => {
  const value = Number(text)
  if (wholeNumber.test(text) && Number.isSafeInteger(value)) return value
  throw invalid(
    `${field} must be a whole number from 0 to 2^53 - 1, without sign, leading zeros or exponent.`,
  )
}

/** PROTOCOL 4.1: only `true`, in any case, means closed; every other value is as if the header were absent. */
export const wantsClosed = (c: Exchange): boolean => c.req.header(Header.closed)?.toLowerCase() === Present

const rfc3339 = /^(\d{4}-\d{2}-\d{2})[Tt ](?:[01]\d|2[0-3]):\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/

/** `Date.parse` takes 30 February for 2 March. */
const isDate = (date: string): boolean => {
  const day = Date.parse(`${date}T00:00:00Z`)
  return !Number.isNaN(day) && new Date(day).toISOString().startsWith(date)
}

/** Milliseconds since 1970 of an RFC 3339 timestamp. */
const parseExpiresAt = (text: string): number => {
  const date = rfc3339.exec(text)?.[1]
  const value = date !== undefined && isDate(date) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(value)) return value
  throw invalid(`${Header.expiresAt} must be an RFC 3339 timestamp, such as 2030-01-31T12:00:00Z.`)
}

/** PROTOCOL 5.1: how long a new stream lasts; empty when nothing is said. */
export const parseLifetime = (c: Exchange): Pick<StreamConfig, 'ttlSeconds' | 'expiresAt'> => {
  const ttl = c.req.header(Header.ttl)
  const expiresAt = c.req.header(Header.expiresAt)
  if (ttl !== undefined && expiresAt !== undefined) {
    throw invalid(`A stream has ${Header.ttl} or ${Header.expiresAt}, not both.`)
  }
  return {
    ...(ttl !== undefined && { ttlSeconds: parseWhole(Header.ttl, ttl) }),
    ...(expiresAt !== undefined && { expiresAt: parseExpiresAt(expiresAt) }),
  }
}

/** PROTOCOL 4.2: how much of the append at the fork point; 0 when nothing is said. */
export const parseSubOffset = (c: Exchange): number =>
  parseWhole(Header.forkSubOffset, c.req.header(Header.forkSubOffset) ?? '0')

/** PROTOCOL 5.2.1: all three producer headers or none. */
export const parseProducer = (c: Exchange, longestId: number): ProducerBatch | undefined => {
  const id = c.req.header(Header.producerId)
  const epoch = c.req.header(Header.producerEpoch)
  const seq = c.req.header(Header.producerSeq)
  if (id === undefined && epoch === undefined && seq === undefined) return undefined
  if (id === undefined || epoch === undefined || seq === undefined) {
    throw invalid(
      `${Header.producerId}, ${Header.producerEpoch} and ${Header.producerSeq} go together or not at all.`,
    )
  }
  if (id === '' || id.length > longestId) {
    throw invalid(`${Header.producerId} must have 1 to ${longestId} characters.`)
  }
  return {
    id,
    epoch: parseWhole(Header.producerEpoch, epoch),
    seq: parseWhole(Header.producerSeq, seq),
  }
}
