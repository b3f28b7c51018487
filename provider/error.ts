import type { StreamError, StreamErrorCode } from '../client/index.ts'
import { ErrorCode } from '../protocol/index.ts'

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
} as const
export type ProviderErrorCode = StreamErrorCode | (typeof ProviderCode)[keyof typeof ProviderCode]

/** Told by the `error` event. `code` is stable; the message is for people. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError'
  readonly code: ProviderErrorCode
  /** Whether the provider stopped because of it. Otherwise it goes on trying. */
  readonly fatal: boolean

  constructor(
    code: ProviderErrorCode,
    message: string,
    fatal: boolean,
    options?: { readonly cause?: unknown },
  ) {
    super(message, options)
    this.code = code
    this.fatal = fatal
  }
}

export const fromStream = (error: StreamError, fatal: boolean): ProviderError =>
  new ProviderError(error.code, error.message, fatal, { cause: error })

/**
 * Why a document that was being edited cannot be any more, where a refusal says so: it is never created again, and never
 * merged with a later one of its name, behind the app's back.
 */
export const endOfDocument = (error: StreamError): ProviderError | undefined => {
  if (error.status === 404)
    return new ProviderError(ProviderCode.documentDeleted, deleted, true, { cause: error })
  const isReset = error.code === ErrorCode.offsetExpired && error.details.error?.['reason'] === 'recreated'
  return isReset ? documentReset(error) : undefined
}

export const documentReset = (cause?: unknown): ProviderError =>
  new ProviderError(ProviderCode.documentReset, reset, true, { cause })

const deleted = 'the document was deleted on the server; what is in this Y.Doc is untouched'
const reset =
  'the document was deleted and created again on the server; open the new one with a new Y.Doc, or the two would be merged'
