import { ContentType, type ErrorCode } from '../../protocol/index.ts'
import { type Exchange, isHttp2 } from './exchange.ts'

export type Headers = Record<string, string>

/** PROTOCOL 12.7: on every answer, also errors. */
export const securityHeaders: Headers = {
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Resource-Policy': 'cross-origin',
}

export const answer = (
  c: Exchange,
  status: number,
  headers: Headers,
  body?: Uint8Array | string,
): Response => {
  const all: Headers = {
    ...securityHeaders,
    ...c.get('common'),
    ...headers,
    ...caching(c, headers['Cache-Control']),
  }
  // RFC 9113 8.2.2: there a connection is not one answer's to close.
  if (isHttp2(c)) delete all['Connection']
  return new Response((body as BodyInit | undefined) ?? null, { status, headers: all })
}

/** Where answers depend on who asks, only the cache of the one who asked may keep them (PROTOCOL 10.1, 12.2). */
export const caching = (c: Exchange, wanted: string | undefined): Headers => {
  if (!c.get('confidential')) return wanted === undefined ? {} : { 'Cache-Control': wanted }
  if (wanted === undefined) return { 'Cache-Control': 'no-store' }
  const own = wanted.split(', ').filter(part => !/^(public|private|s-maxage=\d+)$/.test(part))
  return { 'Cache-Control': own.includes('no-store') ? 'no-store' : ['private', ...own].join(', ') }
}

/** Why a request was refused: for programs the code, for people the message. */
export interface Problem {
  readonly status: number
  readonly code: ErrorCode
  /** What was wrong, what is allowed, what to do next. */
  readonly message: string
  readonly headers?: Headers
  /** Further fields of the error object. */
  readonly details?: Readonly<Record<string, unknown>>
}

/** YJS 10: `{ "error": { "code", "message", … } }`, everywhere. */
export const refuse = (c: Exchange, { status, code, message, headers, details }: Problem): Response =>
  answer(
    c,
    status,
    { 'Cache-Control': 'no-store', ...headers, 'Content-Type': ContentType.json },
    JSON.stringify({ error: { code, message, ...details } }),
  )

/** Thrown where a request is parsed; the app answers it. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.message)
    this.problem = problem
  }
}
