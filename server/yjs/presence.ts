import {
  type AwarenessEntry,
  AwarenessError,
  absentState,
  ContentType,
  decodeAwareness,
  decodeFrames,
  FrameError,
  type Place,
} from '../../protocol/index.ts'
import type { Limits } from '../limits.ts'
import type { AppendCommand } from '../rules/append.ts'
import type { AppendOutcome } from '../rules/outcome.ts'
import type { StreamState } from '../rules/state.ts'
import type { Streams } from '../streams/streams.ts'
import type { World } from '../world.ts'
import { type DocumentName, presencePrefix, presenceStream } from './names.ts'
import { type AgedFrames, byAge, type Heard } from './roster.ts'

/** What a joiner is told: everybody present, since when they are silent, and where to go on from. */
export interface Roster extends AgedFrames {
  readonly state: StreamState
}

/**
 * Awareness streams: ordinary streams over a store in memory, and beside each the latest state of every client in it, so
 * that whoever joins sees everybody at once. Bytes that are not awareness updates are passed on unread (YJS 12.4).
 */
export class Presence {
  readonly streams: Streams
  readonly #limits: Limits
  readonly #world: World
  readonly #known = new Map<string, Map<number, Heard>>()
  readonly #marks = new Map<string, Place>()

  constructor(streams: Streams, limits: Limits, world: World) {
    this.streams = streams
    this.#limits = limits
    this.#world = world
  }

  /** Creates the stream. @returns 'full' when the document has as many as it may */
  async create(name: DocumentName, awareness: string): Promise<'created' | 'exists' | 'full'> {
    const stream = presenceStream(name, awareness)
    if (!(await this.streams.load(stream))) {
      const most = this.#limits.awarenessPerDocument
      const others = await this.streams.list(presencePrefix(name), undefined, most)
      if (others.length >= most) return 'full'
    }
    const ttlSeconds = Math.ceil(this.#limits.awarenessIdleMs / 1_000)
    const config = { contentType: ContentType.binary, ttlSeconds }
    const outcome = await this.streams.create(stream, { config, body: new Uint8Array(), closed: false })
    return outcome.kind === 'created' ? 'created' : 'exists'
  }

  /**
   * Broadcasts; creates the stream when its hour is over (YJS 5.6). The document must exist. No batches are counted, for a word
   * heard twice is heard once; and nobody closes it, for it is everybody's.
   */
  async append(
    name: DocumentName,
    awareness: string,
    { body, contentType, seq }: Pick<AppendCommand, 'body' | 'contentType' | 'seq'>,
  ): Promise<AppendOutcome | 'full'> {
    const stream = presenceStream(name, awareness)
    // Before the append, so that no joiner is given an offset past a state it was not told.
    this.#learn(stream, body)
    for (;;) {
      const outcome = await this.streams.append(stream, { body, contentType, seq, close: false })
      if (outcome.kind !== 'missing') {
        if (outcome.kind === 'appended') this.#trim(stream, outcome.state)
        return outcome
      }
      if ((await this.create(name, awareness)) === 'full') {
        this.#forget(stream)
        return 'full'
      }
    }
  }

  /**
   * Everybody present, the latest heard first; no frame when nobody is. Who left a moment ago is in it as absent: of
   * requests that overtook each other, a word from before the leave may follow it and must be known for old.
   */
  async roster(name: DocumentName, awareness: string): Promise<Roster | 'full'> {
    const stream = presenceStream(name, awareness)
    for (;;) {
      const state = await this.streams.load(stream)
      if (state) {
        this.streams.touch(stream, state)
        return { state, ...byAge(this.#heard(stream), this.#world.steady()) }
      }
      if ((await this.create(name, awareness)) === 'full') return 'full'
    }
  }

  async remove(name: DocumentName, awareness: string): Promise<boolean> {
    const stream = presenceStream(name, awareness)
    this.#forget(stream)
    return (await this.streams.remove(stream)) !== undefined
  }

  /** With its document goes its presence. */
  async removeAll(name: DocumentName): Promise<void> {
    for (;;) {
      const found = await this.streams.list(
        presencePrefix(name),
        undefined,
        this.#limits.awarenessPerDocument,
      )
      if (found.length === 0) return
      for (const stream of found) {
        this.#forget(stream)
        await this.streams.remove(stream)
      }
    }
  }

  /** Forgets who left without a word, and streams whose hour is over. */
  async sweep(limit: number): Promise<void> {
    await this.streams.sweep(limit)
    for (const stream of [...this.#known.keys()])
      if (this.#heard(stream).length === 0) this.#known.delete(stream)
    for (const stream of [...this.#marks.keys()]) {
      if (!(await this.streams.load(stream))) this.#forget(stream)
    }
  }

  #forget(stream: string): void {
    this.#known.delete(stream)
    this.#marks.delete(stream)
  }

  #learn(stream: string, body: Uint8Array): void {
    const entries = readable(body)
    if (entries.length === 0) return
    const known = this.#known.get(stream) ?? new Map<number, Heard>()
    this.#known.set(stream, known)
    const heardAt = this.#world.steady()
    for (const entry of entries) {
      const before = known.get(entry.client)
      // As y-protocols: a later clock wins, and of equal clocks the leave.
      if (
        before &&
        (entry.clock < before.clock || (entry.clock === before.clock && entry.state !== absentState))
      )
        continue
      if (before || known.size < this.#limits.awarenessClients) known.set(entry.client, { ...entry, heardAt })
    }
  }

  /** The latest of every client heard of lately. */
  #heard(stream: string): readonly Heard[] {
    const known = this.#known.get(stream)
    if (!known) return []
    const since = this.#world.steady() - this.#limits.awarenessOutdatedMs
    for (const [client, { heardAt }] of known) if (heardAt < since) known.delete(client)
    return [...known.values()]
  }

  /** Half the allowance at a time, so that a reader is rarely cut off and the memory never exceeds the whole. */
  #trim(stream: string, { generation, start, tail }: StreamState): void {
    const last = this.#marks.get(stream)
    // Positions of an earlier life of the stream say nothing about this one.
    const mark = last?.generation === generation ? last : { generation, position: start }
    const isDue = tail - mark.position >= this.#limits.awarenessBytes / 2
    this.#marks.set(stream, isDue ? { generation, position: tail } : mark)
    if (isDue) this.streams.trim(stream, generation, mark.position).catch(() => undefined)
  }
}

const readable = (body: Uint8Array): readonly AwarenessEntry[] => {
  try {
    return decodeFrames(body).flatMap(decodeAwareness)
  } catch (error) {
    if (error instanceof FrameError || error instanceof AwarenessError) return []
    throw error
  }
}
