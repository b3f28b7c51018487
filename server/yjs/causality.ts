import {
  causalGap,
  decodeFrames,
  FrameError,
  Ranges,
  readUpdate,
  snapshotLimits,
  UpdateError,
  type UpdateSummary,
} from '../../protocol/index.ts'
import type { Basis } from '../rules/basis.ts'
import type { StreamState } from '../rules/state.ts'
import { Batch } from '../streams/batch.ts'
import type { Streams } from '../streams/streams.ts'
import { type DocumentName, logStream } from './names.ts'
import { type Repetitions, repetitionsIn } from './repetition.ts'
import type { Snapshots } from './snapshots.ts'

export interface CausalityOptions {
  readonly streams: Streams
  readonly snapshots: Snapshots
  /** Clients remembered in all, over the documents used last; a document beyond is read again when it is written to. */
  readonly clients: number
}

/** The first update that the document cannot take yet, and what has to come before it. */
export interface CausalGap {
  readonly kind: 'causalGap'
  /** The index of the update's frame. */
  readonly index: number
  readonly missing: Ranges
}

export interface Judgement {
  readonly basis: Basis
  readonly gap: CausalGap | undefined
  /** When nothing lacks. */
  readonly repetitions: Repetitions
}

const nothing: Repetitions = new Map()

/** The structs in a document's log before `position`. */
interface Held {
  readonly generation: number
  position: number
  /** Undefined when the log has bytes that cannot be read: then nothing can be judged, and nothing is refused. */
  structs: Ranges | undefined
  /** What it counts for in the bound. */
  weight: number
}

/** What an entry costs even when nobody has written. */
const leastWeight = 8

/** Each time the document was removed, or its snapshot replaced, while it was read. */
const mostTries = 10

const grow = (held: Held, updatesOf: () => readonly Uint8Array[]): void => {
  if (!held.structs) return
  try {
    for (const update of updatesOf()) held.structs.addAll(readUpdate(update, snapshotLimits).structs)
  } catch (error) {
    if (!(error instanceof UpdateError || error instanceof FrameError)) throw error
    held.structs = undefined
  }
}

/** The first of one request's updates that lacks something. Each may build on those before it. */
export const firstGap = (updates: readonly UpdateSummary[], structs: Ranges): CausalGap | undefined => {
  const grown = new Ranges()
  const touched = new Set<number>()
  const stateOf = (client: number) => (touched.has(client) ? grown : structs).contiguous(client)
  for (const [index, update] of updates.entries()) {
    const missing = causalGap(update, stateOf)
    if (!missing.isEmpty) return { kind: 'causalGap', index, missing }
    if (index === updates.length - 1) break
    for (const client of update.structs.clients()) {
      if (touched.has(client)) continue
      touched.add(client)
      for (const { clock, length } of structs.of(client)) grown.add(client, clock, length)
    }
    grown.addAll(update.structs)
  }
  return undefined
}

/**
 * Which updates a document can take: those whose every reference is to something it holds. What it holds is read from
 * the log itself, remembered for the documents written to last, and grown with every append; the log stays the authority,
 * so a restart or another process changes nothing.
 */
export class Causality {
  readonly #options: CausalityOptions
  /** The one used last is at the end. */
  readonly #held = new Map<string, Held>()
  readonly #reading = new Map<string, Promise<Held | undefined>>()
  /** Those whose log has grown by more than was seen here: they are read on before they are judged by. */
  readonly #behind = new Set<string>()
  #weight = 0

  constructor(options: CausalityOptions) {
    this.#options = options
  }

  /**
   * @param anew whether what is remembered turned out to be behind
   * @returns undefined when there is no such document
   */
  async judge(
    name: DocumentName,
    updates: readonly UpdateSummary[],
    anew: boolean,
  ): Promise<Judgement | undefined> {
    const key = logStream(name)
    const known = anew || this.#behind.has(key) ? undefined : this.#held.get(key)
    const held = known ?? (await this.#refresh(name, key))
    if (!held) return undefined
    const { generation, position } = held
    const gap = held.structs && firstGap(updates, held.structs)
    const repetitions = held.structs && !gap ? repetitionsIn(updates, held.structs) : nothing
    return { basis: { generation, position, sound: gap === undefined }, gap, repetitions }
  }

  /** Updates were appended and the log ends after them now. Costs no read when nobody else wrote in between. */
  appended(
    name: DocumentName,
    updates: readonly UpdateSummary[],
    { generation, tail }: StreamState,
    bytes: number,
  ): void {
    const key = logStream(name)
    const held = this.#held.get(key)
    if (held?.generation !== generation || held.position !== tail - bytes) {
      // Else what is there already would be taken for new.
      if (held || this.#reading.has(key)) this.#behind.add(key)
      return
    }
    for (const { structs } of updates) held.structs?.addAll(structs)
    held.position = tail
    this.#keep(key, held)
  }

  /** Brings what is remembered of a document up to its tail; requests that come meanwhile share the reading. */
  #refresh(name: DocumentName, key: string): Promise<Held | undefined> {
    const under = this.#reading.get(key)
    if (under) return under
    this.#behind.delete(key)
    const reading = this.#read(name, key).finally(() => this.#reading.delete(key))
    this.#reading.set(key, reading)
    return reading
  }

  async #read(name: DocumentName, key: string): Promise<Held | undefined> {
    const { streams } = this.#options
    for (let tries = 0; tries < mostTries; tries++) {
      const state = await streams.load(key)
      if (!state) {
        this.#forget(key)
        return undefined
      }
      const known = this.#held.get(key)
      const held = known?.generation === state.generation ? known : await this.#begin(name, state)
      if (held && (await this.#follow(key, state, held))) {
        this.#keep(key, held)
        return held
      }
      this.#forget(key)
    }
    throw new Error(`the log of ${key} could not be read to its end`)
  }

  /** What the current snapshot holds; undefined when it went away before it was read. */
  async #begin(name: DocumentName, { generation }: StreamState): Promise<Held | undefined> {
    const { snapshots } = this.#options
    const found = await snapshots.current(name)
    if (found?.state.generation !== generation) return undefined
    const position = found.pointer?.position ?? 0
    const held: Held = { generation, position, structs: new Ranges(), weight: 0 }
    if (found.pointer) {
      const bytes = await snapshots.read(name, { generation, position })
      if (!bytes) return undefined
      grow(held, () => [bytes])
    }
    return held
  }

  /** Reads the log from where `held` ends. @returns whether it got to the tail */
  async #follow(key: string, state: StreamState, held: Held): Promise<boolean> {
    while (held.position < state.tail) {
      const from = held.position
      const batch = await this.#options.streams.slice(key, state, from)
      if (!(batch instanceof Batch)) return false
      // Appended to in the meantime: then it is ahead of this slice.
      if (held.position !== from) continue
      for (const record of batch.records) grow(held, () => decodeFrames(record))
      held.position = batch.to
    }
    return true
  }

  #keep(key: string, held: Held): void {
    const weight = leastWeight + (held.structs?.clientCount ?? 0)
    if (this.#held.delete(key)) this.#weight -= held.weight
    held.weight = weight
    this.#held.set(key, held)
    this.#weight += weight
    for (const oldest of this.#held.keys()) {
      if (this.#weight <= this.#options.clients) break
      this.#forget(oldest)
    }
  }

  #forget(key: string): void {
    const held = this.#held.get(key)
    this.#behind.delete(key)
    if (!held) return
    this.#held.delete(key)
    this.#weight -= held.weight
  }
}
