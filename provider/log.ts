import * as Y from 'yjs'
import {
  decodeFrames,
  FrameError,
  readUpdate,
  snapshotLimits,
  UpdateError,
  type UpdateSummary,
} from '../protocol/index.ts'
import { ProviderCode, ProviderError } from './error.ts'

/** An update that was read, and what it carries. */
interface Entry {
  readonly update: Uint8Array
  readonly summary: UpdateSummary
}

/** The updates in bytes that were read, and what of the bytes is none. */
export interface Entries {
  readonly entries: readonly Entry[]
  readonly problems: readonly ProviderError[]
}

const unreadable = (message: string, cause: unknown): ProviderError =>
  new ProviderError(ProviderCode.unreadableLog, message, false, { cause })

const entriesOf = (updates: () => readonly Uint8Array[]): Entries => {
  const entries: Entry[] = []
  const problems: ProviderError[] = []
  const leaveOut = (error: unknown) => {
    if (!(error instanceof FrameError || error instanceof UpdateError)) throw error
    problems.push(unreadable("a part of the document's log is not a Yjs update and was left out", error))
  }
  let found: readonly Uint8Array[] = []
  try {
    found = updates()
  } catch (error) {
    leaveOut(error)
  }
  for (const update of found) {
    try {
      entries.push({ update, summary: readUpdate(update, snapshotLimits) })
    } catch (error) {
      leaveOut(error)
    }
  }
  return { entries, problems }
}

/** What another tab read or made. */
export const entriesOfUpdates = (updates: readonly Uint8Array[]): Entries => entriesOf(() => updates)

/** Frames of the log (YJS 7.3). */
export const entriesOfLog = (bytes: Uint8Array): Entries => entriesOf(() => decodeFrames(bytes))

/** A snapshot: one update without a frame (YJS 5.2). */
export const entriesOfSnapshot = (bytes: Uint8Array): Entries =>
  entriesOf(() => (bytes.length > 0 ? [bytes] : []))

/**
 * Applies updates in one transaction with `origin`.
 * @returns what could not be applied, and what failed in answer
 */
export const apply = (
  doc: Y.Doc,
  origin: unknown,
  updates: readonly Uint8Array[],
): readonly ProviderError[] => {
  if (updates.length === 0) return []
  const problems: ProviderError[] = []
  const applyAll = () => {
    for (const update of updates) {
      try {
        Y.applyUpdate(doc, update, origin)
      } catch (cause) {
        // Whole by its bytes, but at odds with what is here: forged, or nested beyond the stack. Its neighbours go on.
        problems.push(unreadable('an update of the document could not be applied and was left out', cause))
      }
    }
  }
  try {
    Y.transact(doc, applyAll, origin, false) // `doc.transact` would call it a local change
  } catch (cause) {
    // Yjs runs every observer and only then rethrows, so the document is whole.
    const message = 'an observer of the document threw while remote changes were applied'
    problems.push(new ProviderError(ProviderCode.observerFailed, message, false, { cause }))
  }
  return problems
}
