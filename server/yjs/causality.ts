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
  /** Whether this server appended something since that is not in here: then it is read on before it is judged by. */
  behind: boolean
  /** What it counts for in the bound. */
  weight: number
}

/** Reading a log up to the tail it had when that began. */
interface Reading {
  readonly held: Promise<Held | undefined>
  /** Whether this server appended something meanwhile that may not have been read. */
  outrun: boolean
}

/** What an entry costs even when nobody has written. */
const leastWeight = 8

/** Each time the document was removed, or its snapshot replaced, while it was read. */
const mostTries = 10

type Extent = Pick<StreamState, 'generation' | 'tail'>

/** Whether that is in it, or of a life of the document that is over. */
const reaches = (held: Held, { generation, tail }: Extent): boolean =>
  held.generation > generation || (held.generation === generation && held.position >= tail)

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
  readonly #readings = new Map<string, Reading>()
  #weight = 0

  constructor(options: CausalityOptions) {
    this.#options = options
  }

  /**
   * Judges by all that this server had appended when this was called, and by no less than `least`: the document as an earlier
   * judgement's turn met it.
   * @returns undefined when since then there was a moment without such a document
   */
  async judge(
    name: DocumentName,
    updates: readonly UpdateSummary[],
    least: Extent | undefined,
  ): Promise<Judgement | undefined> {
    const held = await this.#upTo(name, least)
    if (!held) return undefined
    const { generation, position, structs } = held
    const gap = structs && firstGap(updates, structs)
    const sound = gap === undefined
    const exact = structs !== undefined && updates.some(update => !update.structs.isEmpty)
    const repetitions = structs && sound ? repetitionsIn(updates, structs) : nothing
    return { basis: { generation, position, sound, exact }, gap, repetitions }
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
    if (held && reaches(held, { generation, tail })) return
    if (held?.generation !== generation || held.position !== tail - bytes) {
      // Else what is there already would be taken for new.
      if (held) held.behind = true
      const reading = this.#readings.get(key)
      if (reading) reading.outrun = true
      return
    }
    for (const { structs } of updates) held.structs?.addAll(structs)
    held.position = tail
    this.#keep(key, held)
  }

  async #upTo(name: DocumentName, least: Extent | undefined): Promise<Held | undefined> {
    const key = logStream(name)
    const known = this.#held.get(key)
    // After a turn it is read anew even if this would do: what came before, and waits for a claim, has its turn meanwhile.
    if (known && !known.behind && !least) return known
    const under = this.#readings.get(key)
    const reading = under ?? this.#refresh(name, key)
    const { outrun } = reading
    // Who began it waits as who joined it does, so that they go on in the order they came.
    const held = await reading.held
    if (!under || (held && !outrun && (!least || reaches(held, least)))) return held
    // That one was under way already, perhaps since before there was a document. The next began after this was called, and so
    // ends after all that this must know.
    return (this.#readings.get(key) ?? this.#refresh(name, key)).held
  }

  /** Brings what is remembered of a document up to its tail; requests that come meanwhile share the reading. */
  #refresh(name: DocumentName, key: string): Reading {
    const held = this.#read(name, key).then(
      read => {
        this.#readings.delete(key)
        if (read) read.behind = reading.outrun
        return read
      },
      error => {
        this.#readings.delete(key)
        throw error
      },
    )
    const reading: Reading = { held, outrun: false }
    this.#readings.set(key, reading)
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
    const held: Held = { generation, position, structs: new Ranges(), behind: false, weight: 0 }
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
    this.#forget(key)
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
    if (!held) return
    this.#held.delete(key)
    this.#weight -= held.weight
  }
}
