import { type DurableStream, type Env, StreamError, uuid } from '../client/index.ts'
import { decodeFrames, ErrorCode, encodeFrames, Ranges } from '../protocol/index.ts'
import { isReset, verdictOn } from './condition.ts'
import { endOfDocument, type ProviderError, refusalOf } from './error.ts'
import type { LocalStore, StoredFlight } from './local/local-store.ts'
import type { Flight } from './outbox.ts'
import { Packing, type Refused } from './packing.ts'
import type { Replica } from './replica.ts'
import type { Standing } from './unsaved.ts'

/** Where a flight is kept until its outcome is known, so that the next visit can ask for it. */
export type FlightLog = Pick<LocalStore, 'keepFlight' | 'dropFlight'>

export interface PushParts {
  readonly replica: Replica
  readonly stream: DurableStream
  readonly env: Env
  /** Undefined where nothing is kept in the browser. */
  flightLog(): FlightLog | undefined
  /** The server keeps these updates, or it turned out that nothing had to be sent. */
  onSaved(updates: readonly Uint8Array[]): void
  /** The server lacks what it was thought to hold. */
  onLacking(): void
  /** Sending goes on after a wait, or without what the error is about. */
  onProblem(error: StreamError | ProviderError): void
  /** How sending goes, as was last told; maybe of another tab's. */
  standing(): Standing
  onStanding(standing: Standing): void
}

const wholeBody = 60_000 // bytes: browsers refuse keepalive requests above 64 KiB

/** Sends the outbox, one request at a time, each until its outcome is known. What is edited meanwhile shares the next one. */
export class Push {
  readonly #parts: PushParts
  #producerId: string
  #wake: () => void = () => undefined
  /** Refusals in a row because the document lacks what was sent builds on. */
  #gaps = 0
  /** Of earlier visits, and of tabs that died: their outcome is not known. */
  #inherited: readonly StoredFlight[] = []
  readonly #packing: Packing
  /** What was told to stay behind already: by client and clock. */
  readonly #told = new Set<string>()
  /** Updates refused for what is in them, in this session. */
  #refusals = 0
  /** Why nothing was taken the last time. */
  #refusal: string | undefined
  /** The last refusal because a request was too large. */
  #tooLarge: StreamError | undefined

  constructor(parts: PushParts) {
    this.#parts = parts
    this.#producerId = uuid(parts.env)
    this.#packing = new Packing(refused => this.#leaveBehind(refused, 'too-large', this.#tooLarge))
  }

  /** There is something new in the outbox. */
  nudge(): void {
    this.#wake()
  }

  /** Requests of others whose outcome must be known before anything else is sent. */
  inherit(flights: readonly StoredFlight[]): void {
    this.#inherited = flights.filter(({ producerId }) => producerId !== this.#producerId)
  }

  /** Another tab sends from now on. What is in flight here may arrive or not: it is part of the difference again. */
  handOver(): void {
    const { replica, env } = this.#parts
    this.#producerId = uuid(env)
    replica.outbox.restart(env.now())
  }

  /**
   * Sends until `signal` fires. What is refused now may be taken later, when the caller may write or the server was mended:
   * it is tried again now and then, and whenever the person comes back.
   * @throws StreamError | ProviderError when the server refused for good; the outbox keeps what was not saved
   */
  async run(signal: AbortSignal): Promise<void> {
    const { env } = this.#parts
    this.#packing.forget()
    this.#refusals = 0
    while (!signal.aborted) {
      try {
        await this.#settleInherited(signal)
        while (!signal.aborted) {
          const flight = this.#take()
          if (flight) await this.#send(flight, signal)
          else await this.#nudged(signal)
        }
      } catch (error) {
        if (!(error instanceof StreamError) || forgotten.has(error.code)) throw error
        const refusal = endOfDocument(error) ?? refusalOf(error, 'append')
        if (refusal.fatal) throw refusal
        this.#refused(refusal)
        await env.sleep(refusedMs, signal)
      }
    }
  }

