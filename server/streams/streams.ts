import { type AppendCommand, decideAppend } from '../rules/append.ts'
import { type Basis, type BasisOutcome, holdToBasis } from '../rules/basis.ts'
import { type Birth, type CreateCommand, decideCreate } from '../rules/create.ts'
import { dueAt, isOver, touchedDeadline } from '../rules/expiry.ts'
import type { ForkCommand } from '../rules/fork.ts'
import type { AppendOutcome, CreateOutcome, ForkOutcome } from '../rules/outcome.ts'
import type { StreamState } from '../rules/state.ts'
import type { Entry, Store } from '../store/store.ts'
import type { World } from '../world.ts'
import { Batch } from './batch.ts'
import { Forks } from './forks.ts'
import {
  birthChange,
  decodeSeen,
  decodeState,
  encodeHead,
  encodeSeen,
  noteCell,
  producerCell,
} from './record.ts'
import { readParts } from './stitch.ts'
import { type Tail, Tails } from './tail.ts'
import { Turns } from './turns.ts'

/** A stream held open for a live read; `release` must be called when the read is over. */
export interface Held {
  readonly state: StreamState
  readonly tail: Tail
  release(): void
}

/** A held stream as far as this process knows it by now: as it was loaded, or as it was published since. */
export const reached = ({ state, tail }: Held): StreamState => ({
  ...state,
  tail: Math.max(state.tail, tail.position),
  closed: state.closed || tail.closed,
})

/** The bytes somebody keeps beside a stream, and the incarnation they belong to. */
export interface Note {
  readonly state: StreamState
  readonly bytes: Uint8Array | undefined
}

export interface StreamsOptions {
  readonly store: Store
  readonly world: World
  /** Bytes of one catch-up slice. */
  readonly readBytes: number
  /** Told of every stream that is no more because its time was over. Must not throw. */
  readonly onExpired?: (name: string, generation: number) => void
  /** Told of every commit that gave a stream bytes to read, once it is durable. Must not throw, nor take long. */
  readonly onAppended?: (name: string, state: StreamState) => void
}

/**
 * Durable streams over a store: load, decide, commit, wake. Holds no state of its own but who is waiting; several
 * processes may do the same over one store. Names are opaque here. Every method throws StoreFailure when the store fails.
 */
export class Streams {
  readonly #store: Store
  readonly #world: World
  readonly #readBytes: number
  readonly #tails = new Tails()
  readonly #turns: Turns
  readonly #forks: Forks
  readonly #onExpired: NonNullable<StreamsOptions['onExpired']>
  readonly #onAppended: NonNullable<StreamsOptions['onAppended']>

