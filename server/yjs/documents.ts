import { DefaultAwareness, Ranges, type UpdateSummary } from '../../protocol/index.ts'
import type { Limits } from '../limits.ts'
import type { AppendCommand } from '../rules/append.ts'
import type { CreateCommand } from '../rules/create.ts'
import type { AppendOutcome, CreateOutcome } from '../rules/outcome.ts'
import type { StreamState } from '../rules/state.ts'
import type { Streams } from '../streams/streams.ts'
import { type CausalGap, type Causality, firstGap } from './causality.ts'
import { Claims } from './claims.ts'
import type { Compactor } from './compactor.ts'
import { type FramesProblem, readFrames } from './frames.ts'
import { type DocumentName, documentOf, logStream } from './names.ts'
import type { Presence } from './presence.ts'
import { repetitionsIn, withoutRepetitions } from './repetition.ts'
import type { Pointer, Snapshots } from './snapshots.ts'

export interface DocumentsParts {
  readonly streams: Streams
  readonly snapshots: Snapshots
  readonly compactor: Compactor
  readonly causality: Causality
  readonly presence: Presence
  readonly limits: Limits
}

/** Yjs documents over streams: a log of frames, the snapshots of its prefixes, and the presence of those who edit it. */
export class Documents {
  readonly streams: Streams
  readonly snapshots: Snapshots
  readonly presence: Presence
  readonly #compactor: Compactor
  readonly #causality: Causality
  readonly #limits: Limits
  readonly #claims = new Claims()

  constructor({ streams, snapshots, compactor, causality, presence, limits }: DocumentsParts) {
    this.streams = streams
    this.snapshots = snapshots
    this.presence = presence
    this.#compactor = compactor
    this.#causality = causality
    this.#limits = limits
  }

  load(name: DocumentName): Promise<StreamState | undefined> {
    return this.streams.load(logStream(name))
  }

  /** Creates the document and its default awareness stream. */
  async create(
    name: DocumentName,
    command: CreateCommand,
  ): Promise<CreateOutcome | FramesProblem | CausalGap> {
    const updates = readFrames(command.body, this.#limits)
    if ('kind' in updates) return updates
    const gap = firstGap(updates, new Ranges())
    // What is there already stays as it is, the body unread.
    if (gap && !(await this.load(name))) return gap
    const body = gap ? command.body : withoutRepetitions(command.body, repetitionsIn(updates, new Ranges()))
    const outcome = await this.streams.create(logStream(name), { ...command, body })
    if (outcome.kind === 'created' || outcome.kind === 'exists') {
      await this.presence.create(name, DefaultAwareness)
      this.#compactor.consider(name, outcome.state.tail)
    }
    return outcome
  }

  /** Appends updates, all of them decoded first, if the document holds everything they refer to. */
  async append(
    name: DocumentName,
    command: AppendCommand,
  ): Promise<AppendOutcome | FramesProblem | CausalGap> {
    const updates = readFrames(command.body, this.#limits)
    if ('kind' in updates) return updates
    const clients = new Set(updates.flatMap(({ structs }) => structs.clients()))
    return this.#claims.hold(logStream(name), clients, () => this.#append(name, command, updates))
  }

  async #append(
    name: DocumentName,
    command: AppendCommand,
    updates: readonly UpdateSummary[],
  ): Promise<AppendOutcome | CausalGap> {
    for (let met: StreamState | undefined; ; ) {
      const judged = await this.#causality.judge(name, updates, met)
      if (!judged) return { kind: 'missing' }
      const body = withoutRepetitions(command.body, judged.repetitions)
      const outcome = await this.streams.append(logStream(name), { ...command, body }, judged.basis)
      if (outcome.kind === 'moved') {
        met = outcome.state
        continue
      }
      if (outcome.kind === 'unsound') {
        if (judged.gap) return judged.gap
        continue
      }
      if (outcome.kind === 'appended' || outcome.kind === 'accepted') {
        this.#causality.appended(name, updates, outcome.state, body.length)
        this.#compactor.consider(name, outcome.state.tail)
      }
      return outcome
    }
  }

  /** The document and its current snapshot. A compaction that a crash cut short is taken up again here. */
  async discover(
    name: DocumentName,
  ): Promise<{ state: StreamState; pointer: Pointer | undefined } | undefined> {
    const found = await this.snapshots.current(name)
    if (!found) return undefined
    this.#compactor.consider(name, found.state.tail)
    this.streams.touch(logStream(name), found.state)
    return found
  }

  /** The document, its snapshots and its presence. @returns whether there was one */
  async remove(name: DocumentName): Promise<boolean> {
    const removed = await this.streams.remove(logStream(name))
    if (removed) await this.#forget(name, removed.generation)
    return removed !== undefined
  }

  /** A stream's time was over: if it was a document's log, its snapshots and presence go too. */
  async expired(stream: string, generation: number): Promise<void> {
    const name = documentOf(stream)
    if (name) await this.#forget(name, generation)
  }

  /** What belongs to one life of a document and to those before; a later one may be there already. */
  async #forget(name: DocumentName, generation: number): Promise<void> {
    await this.snapshots.forget(name, generation)
    if (!(await this.load(name))) await this.presence.removeAll(name)
  }
}
