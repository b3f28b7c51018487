/** What can go wrong with what a browser keeps. */
export const LocalCode = {
  /** A stored record is not one of ours, or not whole. It was left out and removed. */
  unreadable: 'LOCAL_UNREADABLE',
  /** The browser's storage cannot be used: absent, refused, full, evicted. It is tried again. */
  storage: 'LOCAL_STORAGE',
  /** Another tab cleared what was kept. This one keeps nothing any more. */
  cleared: 'LOCAL_CLEARED',
} as const
export type LocalCode = (typeof LocalCode)[keyof typeof LocalCode]

/** Told to `onProblem`. `code` is stable, the message is for people, the browser's own error is the `cause`. */
export class LocalProblem extends Error {
  override readonly name = 'LocalProblem'
  readonly code: LocalCode
  /** The record that could not be read, as it was stored: it exists nowhere else any more. */
  readonly record: unknown

  constructor(
    code: LocalCode,
    message: string,
    { cause, record }: { readonly cause?: unknown; readonly record?: unknown } = {},
  ) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.record = record
  }
}

export const unreadable = (what: string, record: unknown, cause?: unknown): LocalProblem =>
  new LocalProblem(
    LocalCode.unreadable,
    `${what} kept in this browser cannot be read and is left out; everything else is used, and the document is read from the server again`,
    { record, cause },
  )

export const storageFailed = (what: string, cause?: unknown): LocalProblem =>
  new LocalProblem(
    LocalCode.storage,
    `${what}; the document is in this page, is tried again to be kept, and must reach the server before the page closes`,
    { cause },
  )

export const clearedElsewhere = (): LocalProblem =>
  new LocalProblem(
    LocalCode.cleared,
    'what this browser kept of the document was cleared from another tab; this tab keeps nothing any more, open the document anew to keep it',
  )
