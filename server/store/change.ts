import { nameBytes } from './name.ts'
import type { Change, Position, Revision } from './store.ts'

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

/** @throws RangeError for a change that fits no state */
export const checkChange = ({ appends, cells, start, due }: Change): void => {
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
export const advance = (state: State | undefined, change: Change, engine: Engine): State => {
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
