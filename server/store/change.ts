import { nameBytes } from './name.ts'
import { type Change, type Edit, type Position, type Revision, sameRevision } from './store.ts'

/** What a store itself knows of an entry. */
export interface State {
  readonly revision: Revision
  readonly start: Position
  readonly tail: Position
  readonly due: number | null
}

/** What `advance` may ask the engine. */
export interface Engine {
  newGeneration(): number
  /** Whether a record of this incarnation begins there. */
  hasRecord(generation: number, position: Position): boolean
}

/** An edit that can be done: the state it meets, and with a change the one it leads to. */
export type Decided<Before extends State> =
  | {
      readonly name: string
      readonly before: Before | undefined
      readonly next: State
      readonly change: Change
    }
  | { readonly name: string; readonly before: Before; readonly next?: undefined }

/**
 * What edits do to the states they meet, all of them or none (S17).
 * @throws RangeError as `advance` does
 */
export const decideEdits = <Before extends State>(
  edits: readonly Edit[],
  stateOf: (name: string) => Before | undefined,
  engine: Engine,
): readonly Decided<Before>[] | 'stale' => {
  const met = edits.map(edit => ({ edit, before: stateOf(edit.name) }))
  if (met.some(({ edit, before }) => !sameRevision(before?.revision, edit.expected))) return 'stale'
  return met.flatMap(({ edit: { name, change }, before }): Decided<Before>[] => {
    if (change) return [{ name, before, next: advance(before, change, engine), change }]
    return before ? [{ name, before }] : []
  })
}

/** @throws RangeError for edits that fit no states */
export const checkEdits = (edits: readonly Edit[]): void => {
  for (const { name, change } of edits) {
    nameBytes(name)
    if (change) checkChange(change)
  }
  const names = new Set(edits.map(({ name }) => name))
  if (names.size < edits.length) throw new RangeError('one commit has one edit for a name')
}

/** @throws RangeError for a change that fits no state */
const checkChange = ({ appends, cells, start, due }: Change): void => {
  for (const record of appends ?? []) {
    if (record.byteLength === 0) throw new RangeError('a record has at least one byte')
  }
  for (const cell of cells?.keys() ?? []) nameBytes(cell)
  if (start !== undefined && !(Number.isSafeInteger(start) && start >= 0)) {
    throw new RangeError(`start is a position, not ${start}`)
  }
  if (typeof due === 'number' && !Number.isFinite(due)) throw new RangeError(`due is a number, not ${due}`)
}

/**
 * The state after a change; `state` is undefined for a name that does not exist.
 * @throws RangeError when `start` would move back or lie inside a record (S9)
 */
const advance = (state: State | undefined, change: Change, engine: Engine): State => {
  const { tail, due } = state ?? { tail: 0, due: null }
  const ends = [tail]
  let next = tail
  for (const { byteLength } of change.appends ?? []) {
    next += byteLength
    ends.push(next)
  }
  return {
    start: movedStart(state, change.start, ends, engine),
    tail: next,
    due: change.due === undefined ? due : change.due,
    revision: state
      ? { generation: state.revision.generation, version: state.revision.version + 1 }
      : { generation: engine.newGeneration(), version: 1 },
  }
}

const movedStart = (
  state: State | undefined,
  wanted: Position | undefined,
  ends: readonly Position[],
  engine: Engine,
): Position => {
  const start = state?.start ?? 0
  if (wanted === undefined || wanted === start) return start
  if (wanted < start) throw new RangeError(`start only moves forward, from ${start}, not to ${wanted}`)
  const between = ends.includes(wanted) || (state && engine.hasRecord(state.revision.generation, wanted))
  if (!between) throw new RangeError(`start is a place between two records, ${wanted} is not`)
  return wanted
}
