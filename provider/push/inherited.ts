import { type DurableStream, StreamError } from '../../client/index.ts'
import { decodeFrames } from '../../protocol/index.ts'
import { verdictOn } from '../condition.ts'
import type { FlightLog, StoredFlight } from '../local/local-store.ts'
import type { Replica } from '../replica.ts'
import { postUpdates } from './post-updates.ts'

export interface InheritedParts {
  readonly replica: Replica
  readonly stream: DurableStream
  /** Undefined where nothing is kept in the browser. */
  flightLog(): FlightLog | undefined
  /** The server keeps these updates. */
  onSaved(updates: readonly Uint8Array[]): void
  /** Something failed, and will be tried again. */
  onProblem(error: StreamError): void
}

/** Requests of earlier visits, and of tabs that died, whose outcome is not known. */
export class Inherited {
  readonly #parts: InheritedParts
  #flights: readonly StoredFlight[] = []

  constructor(parts: InheritedParts) {
    this.#parts = parts
  }

  take(flights: readonly StoredFlight[]): void {
    this.#flights = flights
  }

  /** The one to be sent next. Where it does not say what it builds on, it is what was read here. */
  get next(): StoredFlight | undefined {
    const [flight] = this.#flights
    return flight && { ...flight, basis: flight.basis ?? this.#parts.replica.basis }
  }

  /**
   * Each is sent as it was sent before, unless the log that was read shows that it arrived.
   * @throws StreamError for a refusal that is not about what is in it
   */
  async settle(signal: AbortSignal): Promise<void> {
    const { replica, stream, flightLog, onSaved, onProblem } = this.#parts
    for (let flight = this.next; flight; flight = this.next) {
      const updates = decodeFrames(flight.body)
      if (!updates.every(update => replica.holds(update))) {
        try {
          await postUpdates(stream, flight, {
            signal,
            retry: { attempts: Number.POSITIVE_INFINITY },
            onRetry: onProblem,
          })
          replica.acknowledge(updates)
          onSaved(updates)
          replica.reconsider() // the difference that was owed had it too
        } catch (error) {
          if (signal.aborted) return
          // It is in the document, and so in the difference that is sent next.
          if (!(error instanceof StreamError) || !error.refused || isAboutAsker(error)) throw error
        }
      }
      await flightLog()?.dropFlight(flight.producerId, flight.seq)
      this.#flights = this.#flights.slice(1)
    }
  }
}

/** Whoever may not write may still read; and what ends everything is not about one request. */
const isAboutAsker = (error: StreamError): boolean => {
  const { condition, fatal } = verdictOn(error, 'append')
  return fatal || condition === 'readonly'
}