  constructor({
    store,
    world,
    readBytes,
    onExpired = () => undefined,
    onAppended = () => undefined,
  }: StreamsOptions) {
    this.#store = store
    this.#world = world
    this.#readBytes = readBytes
    this.#onExpired = onExpired
    this.#onAppended = onAppended
    const expire = (name: string, entry: Entry) => this.#expire(name, entry)
    this.#turns = new Turns(store, this.#tails, world, expire, onAppended)
    const find = async (name: string) => (await this.#find(name, []))?.state
    this.#forks = new Forks({ store, turns: this.#turns, world, find })
  }

  /** Removes a stream that is over, unless somebody was quicker; and its source, if that was kept for it alone. */
  async #expire(name: string, entry: Entry): Promise<void> {
    const state = decodeState(entry)
    if (!(await this.#clear(name, entry, state))) return
    this.#tails.forget(name)
    if (!state.deleted) this.#onExpired(name, state.generation)
    if (state.origin) await this.#find(state.origin.source, [])
  }

  /** @returns false when the entry is stale */
  async #clear(name: string, { revision }: Entry, state: StreamState): Promise<boolean> {
    if (state.refs > 0) {
      const kept = { ...state, deleted: true }
      const change = { head: encodeHead(kept), due: dueAt(kept) }
      return (await this.#store.commit(name, revision, change)) !== 'stale'
    }
    if (state.origin) return this.#forks.release(name, revision, state.origin)
    return (await this.#store.remove(name, revision)) === 'removed'
  }

  /** What there is of a stream, also of a deleted one that forks hold. */
  async #find(
    name: string,
    cells: readonly string[],
  ): Promise<{ state: StreamState; cells: Entry['cells'] } | undefined> {
    for (;;) {
      const entry = await this.#store.load(name, cells)
      if (!entry) return undefined
      const state = decodeState(entry)
      if (!isOver(state, this.#world.now())) return { state, cells: entry.cells }
      await this.#expire(name, entry)
    }
  }

  /** PROTOCOL 5.1: creates the stream, or says what is there. `notes` are written in the same commit. */
  async create(
    name: string,
    command: CreateCommand,
    notes: ReadonlyMap<string, Uint8Array> = new Map(),
  ): Promise<CreateOutcome> {
    for (;;) {
      const found = await this.#find(name, [])
      if (found?.state.deleted) return { kind: 'deleted' }
      const decision = decideCreate(found?.state, command, this.#world.now())
      if (!isBirth(decision)) return decision
      const state = await this.#bear(name, decision, notes)
      if (state) return this.#told(name, { kind: 'created', state })
    }
  }

  async #bear(
    name: string,
    birth: Birth,
    notes: ReadonlyMap<string, Uint8Array>,
  ): Promise<StreamState | undefined> {
    const cells = new Map([...notes].map(([key, bytes]) => [noteCell(key), bytes]))
    const revision = await this.#store.commit(name, undefined, { ...birthChange(birth), cells })
    return revision === 'stale' ? undefined : { ...birth.state, generation: revision.generation }
  }

  /** PROTOCOL 4.2: creates a fork, or says what is there. Nothing of the source is copied, nor read through. */
  async fork(name: string, command: ForkCommand): Promise<ForkOutcome> {
    return this.#told(name, await this.#forks.create(name, command))
  }

  #told<Outcome extends ForkOutcome>(name: string, outcome: Outcome): Outcome {
    if (outcome.kind === 'created' && outcome.state.tail > 0) this.#onAppended(name, outcome.state)
    return outcome
  }

  /** PROTOCOL 5.2 and 5.3. Durable once resolved; live readers have it before that. */
  append(name: string, command: AppendCommand): Promise<AppendOutcome>
  /** The same for what was judged against the stream as it was at `basis`. */
  append(name: string, command: AppendCommand, basis: Basis): Promise<AppendOutcome | BasisOutcome>
  append(name: string, command: AppendCommand, basis?: Basis): Promise<AppendOutcome | BasisOutcome> {
    const { producer } = command
    const cell = producer && producerCell(producer.id)
    return this.#turns.take<AppendOutcome | BasisOutcome>(
      name,
      cell ? [cell] : [],
      (state, cells, deleted, alone) => {
        if (!state) return { outcome: { kind: deleted ? 'deleted' : 'missing' } }
        const seen = cell ? decodeSeen(cells.get(cell)) : undefined
        const decision = decideAppend(state, seen, command, this.#world.now())
        const held = basis ? holdToBasis(decision, state, basis, alone) : decision
        if (!('state' in held)) return held
        const { seen: next, ...step } = held
        return next && cell ? { ...step, cells: new Map([[cell, encodeSeen(next)]]) } : step
      },
    )
  }

  /** The stream as it is, or undefined when there is none or its time is over. Does not count as use (PROTOCOL 5.5). */
  async load(name: string): Promise<StreamState | undefined> {
    return (await this.note(name, ''))?.state
  }

  /** The stream and the bytes kept beside it under `key`. */
  async note(name: string, key: string): Promise<Note | undefined> {
    const cell = noteCell(key)
    const found = await this.#find(name, key === '' ? [] : [cell])
    return found && !found.state.deleted ? { state: found.state, bytes: found.cells.get(cell) } : undefined
  }

  /** Why `load` found nothing. PROTOCOL 4.2: a deleted stream that forks still hold says so. */
  async absence(name: string): Promise<'missing' | 'deleted'> {
    return (await this.#find(name, []))?.state.deleted ? 'deleted' : 'missing'
  }

  /**
   * Replaces the bytes kept beside one incarnation of a stream: compare-and-set, `decide` gets what is there and answers
   * what shall be, or undefined to leave it.
   * @returns whether something was written
   */
  annotate(
    name: string,
    generation: number,
    key: string,
    decide: (current: Uint8Array | undefined, state: StreamState) => Uint8Array | undefined,
  ): Promise<boolean> {
    const cell = noteCell(key)
    return this.#turns.take<boolean>(name, [cell], (state, cells) => {
      if (state?.generation !== generation) return { outcome: false }
      const bytes = decide(cells.get(cell), state)
      return bytes ? { outcome: true, state, cells: new Map([[cell, bytes]]) } : { outcome: false }
    })
  }

  /**
   * Forgets what lies before `position`, which must be one this stream had as an offset. Not of a stream that is a fork or
   * has some: what it holds others read.
   */
  trim(name: string, generation: number, position: number): Promise<boolean> {
    return this.#turns.take<boolean>(name, [], state => {
      if (state?.generation !== generation || position <= state.start || position > state.tail) {
        return { outcome: false }
      }
      if (state.origin || state.refs > 0) return { outcome: false }
      return { outcome: true, state: { ...state, start: position } }
    })
  }

