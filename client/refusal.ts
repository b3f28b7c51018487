import { ErrorCode, Header, mediaType } from '../protocol/index.ts'
import { closedOf, countOf, nextOf } from './answer.ts'
import type { Attempt } from './attempt.ts'
import { parseRetryAfter } from './backoff.ts'
import { readBody } from './body.ts'
import { ClientCode, type ErrorDetails, isErrorCode, StreamError, type StreamErrorCode } from './error.ts'
import { limits } from './limits.ts'
import type { Settings } from './settings.ts'

const byStatus: Readonly<Record<number, StreamErrorCode>> = {
  400: ErrorCode.invalidRequest,
  401: ErrorCode.unauthorized,
  403: ErrorCode.forbidden,
  404: ErrorCode.streamNotFound,
  405: ErrorCode.methodNotAllowed,
  408: ClientCode.timeout,
  409: ClientCode.conflict,
  410: ErrorCode.offsetExpired,
  413: ErrorCode.bodyTooLarge,
  415: ErrorCode.unsupportedEncoding,
  429: ErrorCode.rateLimited,
  501: ErrorCode.methodNotAllowed,
  507: ErrorCode.storageFull,
}

/** What a server that sends no code must have meant: its headers first, then the status, then the method. */
const guess = (method: string, { status, headers }: Response): StreamErrorCode => {
  if (status === 403 && headers.has(Header.producerEpoch)) return ErrorCode.producerFenced
  if (status === 409 && closedOf(headers)) return ErrorCode.streamClosed
  if (status === 409 && headers.has(Header.producerExpectedSeq)) return ErrorCode.producerGap
  if (status === 409 && method === 'PUT') return ErrorCode.configMismatch
  if (status === 410 && method !== 'GET') return ErrorCode.streamNotFound // soft-deleted (PROTOCOL 4.2)
  const code = byStatus[status]
  if (code) return code
  if (status >= 500) return ErrorCode.internal
  return status >= 400 ? ErrorCode.invalidRequest : ClientCode.badAnswer
}

interface Problem {
  readonly error?: { readonly code?: unknown; readonly message?: unknown }
  readonly text: string
}

const parseProblem = (text: string): Problem => {
  try {
    const { error } = JSON.parse(text) as { error?: unknown }
    if (typeof error === 'object' && error !== null) return { error, text }
  } catch {
    // Plain text, as the reference servers answer.
  }
  return { text }
}

/** Only what was there, so that a detail which is absent is not a detail that is undefined. */
const definedOnly = (details: { [K in keyof ErrorDetails]?: ErrorDetails[K] | undefined }): ErrorDetails =>
  Object.fromEntries(Object.entries(details).filter(([, value]) => value !== undefined))

/** By the server's clock, where it tells: the date in `Retry-After` is by that one too. */
const sentAt = (headers: Headers): number | undefined => {
  const at = Date.parse(headers.get('Date') ?? '')
  return Number.isNaN(at) ? undefined : at
}

/** The error that an answer outside 200 to 299 stands for. Reads its body; a body that cannot be read is no loss. */
export const refusal = async (
  settings: Settings,
  attempt: Attempt,
  method: string,
  response: Response,
  url: string,
): Promise<StreamError> => {
  const body = await readBody(attempt, response, settings.timeoutMs, limits.problemBytes).catch(cause => {
    if (attempt.signal.aborted) throw cause
    return new Uint8Array()
  })
  const { headers, status } = response
  const { error, text } = parseProblem(new TextDecoder().decode(body))
  const code = isErrorCode(error?.code) ? error.code : guess(method, response)
  const said = typeof error?.message === 'string' ? error.message : text.slice(0, 200)
  return new StreamError(code, `${method} was answered ${status} ${code}${said ? `: ${said}` : ''}`, {
    url,
    status,
    retryAfterMs: parseRetryAfter(headers.get('Retry-After'), sentAt(headers) ?? settings.env.now()),
    details: definedOnly({
      error: error && { ...error },
      next: nextOf(headers),
      epoch: countOf(headers, Header.producerEpoch),
      expectedSeq: countOf(headers, Header.producerExpectedSeq),
      receivedSeq: countOf(headers, Header.producerReceivedSeq),
      page: mediaType(headers.get('Content-Type') ?? '') === 'text/html' || undefined,
    }),
  })
}
