import type * as Y from 'yjs'
import { ClientCode, type DurableStream, type LinkState, StreamError } from '../client/index.ts'
import { ErrorCode, namesSnapshot, type Offset, Query, Sentinel, type Transport } from '../protocol/index.ts'
import { documentReset, endOfDocument, type ProviderError } from './error.ts'
import type { Ledger } from './ledger.ts'
import { apply, type Entries, entriesOfLog, entriesOfSnapshot } from './log.ts'
import { forgotten } from './push.ts'

export interface PullParts {
  readonly doc: Y.Doc
  readonly stream: DurableStream
  readonly ledger: Ledger
  /** The origin of the transactions that apply remote changes. */
  readonly origin: unknown
  readonly live: Transport
  readonly create: boolean
  onLink(state: LinkState): void
  onProblem(problem: ProviderError): void
}

/** Reads a document's log: the snapshot, what follows it, and what is appended from then on. */
export class Pull {
  readonly #parts: PullParts
  /** How far the log was read; kept while the provider lives, so that coming back costs only what is new. */
  #offset: Offset | undefined
  #known = false

  constructor(parts: PullParts) {
    this.#parts = parts
  }

  /** The next run reads everything again, to see whether the document is still the one that was read. */
  startOver(): void {
    this.#offset = undefined
  }

  /**
   * Follows the log until `signal` fires or the log is closed.
   * @throws StreamError | ProviderError when asking again is of no use
   */
  async run(signal: AbortSignal): Promise<void> {
    const { stream, live, onLink } = this.#parts
    while (!signal.aborted) {
      const resumed = this.#offset !== undefined
      const offset = this.#offset ?? (await this.#join(signal))
      if (offset === undefined) return
      try {
        for await (const batch of stream.follow({ offset, resumed, live, signal, onLink })) {
          this.#apply(entriesOfLog(batch.bytes))
          this.#offset = batch.next
        }
        return
      } catch (error) {
        // What was trimmed is in the snapshot; what belongs to another life of the document is not ours to merge.
        if (!(error instanceof StreamError)) throw error
        const ended = endOfDocument(error)
        if (ended || error.code !== ErrorCode.offsetExpired) throw ended ?? error
        this.#offset = undefined
      }
    }
  }

  /** Snapshot discovery (YJS 9.1), creating the document if there is none. Undefined when `signal` fired. */
  async #join(signal: AbortSignal): Promise<Offset | undefined> {
    const { stream, create, ledger, onLink } = this.#parts
    const options = {
      signal,
      retry: { attempts: Number.POSITIVE_INFINITY },
      onRetry: (error: StreamError, delayMs: number) => onLink({ phase: 'waiting', error, delayMs }),
    }
    for (let fresh = false; !signal.aborted; ) {
      try {
        const { bytes, next, url, upToDate } = await stream.read({
          ...options,
          offset: Sentinel.snapshot,
          ...(fresh && { cache: 'reload' as const }),
        })
        const found = new URL(url).searchParams.get(Query.offset) ?? ''
        const isSnapshot = namesSnapshot(found)
        const read = isSnapshot ? entriesOfSnapshot(bytes) : entriesOfLog(bytes)
        if ((isSnapshot || upToDate) && !ledger.recognises(read.entries.map(({ summary }) => summary)))
          throw documentReset()
        this.#apply(read)
        this.#known = true
        return next
      } catch (error) {
        if (signal.aborted) return undefined
        if (!(error instanceof StreamError)) throw error
        if (error.code === ErrorCode.snapshotNotFound && !fresh) {
          fresh = true // superseded between the redirect and the read; a cached redirect would lead here again
          continue
        }
        if (this.#known) throw endOfDocument(error) ?? error
        if (error.status !== 404 || !create) throw error
        await stream.create(options)
        fresh = true
      }
    }
    return undefined
  }

  #apply(read: Entries): void {
    const { doc, ledger, origin, onProblem } = this.#parts
    for (const problem of apply(doc, ledger, origin, read)) onProblem(problem)
  }
}

/** After these an offset does not tell whether the document is still the one that was read; its content does. */
export const doubtful: ReadonlySet<string> = new Set<string>([...forgotten, ClientCode.wentBack])
