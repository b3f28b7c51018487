import type { Offset } from '../protocol/index.ts'

/** How far a document was read, and what the server holds of it: what a reload goes on from. */
export interface Place {
  readonly offset: Offset
  /** As `Ledger.encode` gives it. */
  readonly ledger: Uint8Array
  /** When the oldest edit was made that the server has not acknowledged, in milliseconds since 1970. */
  readonly unsavedSince: number | undefined
}