  /** A read or a wait counts as use (PROTOCOL 5.1). Its write is not waited for: losing it costs some seconds of life. */
  touch(name: string, { generation, deadline, ...state }: StreamState): void {
    const wanted = touchedDeadline({ generation, deadline, ...state }, this.#world.now())
    if (wanted === deadline) return
    const touched = this.#turns.take(name, [], found => {
      if (found?.generation !== generation) return { outcome: undefined }
      const next = touchedDeadline(found, this.#world.now())
      return next === found.deadline
        ? { outcome: undefined }
        : { outcome: undefined, state: { ...found, deadline: next } }
    })
    touched.catch(() => undefined)
  }

  /**
   * Whole appends of the stream in `state` from `position` on, at most one slice.
   * @returns 'split' when `position` lies inside an append and so was never an offset, 'gone' when the bytes are no more
   */
  async slice(name: string, state: StreamState, position: number): Promise<Batch | 'split' | 'gone'> {
    const { generation } = state
    const { records, next } = await readParts(this.#store, state, position, this.#readBytes)
    if (records[0] ? records[0].position !== position : position < state.tail) {
      const now = await this.load(name)
      return now?.generation === generation && position >= now.start ? 'split' : 'gone'
    }
    const upToDate = next >= state.tail
    return new Batch(state, {
      from: position,
      to: next,
      upToDate,
      closed: state.closed && upToDate,
      records: records.map(record => record.bytes),
    })
  }

  /** How many live reads of `name` are under way in this process. */
  readers(name: string): number {
    return this.#tails.holders(name)
  }

  /** The stream with its tail held, so that nothing committed from now on is missed. */
  async hold(name: string): Promise<Held | undefined> {
    for (;;) {
      const { tail, release } = this.#tails.hold(name)
      let kept = false
      try {
        const state = await this.load(name)
        if (!state) return undefined
        kept = tail.settle(state, this.#turns.isUnderWay(name))
        // Otherwise the stream was removed, and created again, while it was loaded.
        if (kept) return { state, tail, release }
      } finally {
        if (!kept) release()
      }
    }
  }

  /** PROTOCOL 5.4 and 4.2. @returns the stream that was removed, or undefined when there was none */
  async remove(name: string): Promise<StreamState | undefined> {
    for (;;) {
      const entry = await this.#store.load(name)
      if (!entry) return undefined
      const state = decodeState(entry)
      if (isOver(state, this.#world.now())) {
        await this.#expire(name, entry)
        continue
      }
      if (state.deleted) return undefined
      if (state.origin || state.refs > 0) return this.#bury(name)
      if ((await this.#store.remove(name, entry.revision)) === 'stale') continue
      this.#tails.forget(name)
      return state
    }
  }

  /**
   * Deletes a stream that is a fork or has some, in two commits: it is deleted, then, once nobody holds it, removed and
   * let go by its source. A crash in between leaves it due, to be finished by the next sweep or whoever asks for it.
   */
  async #bury(name: string): Promise<StreamState | undefined> {
    const buried = await this.#turns.take<StreamState | undefined>(name, [], state =>
      state ? { outcome: state, state: { ...state, deleted: true } } : { outcome: undefined },
    )
    if (!buried) return undefined
    this.#tails.forget(name)
    await this.#find(name, [])
    return buried
  }

  /** Names beginning with `prefix`, in byte order, after `after`. Some may have expired. */
  list(prefix: string, after: string | undefined, limit: number): Promise<readonly string[]> {
    return this.#store.list(prefix, after, limit)
  }

  /** Removes streams whose time is over, so that their space comes back without anybody asking for them. */
  async sweep(limit: number): Promise<number> {
    const names = await this.#store.due(this.#world.now(), limit)
    for (const name of names) await this.load(name)
    return names.length
  }

  /** Ends live reads and waits for appends under way. New commands are the caller's to refuse. */
  async drain(): Promise<void> {
    this.#tails.drain()
    await this.#turns.settled()
  }
}

const isBirth = (decision: CreateOutcome | Birth): decision is Birth => !('kind' in decision)
