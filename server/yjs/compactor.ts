import type { Logger } from 'pino'
import type { Place } from '../../protocol/index.ts'
import type { StreamState } from '../rules/state.ts'
import { Batch } from '../streams/batch.ts'
import type { Streams } from '../streams/streams.ts'
import type { World } from '../world.ts'
import { type DocumentName, logStream } from './names.ts'
import type { Offload } from './offload.ts'
import type { Snapshots } from './snapshots.ts'

export interface CompactorOptions {
  readonly streams: Streams
  readonly snapshots: Snapshots
  readonly offload: Offload
  readonly world: World
  readonly logger: Logger
  /** Bytes of log past the snapshot at which a new one is made. */
  readonly compactBytes: number
  /** How long a superseded snapshot stays readable for clients already sent to it. */
  readonly graceMs: number
  /** How often a document may fail before it is left alone; it stays readable and writable from its log. */
  readonly mostFailures: number
}

interface Failure {
  readonly count: number
  /** Where the log ended, and in which life of the document. */
  readonly at: Place
}

/**
 * Makes snapshots when a document's log has grown past its last one by a threshold. What is due is told from the log and
 * the pointer alone, so a restart forgets nothing; what is kept here only avoids doing the same work twice at once.
 */
export class Compactor {
  readonly #options: CompactorOptions
  readonly #running = new Map<string, Promise<void>>()
  readonly #failures = new Map<string, Failure>()
  readonly #pruning = new Set<() => void>()
  #closed = false

  constructor(options: CompactorOptions) {
    this.#options = options
  }

  /** Starts a compaction if one is due. Cheap when none is; never throws, never waits. */
  consider(name: DocumentName, tail: number): void {
    const key = logStream(name)
    if (this.#closed || tail < this.#options.compactBytes || this.#running.has(key)) return
    const running = this.#compactIfDue(name, key)
      .catch(error => this.#options.logger.error({ err: error }, 'a document could not be looked at'))
      .finally(() => this.#running.delete(key))
    this.#running.set(key, running)
  }

  /** Resolves when no compaction is under way. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values())
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const cancel of this.#pruning) cancel()
    await this.#options.offload.close()
    await this.settled()
  }

  async #compactIfDue(name: DocumentName, key: string): Promise<void> {
    const found = await this.#options.snapshots.current(name)
    if (!found) return
    const { state, pointer } = found
    const { generation, tail: position } = state
    const from = pointer?.position ?? 0
    if (position - from < this.#options.compactBytes) return
    const place = { generation, position }
    if (this.#isQuarantined(key, place)) return
    try {
      await this.#compact(name, state, pointer && { generation, position: from })
      this.#failures.delete(key)
    } catch (error) {
      this.#failed(key, place, error)
    }
  }

  /** Makes the snapshot of the log as it is in `state`, on top of the one at `base`. */
  async #compact(name: DocumentName, state: StreamState, base: Place | undefined): Promise<void> {
    const { snapshots, offload, logger, world } = this.#options
    const began = world.steady()
    const { generation } = state
    const tail = await this.#readTail(logStream(name), state, base?.position ?? 0)
    const snapshot = base && (await snapshots.read(name, base))
    // Removed, or overtaken by another process, in the meantime.
    if (!tail || (base && !snapshot)) return
    const bytes = await offload.run({ snapshot, tail })
    const place = { generation, position: state.tail }
    if (!(await snapshots.publish(name, place, bytes))) return
    const ms = Math.round(world.steady() - began)
    logger.info({ generation, logBytes: tail.length, snapshotBytes: bytes.length, ms }, 'compacted')
    this.#pruneLater(name, place)
  }

  async #readTail(key: string, state: StreamState, from: number): Promise<Uint8Array | undefined> {
    const parts: Uint8Array[] = []
    for (let position = from; position < state.tail; ) {
      const batch = await this.#options.streams.slice(key, state, position)
      if (!(batch instanceof Batch)) return undefined
      // A slice may reach past the tail this snapshot is named by; its records are whole appends.
      for (const record of batch.records) {
        if (position < state.tail) parts.push(record)
        position += record.length
      }
    }
    return Buffer.concat(parts)
  }

  #pruneLater(name: DocumentName, keep: Place): void {
    const { world, snapshots, graceMs, logger } = this.#options
    const cancel = world.after(graceMs, () => {
      this.#pruning.delete(cancel)
      snapshots
        .prune(name, keep)
        .catch(error => logger.error({ err: error }, 'old snapshots could not be removed'))
    })
    this.#pruning.add(cancel)
  }

  #failureOf(key: string, { generation }: Place): Failure | undefined {
    const failure = this.#failures.get(key)
    return failure?.at.generation === generation ? failure : undefined
  }

  #isQuarantined(key: string, place: Place): boolean {
    const failure = this.#failureOf(key, place)
    if (!failure) return false
    return (
      failure.count >= this.#options.mostFailures ||
      place.position - failure.at.position < this.#options.compactBytes
    )
  }

  #failed(key: string, at: Place, error: unknown): void {
    if (this.#closed) return
    const count = (this.#failureOf(key, at)?.count ?? 0) + 1
    this.#failures.set(key, { count, at })
    const fate =
      count >= this.#options.mostFailures
        ? 'it is left uncompacted until restart'
        : 'it is tried again when it has grown'
    this.#options.logger.error({ err: error, count }, `a document could not be compacted; ${fate}`)
  }
}
