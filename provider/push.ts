import type * as Y from 'yjs'
import { type DurableStream, type Env, StreamError, uuid } from '../client/index.ts'
import { ErrorCode, Ranges, readUpdate, snapshotLimits } from '../protocol/index.ts'
import { endOfDocument } from './error.ts'
import type { Ledger } from './ledger.ts'
import type { Flight, Outbox } from './outbox.ts'

export interface PushParts {
  readonly doc: Y.Doc
  readonly stream: DurableStream
  readonly ledger: Ledger
  readonly outbox: Outbox
  readonly env: Env
  /** Something was saved, or turned out to need no saving. */
  onSaved(): void
  /** Sending goes on after a wait or, when this caller may only read, with the next session. */
  onProblem(error: StreamError): void
}

const wholeBody = 60_000 // bytes: browsers refuse keepalive requests above 64 KiB

/** Sends the outbox, one request at a time, each until its outcome is known. What is edited meanwhile shares the next one. */
export class Push {
  readonly #parts: PushParts
  #producerId: string
  #wake: () => void = () => undefined
  /** Refusals in a row because the document lacks what was sent builds on. */
  #gaps = 0

  constructor(parts: PushParts) {
    this.#parts = parts
    this.#producerId = uuid(parts.env)
  }

  /** There is something new in the outbox. */
  nudge(): void {
    this.#wake()
  }

  /**
   * Sends until `signal` fires, or until the server says that this caller may only read.
   * @throws StreamError when the server refused for good; the outbox keeps what was not saved
   */
  async run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) {
        const flight = this.#take()
        if (flight) await this.#send(flight, signal)
        else await this.#nudged(signal)
      }
    } catch (error) {
      if (!(error instanceof StreamError) || !readOnly.has(error.code)) throw error
      this.#parts.onProblem(error)
    }
  }

  /** One last request that may outlive the page; its retry, should the page come back, is byte for byte the same. */
  flush(): void {
    const flight = this.#take()
    if (!flight || flight.body.length > wholeBody) return
    this.#parts.stream
      .append(flight.body, { producer: this.#producer(flight), keepalive: true, retry: false })
      .catch(() => undefined)
  }

  #take(): Flight | undefined {
    const { outbox, ledger, doc, onSaved } = this.#parts
    const before = outbox.saved
    const flight = outbox.take(() => ledger.missing(doc))
    if (outbox.saved && !before) onSaved()
    return flight
  }

  async #send(flight: Flight, signal: AbortSignal): Promise<void> {
    const { stream, outbox, ledger, env, onSaved, onProblem } = this.#parts
    try {
      await stream.append(flight.body, {
        producer: this.#producer(flight),
        signal,
        retry: { attempts: Number.POSITIVE_INFINITY },
        onRetry: onProblem,
      })
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof StreamError && forgotten.has(error.code)) {
        this.#producerId = uuid(env)
        outbox.restart(env.now())
        throw error
      }
      if (error instanceof StreamError && this.#canMend(error)) {
        outbox.recall(env.now())
        onProblem(error)
        return
      }
      throw (error instanceof StreamError && endOfDocument(error)) || error
    }
    this.#gaps = 0
    for (const update of flight.updates) ledger.add(readUpdate(update, snapshotLimits))
    outbox.settle()
    onSaved()
  }

  /** The document on the server lacks what was sent builds on: the difference is then more than was thought. */
  #canMend(error: StreamError): boolean {
    if (error.code !== ErrorCode.causalGap) return false
    const missing = missingOf(error)
    return this.#parts.ledger.lacks(missing, this.#parts.doc) && !missing.isEmpty && ++this.#gaps <= mostGaps
  }

  #producer({ seq }: Flight) {
    return { id: this.#producerId, epoch: 0, seq }
  }

  #nudged(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const done = () => {
        signal.removeEventListener('abort', done)
        this.#wake = () => undefined
        resolve()
      }
      this.#wake = done
      signal.addEventListener('abort', done)
    })
  }
}

/** Whoever may not write may still read. */
const readOnly: ReadonlySet<string> = new Set<string>([ErrorCode.readOnly, ErrorCode.forbidden])

/** The server lists so many ranges at a time; a document that lacks more than this many lists is not the one edited here. */
const mostGaps = 100

/** What a CAUSAL_GAP refusal lists. */
const missingOf = ({ details }: StreamError): Ranges => {
  const missing = new Ranges()
  const listed = details.error?.['missing']
  for (const range of Array.isArray(listed) ? listed : []) {
    const { client, clock, length } = range as Record<string, unknown>
    if (isCount(client) && isCount(clock) && isCount(length) && Number.isSafeInteger(clock + length)) {
      missing.add(client, clock, length)
    }
  }
  return missing
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/**
 * The server lost its memory of this producer: a restart without a disk, years of absence, or another document of the same
 * name by now. Which of them, only reading on can tell.
 */
export const forgotten: ReadonlySet<string> = new Set<string>([
  ErrorCode.producerGap,
  ErrorCode.producerFenced,
])
