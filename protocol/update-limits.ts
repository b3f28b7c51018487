/** Bounds on one update. An update at a bound is read, one above it is refused with `UpdateError`. */
export interface UpdateLimits {
  readonly structs: number
  readonly clients: number
  readonly deleteRanges: number
  readonly rootNames: number
  readonly subdocuments: number
  readonly nesting: number
  readonly clock: number
}

/**
 * For updates from clients. Whatever the limits, a count is checked against the bytes that are left before anything is
 * looped over.
 */
export const updateLimits: UpdateLimits = {
  structs: 131_072, // each is an object in every reader; a megabyte of unjoined keystrokes holds at most 95,000
  clients: 10_000, // each is an entry of every state vector from then on
  deleteRanges: 65_536, // each costs every reader a search and perhaps a split
  rootNames: 4_096, // Yjs walks all of them for each struct that names one: 20,000 cost a second, 40,000 four
  subdocuments: 4_096, // each is a whole Y.Doc in every reader, about 2 kB
  nesting: 512, // of JSON and `any` values: Yjs recurses into them and overflows between 3,000 and 10,000
  clock: Number.MAX_SAFE_INTEGER, // where a run may end: above it clocks are no longer exact
}

/** For whole documents from a place that already checked what went into them: only what would break every reader. */
export const snapshotLimits: UpdateLimits = {
  structs: Number.POSITIVE_INFINITY,
  clients: Number.POSITIVE_INFINITY,
  deleteRanges: Number.POSITIVE_INFINITY,
  rootNames: Number.POSITIVE_INFINITY,
  subdocuments: Number.POSITIVE_INFINITY,
  nesting: updateLimits.nesting,
  clock: updateLimits.clock,
}

/** For what this very document wrote: nothing is refused that Yjs writes. */
export const ownLimits: UpdateLimits = { ...snapshotLimits, nesting: Number.POSITIVE_INFINITY }
