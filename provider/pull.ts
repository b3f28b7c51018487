import {
  type DurableStream,
  type Env,
  type LinkState,
  type LiveMode,
  type ReadOptions,
  type ReadResult,
  StreamError,
} from '../client/index.ts'
import { ErrorCode, namesSnapshot, type Offset, Query, Ranges, Sentinel } from '../protocol/index.ts'
import { isReset } from './condition.ts'
import { documentReset, endOfDocument } from './error.ts'
import { type Entries, entriesOfLog, entriesOfSnapshot } from './log.ts'
import type { Replica } from './replica.ts'
import { Rounds } from './rounds.ts'

export interface PullParts {
  readonly replica: Replica
  readonly stream: DurableStream
  readonly env: Env
  readonly live: LiveMode
  readonly create: boolean
  onLink(state: LinkState): void
  /** These updates were read and are about to be in the document; the log goes on at `next`. */
  onRead(updates: readonly Uint8Array[], next: Offset): void
}

interface Read {
  readonly read: Entries
  /** Where the log goes on. */
  readonly next: Offset
}

/** Far more than joining a log takes that is trimmed or created meanwhile: with the waits, half a minute or so. */
const mostRestarts = 11

/** Reads a document's log: the snapshot, what follows it, and what is appended from then on. */
export class Pull {
  readonly #parts: PullParts

  constructor(parts: PullParts) {
    this.#parts = parts
  }

  /**
   * Follows the log until `signal` fires or the log is closed.
   * @throws StreamError | ProviderError when asking again is of no use
   */
  async run(signal: AbortSignal): Promise<void> {
    const { stream, env, live, onLink, replica } = this.#parts
    const rounds = new Rounds(env)
    while (!signal.aborted) {
      const resumed = replica.offset !== undefined
      const offset = replica.offset ?? (await this.#join(rounds, signal))
      if (offset === undefined) return
      try {
        for await (const { bytes, next } of stream.follow({ offset, resumed, live, signal, onLink })) {
          this.#read(entriesOfLog(bytes), next)
        }
        return
      } catch (error) {
        // What was trimmed is in the snapshot; what belongs to another life of the document is not ours to merge.
        if (!(error instanceof StreamError)) throw error
        const ended = endOfDocument(error)
        if (ended || error.code !== ErrorCode.offsetExpired) throw ended ?? error
        replica.startOver()
        await this.#next(rounds, error, signal)
      }
    }
  }

  /** Snapshot discovery (YJS 9.1), creating the document if there is none. Undefined when `signal` fired. */
  async #join(rounds: Rounds, signal: AbortSignal): Promise<Offset | undefined> {
    const { stream, create, replica, onLink } = this.#parts
    const options = {
      signal,
      retry: { attempts: Number.POSITIVE_INFINITY },
      onRetry: (error: StreamError, delayMs: number) => onLink({ phase: 'waiting', error, delayMs }),
    }
    for (let restarts = 0; !signal.aborted; restarts++) {
      const isFirst = restarts === 0
      const isLast = restarts === mostRestarts
      try {
        const answer = await stream.read({
          ...options,
          offset: Sentinel.snapshot,
          ...(!isFirst && { cache: 'reload' as const }), // a cached redirect would lead to the same place again
        })
        const found = new URL(answer.url).searchParams.get(Query.offset) ?? ''
        const begun = namesSnapshot(found) ? entriesOfSnapshot(answer.bytes) : entriesOfLog(answer.bytes)
        const reads = await this.#identify({ ...answer, read: begun }, options)
        for (const { read, next } of reads) this.#read(read, next)
        return reads.at(-1)?.next
      } catch (error) {
        if (signal.aborted) return undefined
        if (!(error instanceof StreamError)) throw error
        const isTrimmed = error.code === ErrorCode.offsetExpired && !isReset(error)
        const isMoved = isTrimmed || error.code === ErrorCode.snapshotNotFound
        if (!isMoved || isLast) {
          if (replica.known) throw endOfDocument(error) ?? error
          if (error.status !== 404 || !create || isLast) throw error
          await stream.create(options)
        }
        await this.#next(rounds, error, signal)
      }
    }
    return undefined
  }

  /**
   * Reads on until it is sure that this is the document which was read before: what it is known by may be newer than its
   * snapshot. Nothing of another one may get into the Y.Doc.
   * @throws ProviderError DOCUMENT_RESET
   */
  async #identify(
    begun: Read & Pick<ReadResult, 'upToDate'>,
    options: ReadOptions,
  ): Promise<readonly Read[]> {
    const { stream, replica } = this.#parts
    const structs = new Ranges()
    const isKnown = ({ read }: Read) => {
      for (const { summary } of read.entries) structs.addAll(summary.structs)
      return replica.ledger.recognises(structs)
    }
    const reads: Read[] = [begun]
    if (isKnown(begun)) return reads
    if (begun.upToDate) throw documentReset()
    for await (const { bytes, next } of stream.catchUp({ ...options, offset: begun.next })) {
      const more = { read: entriesOfLog(bytes), next }
      reads.push(more)
      if (isKnown(more)) return reads
    }
    throw documentReset()
  }

  /** Resolves when it is time to ask anew, after `error`. */
  async #next(rounds: Rounds, error: StreamError, signal: AbortSignal): Promise<void> {
    const { onLink } = this.#parts
    await rounds.next(signal, delayMs => onLink({ phase: 'waiting', error, delayMs }))
  }

  #read(read: Entries, next: Offset): void {
    const { replica, onRead } = this.#parts
    // First, so that other tabs have what was read before what an observer here makes of it.
    onRead(
      read.entries.map(({ update }) => update),
      next,
    )
    replica.read(read, next)
  }
}
