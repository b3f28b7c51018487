/**
 * The seam between the rules above and the bytes below. A store keeps named entries: a small opaque head, opaque cells
 * beside it, and a run of records addressed by position. It knows nothing of what they mean. Every numbered sentence is
 * a test of `test/contract/store.ts`, which every engine passes.
 *
 * Names, of entries and of cells, have 1 to 1,000 bytes of UTF-8. A name that has not, an empty record, a due number
 * that is none, a `start` that moves back or lies inside a record, a name twice in one `commitAll`: a `RangeError`, and
 * nothing was written.
 */

/** Bytes since the entry began; a place between two records. */
export type Position = number

/** Which state of an entry this is. Two revisions of one entry are never equal. */
export interface Revision {
  /** Which incarnation of the name: grows with every creation, whatever the name, also across restarts. */
  readonly generation: number
  /** Grows with every commit to this incarnation. */
  readonly version: number
}

export interface Entry {
  readonly revision: Revision
  /** The first position still readable. */
  readonly start: Position
  /** The position after the last record. */
  readonly tail: Position
  readonly head: Uint8Array
  /** Those of the cells asked for that exist. */
  readonly cells: ReadonlyMap<string, Uint8Array>
}

/** What one commit writes, all of it or none. */
export interface Change {
  /** Replaces the head. */
  readonly head: Uint8Array
  /** Records to put after the tail, in order; none is empty. */
  readonly appends?: readonly Uint8Array[]
  /** Cells to set, or with undefined to clear. */
  readonly cells?: ReadonlyMap<string, Uint8Array | undefined>
  /** Moves `start` forward: everything before it is forgotten. Must lie between two records. */
  readonly start?: Position
  /** When to list this entry in `due`: a number, or null for never. Left out: as it was. */
  readonly due?: number | null
}

/** What one commit over several entries does to one of them: with a change a commit, without one a removal. */
export type Edit =
  | { readonly name: string; readonly expected: Revision | undefined; readonly change: Change }
  | { readonly name: string; readonly expected: Revision; readonly change?: undefined }

export interface Record {
  readonly position: Position
  readonly bytes: Uint8Array
}

export interface Slice {
  readonly records: readonly Record[]
  /** The position after the last of them; the one asked for when there is none. */
  readonly next: Position
}

/** What an engine can promise; the contract suite tests each engine against its own manifest. */
export interface Manifest {
  readonly name: string
  /** Whether what was committed is there after the process was killed. */
  readonly durable: boolean
}

/**
 * - S1 `load` answers the newest committed state of a name, or undefined; never part of a commit.
 * - S2 A commit that resolved survives the death of the process and a power cut (durable stores).
 * - S3 A commit whose expected revision is not the current one answers 'stale' and wrote nothing; of two commits
 *   that expect the same revision exactly one succeeds. Expecting undefined means: the name must not exist.
 * - S4 `read` answers whole records in order, at least one when there is one, and no more than `limit` bytes unless the
 *   first record alone is larger; never a record of a commit that did not resolve, never one before `start`.
 * - S5 A created entry has a generation greater than every generation this store ever gave, also before a restart.
 * - S6 Positions count bytes: the tail grows by exactly the lengths of the records appended.
 * - S7 Head, cells, records and due number of a commit become visible together.
 * - S8 A removed entry is gone at once with its cells and records; the same name can be created again and sees nothing
 *   of the old. The space is given back.
 * - S9 `start` only moves forward; records before it are gone for every reader and their space is given back.
 * - S10 `list` answers names with a prefix in byte order, after a given name, at most `limit` of them.
 * - S11 `due` answers the names whose due number is at or below a given one, lowest first, at most `limit` of them.
 * - S12 Commits to different names do not wait for each other's turn: many are made durable by one flush.
 * - S13 After a failed write every further commit fails with `StoreFailure`; reads of what was committed still work.
 * - S14 A record whose bytes were damaged is reported as `StoreFailure`, never returned.
 * - S15 Bytes handed in may be reused by the caller once the call returned its promise's result; bytes handed out are
 *   the caller's.
 * - S16 `close` waits for commits under way; calls after it fail with `StoreFailure`.
 * - S17 `commitAll` does every one of its edits, or, when one of them is stale or does not fit, none; no two of them have
 *   one name. It answers the new revision of each, undefined for a removal.
 * - S18 The edits of one `commitAll` become visible together and survive together: no reader and no crash divides them.
 * - S19 A `commitAll` shares its flush with the commits that arrived with it, and keeps none of them from succeeding.
 */
export interface Store {
  readonly manifest: Manifest
  load(name: string, cells?: readonly string[]): Promise<Entry | undefined>
  commit(name: string, expected: Revision | undefined, change: Change): Promise<Revision | 'stale'>
  commitAll(edits: readonly Edit[]): Promise<readonly (Revision | undefined)[] | 'stale'>
  /** From inside a record it answers from the next one on. A slice may end early: the tail is where `next` stays put. */
  read(generation: number, from: Position, limit: number): Promise<Slice>
  remove(name: string, expected: Revision): Promise<'removed' | 'stale'>
  list(prefix: string, after: string | undefined, limit: number): Promise<readonly string[]>
  due(until: number, limit: number): Promise<readonly string[]>
  close(): Promise<void>
}

export const sameRevision = (a: Revision | undefined, b: Revision | undefined): boolean =>
  a?.generation === b?.generation && a?.version === b?.version
