import { type Env, StreamError, uuid } from '../../client/index.ts'
import { forgotten } from '../condition.ts'
import { endOfDocument, type ProviderError, refusalOf } from '../error.ts'
import type { StoredFlight } from '../local/local-store.ts'
import { Nudge } from '../nudge.ts'
import type { Flight } from '../outbox.ts'
import type { Standing } from '../unsaved.ts'
import { depart } from './departure.ts'
import { Gap } from './gap.ts'
import { Inherited, type InheritedParts } from './inherited.ts'
import { Lessening } from './lessening.ts'
import { postUpdates } from './post-updates.ts'

export interface PushParts extends InheritedParts {
  readonly env: Env
  /** The server lacks what it was thought to hold. */
  onLacking(): void
  /** Sending goes on after a wait, or without what the error is about. */
  onProblem(error: StreamError | ProviderError): void
  /** How sending goes, as was last told; maybe of another tab's. */
  standing(): Standing
  onStanding(standing: Standing): void
}

/** Sends the outbox, one request at a time, each until its outcome is known. What is edited meanwhile shares the next one. */
export class Push {
  readonly #parts: PushParts
  readonly #inherited: Inherited
  readonly #gap: Gap
  readonly #lessening: Lessening
  #producerId: string
  readonly #nudge = new Nudge()
  /** Why nothing was taken the last time. */
  #refusal: string | undefined

  constructor(parts: PushParts) {
    this.#parts = parts
    this.#producerId = uuid(parts.env)
    this.#inherited = new Inherited(parts)
    this.#gap = new Gap(parts.replica, parts.stream)
    this.#lessening = new Lessening({ ...parts, onKeptBack: why => this.#stand(why) })
  }

  /** There is something new in the outbox. */
  nudge(): void {
    this.#nudge.give()
  }

  /** Requests of others whose outcome must be known before anything else is sent. */
  inherit(flights: readonly StoredFlight[]): void {
    this.#inherited.take(flights.filter(({ producerId }) => producerId !== this.#producerId))
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
    this.#lessening.begin()
    while (!signal.aborted) {
      try {
        await this.#inherited.settle(signal)
        while (!signal.aborted) {
          const flight = this.#take()
          if (flight) await this.#send(flight, signal)
          else if (!this.#parts.replica.outbox.busy) await this.#nudge.wait(signal)
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

  /** The page may be going: what is unsaved leaves at once, if it is small enough. */
  flush(): void {
    depart({
      ...this.#parts,
      inherited: () => this.#inherited.next,
      take: () => {
        const flight = this.#take()
        return flight && this.#request(flight)
      },
    })
  }

  #take(): Flight | undefined {
    const { replica, onSaved } = this.#parts
    const { outbox } = replica
    const before = outbox.saved
    const flight = outbox.take(
      () => replica.missing(),
      update => this.#lessening.pack(update),
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
      const request = this.#request(flight)
      await flightLog()?.keepFlight(request)
      if (signal.aborted) return
      await postUpdates(stream, request, {
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
      if (error instanceof StreamError && (await this.#gap.canMend(error, signal))) {
        onLacking()
        outbox.recall(env.now())
        onProblem(error)
        return
      }
      if (signal.aborted) return
      if (error instanceof StreamError && this.#lessening.canDoWithout(error, flight)) {
        await this.#drop(flight)
        return
      }
      throw error
    }
    this.#gap.close()
    this.#refusal = undefined
    replica.acknowledge(flight.updates)
    outbox.settle()
    this.#stand(this.#lessening.keepsBack ?? 'sending')
    onSaved(flight.updates)
    if (!outbox.busy) await this.#drop(flight) // otherwise the next one takes its place
  }

  /** What it builds on is the life of the document that was read last, for all of its retries. */
  #request({ seq, body }: Flight): StoredFlight {
    return { producerId: this.#producerId, seq, body, basis: this.#parts.replica.basis }
  }

  async #drop({ seq }: Flight): Promise<void> {
    await this.#parts.flightLog()?.dropFlight(this.#producerId, seq)
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
}

const refusedMs = 300_000 // between tries of what is refused: rights change seldom, and the person coming back ends the wait
