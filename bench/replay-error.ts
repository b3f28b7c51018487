/**
 * - `UNREACHABLE`: no server answered where one was to be
 * - `NOT_EMPTY`: the document to play into has content already
 * - `STALLED`: nothing moved for too long
 * - `SERVER_ENDED`: the server that was started for this ended before its time
 * - `INTERRUPTED`: by a signal
 */
export type ReplayErrorCode = 'UNREACHABLE' | 'NOT_EMPTY' | 'STALLED' | 'SERVER_ENDED' | 'INTERRUPTED'

export class ReplayError extends Error {
  override readonly name = 'ReplayError'
  readonly code: ReplayErrorCode

  constructor(code: ReplayErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.code = code
  }
}
