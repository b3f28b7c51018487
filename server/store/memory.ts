import { checkEdits, decideEdits, type State } from './change.ts'
import { StoreFailure } from './failure.ts'
import { GroupCommit, type WriteHook } from './group-commit.ts'
import { Log } from './memory-log.ts'
import { byteOrder, nameBytes } from './name.ts'
import type { Change, Edit, Entry, Position, Revision, Slice, Store } from './store.ts'

export interface MemoryOptions {
  /** The least generation to give. One derived from the clock is never given twice, also not after a restart (S5). */
  readonly firstGeneration?: number
  readonly onWrite?: WriteHook
}

/**
 * A store that forgets everything when its process ends. Commits take some microtasks. Bytes are copied on the way in
 * and out (S15); not with `slice`, which for a Buffer is a view.
 */
export const openMemoryStore = ({
  firstGeneration = 1,
  onWrite = write => write(),
}: MemoryOptions = {}): Store => new MemoryStore(firstGeneration, onWrite)

interface Kept {
  state: State
  head: Uint8Array
  readonly cells: Map<string, Uint8Array>
  readonly log: Log
}

/** What a batch will do, and the states it leads to. */
interface Draft {
  readonly states: Map<string, State | undefined>
  readonly steps: (() => void)[]
}

class MemoryStore implements Store {
  readonly manifest = { name: 'memory', durable: false }
  readonly #entries = new Map<string, Kept>()
  readonly #logs = new Map<number, Log>()
  readonly #commits: GroupCommit<Draft>
  /** Names in byte order; undefined after one came or went. */
  #names: readonly string[] | undefined
  #generation: number
  #closed = false

  constructor(firstGeneration: number, onWrite: WriteHook) {
    this.#generation = firstGeneration - 1
    this.#commits = new GroupCommit<Draft>({
      open: () => ({ states: new Map(), steps: [] }),
      write: ({ steps }) =>
        onWrite(async () => {
          for (const step of steps) step()
        }),
      gather: () => Promise.resolve(),
    })
  }

  async load(name: string, cells: readonly string[] = []): Promise<Entry | undefined> {
    this.#checkOpen()
    nameBytes(name)
    const kept = this.#entries.get(name)
    if (!kept) return undefined
    const { revision, start, tail } = kept.state
    const found = new Map<string, Uint8Array>()
    for (const cell of cells) {
      const bytes = kept.cells.get(cell)
      if (bytes) found.set(cell, new Uint8Array(bytes))
    }
    return { revision, start, tail, head: new Uint8Array(kept.head), cells: found }
  }

  async commit(name: string, expected: Revision | undefined, change: Change): Promise<Revision | 'stale'> {
    const revisions = await this.commitAll([{ name, expected, change }])
    return revisions === 'stale' ? 'stale' : (revisions[0] ?? 'stale')
  }

  async commitAll(edits: readonly Edit[]): Promise<readonly (Revision | undefined)[] | 'stale'> {
    checkEdits(edits)
    return this.#commits.add(1, draft => {
      const decided = decideEdits(edits, name => this.#state(draft, name), this.#engine)
      if (decided === 'stale') return 'stale'
      for (const one of decided) {
        draft.states.set(one.name, one.next)
        draft.steps.push(() =>
          one.next ? this.#apply(one.name, one.next, one.change) : this.#forget(one.name, one.before),
        )
      }
      return decided.map(({ next }) => next?.revision)
    })
  }

  async read(generation: number, from: Position, limit: number): Promise<Slice> {
    this.#checkOpen()
    return this.#logs.get(generation)?.slice(from, limit) ?? { records: [], next: from }
  }

  async remove(name: string, expected: Revision): Promise<'removed' | 'stale'> {
    return (await this.commitAll([{ name, expected }])) === 'stale' ? 'stale' : 'removed'
  }

  async list(prefix: string, after: string | undefined, limit: number): Promise<readonly string[]> {
    this.#checkOpen()
    this.#names ??= [...this.#entries.keys()].sort(byteOrder)
    const from = after !== undefined && byteOrder(after, prefix) > 0 ? after : prefix
    const names: string[] = []
    for (let at = lowerBound(this.#names, from); at < this.#names.length && names.length < limit; at++) {
      const name = this.#names[at]
      if (!name?.startsWith(prefix)) break
      if (name !== after) names.push(name)
    }
    return names
  }

  async due(until: number, limit: number): Promise<readonly string[]> {
    this.#checkOpen()
    const found: { readonly name: string; readonly due: number }[] = []
    for (const [name, { state }] of this.#entries) {
      if (state.due !== null && state.due <= until) found.push({ name, due: state.due })
    }
    found.sort((a, b) => a.due - b.due || byteOrder(a.name, b.name))
    return found.slice(0, limit).map(({ name }) => name)
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#commits.close()
  }

  readonly #engine = {
    newGeneration: () => ++this.#generation,
    hasRecord: (generation: number, position: Position) => this.#logs.get(generation)?.has(position) ?? false,
  }

  #state(draft: Draft, name: string): State | undefined {
    return draft.states.has(name) ? draft.states.get(name) : this.#entries.get(name)?.state
  }

  #apply(name: string, state: State, change: Change): void {
    const kept = this.#entries.get(name) ?? this.#create(name, state)
    let position = kept.state.tail
    for (const bytes of change.appends ?? []) {
      kept.log.append({ position, bytes: new Uint8Array(bytes) })
      position += bytes.byteLength
    }
    if (state.start > kept.state.start) kept.log.trim(state.start)
    for (const [cell, bytes] of change.cells ?? []) {
      if (bytes) kept.cells.set(cell, new Uint8Array(bytes))
      else kept.cells.delete(cell)
    }
    kept.head = new Uint8Array(change.head)
    kept.state = state
  }

  #forget(name: string, { revision }: State): void {
    this.#entries.delete(name)
    this.#logs.delete(revision.generation)
    this.#names = undefined
  }

  #create(name: string, { revision, due }: State): Kept {
    const log = new Log()
    const state = { revision, start: 0, tail: 0, due }
    const kept = { state, head: new Uint8Array(), cells: new Map(), log }
    this.#entries.set(name, kept)
    this.#logs.set(revision.generation, log)
    this.#names = undefined
    return kept
  }

  #checkOpen(): void {
    if (this.#closed) throw new StoreFailure('closed', 'the store is closed')
  }
}

const lowerBound = (names: readonly string[], wanted: string): number => {
  let low = 0
  let high = names.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (byteOrder(names[middle] ?? '', wanted) < 0) low = middle + 1
    else high = middle
  }
  return low
}
