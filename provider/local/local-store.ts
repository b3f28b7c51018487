import type * as Y from 'yjs'
import type { Offset } from '../../protocol/index.ts'
import type { Place } from '../place.ts'

/** A POST whose outcome is not known: repeated byte for byte, as the same request of the same producer (PROTOCOL 5.2.1). */
export interface StoredFlight {
  readonly producerId: string
  readonly seq: number
  readonly body: Uint8Array
  /** The offset up to which the document was read when it was sent; undefined before anything was. */
  readonly basis?: Offset | undefined
}

/** What a store held when it was opened. What could not be read of it is left out. */
export interface Loaded {
  readonly place: Place | undefined
  readonly flights: readonly StoredFlight[]
}

/**
 * One document kept in the browser: its updates, and beside them what is needed to go on where the last visit ended. Several
 * tabs may have the same store open. Each sentence is a test of test/contract/local-store.ts.
 *
 * - LS1 `open` applies what was stored to the document, in one transaction whose origin is the store; from then on every
 *   update of the document is stored, in order, and so is what observers change while it is applied.
 * - LS2 What the document held before it was opened is stored as well. To open with nothing new stores nothing.
 * - LS3 `keep` stores a place after every update that the document had before the call, or not at all: a stored place is
 *   never ahead of the stored updates.
 * - LS4 `keepFlight` resolves when the flight, and every update before it, is stored. A flight replaces the one before of its
 *   producer.
 * - LS5 `dropFlight` removes the flight of a producer if it is still the one of that `seq`.
 * - LS6 The number of stored updates is bounded, however many are made, and by however many tabs: they are joined.
 * - LS7 What cannot be read is left out, told by `onProblem` and removed after that, and does not keep the rest from being
 *   read. Then there is no place: all of the log is read again. A place that a tab keeps which had it open before counts
 *   once that tab has stored its whole document again.
 * - LS8 A store that breaks while it is open (evicted, full, closed by the browser) is told by `onProblem`; it is opened anew and given the
 *   whole document. What cannot be kept does not hold up whoever waits for `keep` and `keepFlight`: they resolve.
 * - LS9 `clear` removes everything that is stored, and rejects when it cannot. Nothing is stored after it: other tabs that had
 *   it open are told by `onProblem` and store nothing any more. Whoever opens it later begins anew.
 * - LS10 After `close` nothing is stored any more; what was called before is.
 * - LS11 Two stores of one name in two tabs: what either stored is there for whoever opens it next.
 */
export interface LocalStore {
  readonly loaded: Loaded
  keep(place: Place): Promise<void>
  keepFlight(flight: StoredFlight): Promise<void>
  dropFlight(producerId: string, seq: number): Promise<void>
  clear(): Promise<void>
  close(): Promise<void>
}

/** Where a flight is kept until its outcome is known, so that the next visit can ask for it. */
export type FlightLog = Pick<LocalStore, 'keepFlight' | 'dropFlight'>

export interface LocalStoreParts {
  readonly name: string
  readonly doc: Y.Doc
  /** What went wrong, without stopping the store. */
  onProblem(cause: unknown): void
}

/**
 * Never rejects for what is wrong with the stored data or the browser's storage: then nothing was stored, and `onProblem` is told.
 * A store that does not answer in time counts as such.
 */
export type OpenLocalStore = (parts: LocalStoreParts) => Promise<LocalStore>
