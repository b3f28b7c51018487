import { ErrorCode, type Offset } from '../protocol/index.ts'

/** What can go wrong on this side, or where a server without our codes said only a status. */
export const ClientCode = {
  /** No answer: refused, reset, unresolvable, cut off, or forbidden by the browser (CORS). */
  network: 'NETWORK',
  timeout: 'TIMEOUT',
  aborted: 'ABORTED',
  /** An answer that is not one of this protocol: a proxy's page, bad base64, data that leads nowhere. */
  badAnswer: 'BAD_ANSWER',
  /** The stream ends before what was read of it. A replica that lags will catch up; a server that lost data will not. */
  wentBack: 'WENT_BACK',
  /** The caller's `headers` function threw. */
  headersFailed: 'HEADERS_FAILED',
  /** 409 whose reason the server did not name. */
  conflict: 'CONFLICT',
  /** The server has seen this producer's sequence number before, and not from this producer: nothing was appended. */
  producerReused: 'PRODUCER_REUSED',
} as const

/** The closed set of codes: the protocol's own (`ErrorCode`) and `ClientCode`. */
export type StreamErrorCode = ErrorCode | (typeof ClientCode)[keyof typeof ClientCode]

/** What a refusal said beyond its status. */
export interface ErrorDetails {
  /** The `error` object of a JSON answer, as sent: further facts of single codes are in it. */
  readonly error?: Readonly<Record<string, unknown>>
  /** STREAM_CLOSED: where the stream ended. */
  readonly next?: Offset
  /** PRODUCER_FENCED: the epoch that the server knows. */
  readonly epoch?: number
  /** PRODUCER_GAP. */
  readonly expectedSeq?: number
  readonly receivedSeq?: number
  /** The refusal was a page for people (HTML): something in between gave it, not the server. */
  readonly page?: true
}

interface Facts {
  readonly url: string
  readonly status?: number | undefined
  readonly retryAfterMs?: number | undefined
  readonly details?: ErrorDetails
  readonly cause?: unknown
}

const passing = new Set([408, 425, 429])
const never = new Set([501, 505])
/** Of the codes that come without a status: which are worth another try, and which leave the outcome open. */
const mendable = new Set<StreamErrorCode>([
  ClientCode.network,
  ClientCode.timeout,
  ClientCode.headersFailed,
  ClientCode.wentBack,
])
const doubtful = new Set<StreamErrorCode>([
  ClientCode.network,
  ClientCode.timeout,
  ClientCode.aborted,
  ClientCode.badAnswer,
])

/** The only error this client makes. `code` is stable; the message is for people. */
export class StreamError extends Error {
  override readonly name = 'StreamError'
  readonly code: StreamErrorCode
  /** Absent when no answer came. */
  readonly status: number | undefined
  /** How long the server asked to be left alone (`Retry-After`), in milliseconds. */
  readonly retryAfterMs: number | undefined
  readonly url: string
  readonly details: ErrorDetails

  constructor(code: StreamErrorCode, message: string, facts: Facts) {
    super(message, { cause: facts.cause })
    this.code = code
    this.status = facts.status
    this.retryAfterMs = facts.retryAfterMs
    this.url = facts.url
    this.details = facts.details ?? {}
  }

  /** Whether the same request may succeed later. */
  get transient(): boolean {
    if (this.code === ClientCode.badAnswer) return true
    if (this.status === undefined) return mendable.has(this.code)
    return passing.has(this.status) || (this.status >= 500 && !never.has(this.status))
  }

  /** Whether the server certainly did not do what was asked. False means: nobody here knows. */
  get refused(): boolean {
    if (this.status === undefined) return !doubtful.has(this.code)
    return this.status >= 400 && this.status < 500 && this.status !== 408
  }
}

const codes = new Set<string>(Object.values(ErrorCode))

/** Whether a server's code is one of the closed set. */
export const isErrorCode = (code: unknown): code is ErrorCode => typeof code === 'string' && codes.has(code)
