import type { ErrorDetails, StreamError, StreamErrorCode } from '../client/index.ts'
import { ErrorCode, type Range } from '../protocol/index.ts'
import { advice, type Condition, isReset, type Verb, verdictOn } from './condition.ts'
import type { PresenceCode } from './presence/problem.ts'

/** What only a provider can meet. */
export const ProviderCode = {
  /** The document this provider was editing was deleted. What is in the Y.Doc is untouched. */
  documentDeleted: 'DOCUMENT_DELETED',
  /** It was deleted and created again: the Y.Doc holds an earlier life, which must not be merged into the new one. */
  documentReset: 'DOCUMENT_RESET',
  /** Bytes of the log are not updates; they were left out. */
  unreadableLog: 'UNREADABLE_LOG',
  /** An observer of the Y.Doc threw while remote changes were applied. The changes are in, the observer's work may not be. */
  observerFailed: 'OBSERVER_FAILED',
  /** The browser refused to keep the document, or lost some of what it kept. Editing goes on, and what is in the page is not lost. */
  localStoreFailed: 'LOCAL_STORE_FAILED',
  /** A subdocument has a guid that is no part of a path. It is not kept in step. */
  subdocUnnamable: 'SUBDOC_UNNAMABLE',
} as const
export type ProviderErrorCode =
  | StreamErrorCode
  | PresenceCode
  | (typeof ProviderCode)[keyof typeof ProviderCode]

/** What a ProviderError tells beside its code. */
interface Facts {
  readonly condition?: Condition | undefined
  readonly details?: ErrorDetails
  readonly ranges?: readonly Range[]
  readonly bytes?: number | undefined
  readonly cause?: unknown
}

/** Told by the `error` event, and by the event named by its `condition`. `code` is stable; the message is for people. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError'
  readonly code: ProviderErrorCode
  /** Whether the provider stopped because of it; `connect()` tries again. Otherwise it goes on. */
  readonly fatal: boolean
  /** What stays so until somebody does something about it; undefined for what is tried again. */
  readonly condition: Condition | undefined
  /** What the server said beyond the code. */
  readonly details: ErrorDetails
  /** The clocks of what was refused, per client; what builds on them waits too. */
  readonly ranges: readonly Range[]
  /** How large the smallest request with what is too large would be. */
  readonly bytes: number | undefined

  constructor(code: ProviderErrorCode, message: string, fatal: boolean, facts: Facts = {}) {
    super(message, { cause: facts.cause })
    this.code = code
    this.fatal = fatal
    this.condition = facts.condition
    this.details = facts.details ?? {}
    this.ranges = facts.ranges ?? []
    this.bytes = facts.bytes
  }
}

/** Something that is tried again. */
export const passing = (error: StreamError): ProviderError =>
  new ProviderError(error.code, error.message, false, { details: error.details, cause: error })

/** What the client gave up on, when the provider asked for `verb`. */
export const refusalOf = (
  error: StreamError,
  verb: Verb,
  facts: Pick<Facts, 'ranges' | 'bytes'> = {},
): ProviderError => {
  const { condition, fatal } = verdictOn(error, verb)
  const message = condition ? `${advice[condition]} (${error.message})` : error.message
  return new ProviderError(error.code, message, fatal || condition === undefined, {
    ...facts,
    condition,
    details: error.details,
    cause: error,
  })
}

/**
 * Why a document that was being edited cannot be any more, where a refusal says so: it is never created again, and never
 * merged with a later one of its name, behind the app's back.
 */
export const endOfDocument = (error: StreamError): ProviderError | undefined => {
  if (verdictOn(error, 'read').condition === 'deleted') {
    const { details } = error
    return new ProviderError(ProviderCode.documentDeleted, advice.deleted, true, {
      condition: 'deleted',
      details,
      cause: error,
    })
  }
  return isReset(error) ? documentReset(error) : undefined
}

export const documentReset = (cause?: unknown): ProviderError =>
  new ProviderError(ProviderCode.documentReset, advice.reset, true, { condition: 'reset', cause })

export const localStoreFailed = (cause: unknown): ProviderError =>
  new ProviderError(ProviderCode.localStoreFailed, notKept, false, { cause })

const notKept =
  'the browser did not keep all of the document: it goes on with what is in the page and on the server; check its storage for this site'

/** A defect here, not a condition out there: told, rather than lost in a rejected promise. */
export const unexpected = (cause: unknown, fatal: boolean): ProviderError =>
  new ProviderError(ErrorCode.internal, 'the provider failed unexpectedly', fatal, { cause })