  /** Last requests that may outlive the page; their retries, should the page come back, are byte for byte the same. */
  flush(): void {
    const { flightLog, replica, env } = this.#parts
    // Where the outcome of an earlier request is not known yet, that one is repeated, and what is newer waits.
    const [inherited] = this.#inherited
    if (inherited) return void this.#depart(inherited, wholeBody)
    const flight = this.#stored(this.#take())
    if (!flight) return
    void flightLog()?.keepFlight(flight)
    const left = this.#depart(flight, wholeBody)
    // What was typed since that request began has no answer to wait for. All that is unsaved goes, in whatever order the two
    // arrive: a server keeps what it has not got.
    const all = replica.outbox.waits ? replica.missing() : undefined
    if (all) this.#depart({ producerId: uuid(env), seq: 0, body: encodeFrames([all]) }, left)
  }

  /** @returns how many bytes more may leave like this */
  #depart({ producerId: id, seq, body }: StoredFlight, mostBytes: number): number {
    if (body.length > mostBytes) return mostBytes
    this.#parts.stream
      .append(body, { producer: { id, epoch: 0, seq }, keepalive: true, retry: false })
      .catch(() => undefined)
    return mostBytes - body.length
  }

  /** What others left in flight is sent as they sent it, unless the log that was read shows that it arrived. */
  async #settleInherited(signal: AbortSignal): Promise<void> {
    const { replica, stream, onProblem, onSaved, flightLog } = this.#parts
    for (const { producerId, seq, body } of this.#inherited) {
      const updates = decodeFrames(body)
      if (!updates.every(update => replica.holds(update))) {
        try {
          await stream.append(body, {
            producer: { id: producerId, epoch: 0, seq },
            signal,
            retry: { attempts: Number.POSITIVE_INFINITY },
            onRetry: onProblem,
          })
          replica.acknowledge(updates)
          onSaved(updates)
        } catch (error) {
          if (signal.aborted) return
          // It is in the document, and so in the difference that is sent next.
          if (!(error instanceof StreamError) || !error.refused || isReadOnly(error)) throw error
          if (verdictOn(error, 'append').fatal) throw error
        }
      }
      await flightLog()?.dropFlight(producerId, seq)
      this.#inherited = this.#inherited.slice(1)
    }
  }

  #take(): Flight | undefined {
    const { replica, onSaved } = this.#parts
    const { outbox } = replica
    const before = outbox.saved
    const flight = outbox.take(
      () => replica.missing(),
      update => this.#packing.pack(update),
    )
    if (outbox.saved && this.#parts.standing() !== 'read-only') this.#stand('sending')
    if (outbox.saved && !before) onSaved([])
    return flight
  }

  async #send(flight: Flight, signal: AbortSignal): Promise<void> {
    const { stream, replica, env, onSaved, onProblem, onLacking, flightLog } = this.#parts
    const { outbox } = replica
    try {
      // First kept, then sent: a visit that ends in between is not known to have sent it, and it may have arrived.
      const { seq, body } = flight
      await flightLog()?.keepFlight({ producerId: this.#producerId, seq, body })
      if (signal.aborted) return
      await stream.append(flight.body, {
        producer: this.#producer(flight),
        signal,
        retry: { attempts: Number.POSITIVE_INFINITY },
        onRetry: error => {
          if (this.#parts.standing() === 'sending') this.#stand('waiting')
          onProblem(error)
        },
      })
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof StreamError && forgotten.has(error.code)) {
        await this.#drop(flight)
        this.#producerId = uuid(env)
        outbox.restart(env.now())
        throw error
      }
      if (error instanceof StreamError && (await this.#canMend(error, signal))) {
        onLacking()
        outbox.recall(env.now())
        onProblem(error)
        return
      }
      if (error instanceof StreamError && this.#canDoWithout(error, flight)) {
        await this.#drop(flight)
        return
      }
      throw error
    }
    this.#gaps = 0
    this.#refusal = undefined
    replica.acknowledge(flight.updates)
    outbox.settle()
    this.#stand(this.#packing.keepsBack ?? 'sending')
    onSaved(flight.updates)
    if (!outbox.busy) await this.#drop(flight) // otherwise the next one takes its place
  }

  async #drop({ seq }: Flight): Promise<void> {
    await this.#parts.flightLog()?.dropFlight(this.#producerId, seq)
  }

  /** The document on the server lacks what was sent builds on: the difference is then more than was thought. */
  async #canMend(error: StreamError, signal: AbortSignal): Promise<boolean> {
    if (error.code !== ErrorCode.causalGap) return false
    await this.#lookAgain(signal)
    if (signal.aborted) return false
    const missing = missingOf(error)
    const { ledger, doc } = this.#parts.replica
    return ledger.lacks(missing, doc) && !missing.isEmpty && ++this.#gaps <= mostGaps
  }

  /** Another document of the same name lacks everything, and must not get it. @throws StreamError when there is another, or none */
  async #lookAgain(signal: AbortSignal): Promise<void> {
    const { stream, replica } = this.#parts
    const { offset } = replica
    if (offset === undefined) return
    try {
      await stream.read({ offset, signal, retry: { attempts: Number.POSITIVE_INFINITY } })
    } catch (error) {
      const isTrimmed =
        error instanceof StreamError && error.code === ErrorCode.offsetExpired && !isReset(error)
      if (!isTrimmed && !signal.aborted) throw error
    }
  }

  /** Whether sending goes on with less: in smaller requests, or without what is refused. */
  #canDoWithout(error: StreamError, { updates }: Flight): boolean {
    const { replica, env } = this.#parts
    const [update] = updates
    if (!update) return false
    if (verdictOn(error, 'append').condition === 'too-large') {
      if (!this.#packing.shrink(update, error)) return false
      this.#tooLarge = error
    } else {
      if (!ofContent.has(error.code)) return false
      const smaller = this.#packing.divide(update)
      if (smaller) {
        replica.outbox.divide(smaller)
        return true
      }
      if (++this.#refusals > mostRefusals) return false
      const refused = this.#packing.refuse(update)
      if (!refused) return false
      this.#leaveBehind(refused, 'rejected', error)
    }
    replica.outbox.recall(env.now())
    return true
  }

  #leaveBehind(refused: Refused, standing: 'too-large' | 'rejected', error: StreamError | undefined): void {
    this.#stand(standing)
    const keys = refused.ranges.map(({ client, clock }) => `${client} ${clock}`)
    if (!error || keys.every(key => this.#told.has(key))) return
    for (const key of keys) this.#told.add(key)
    this.#parts.onProblem(refusalOf(error, 'append', refused))
  }

  /** Told once, however often the same is refused again. */
  #refused(refusal: ProviderError): void {
    this.#stand(refusal.condition === 'readonly' ? 'read-only' : 'rejected')
    if (this.#refusal === refusal.code) return
    this.#refusal = refusal.code
    this.#parts.onProblem(refusal)
  }

  #stand(standing: Standing): void {
    const { standing: told, onStanding } = this.#parts
    if (told() !== standing) onStanding(standing)
  }

  #stored(flight: Flight | undefined): StoredFlight | undefined {
    return flight && { producerId: this.#producerId, seq: flight.seq, body: flight.body }
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
const isReadOnly = (error: StreamError): boolean => verdictOn(error, 'append').condition === 'readonly'

/** Refusals for what is in a request, so that a part of it may be taken. */
const ofContent: ReadonlySet<string> = new Set<string>([ErrorCode.malformedUpdate, ErrorCode.invalidRequest])

/** So many single edits are left behind in a session; a server that refuses more refuses everything. */
const mostRefusals = 8

const refusedMs = 300_000 // between tries of what is refused: rights change seldom, and the person coming back ends the wait

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
