import type { Env } from '../../client/index.ts'
import type { FlightLog } from './local-store.ts'
import { within } from './within.ts'

/** Sending waits no longer than this for what is kept of a request. */
const mostMs = 2_000

/**
 * A store's flights, for somebody who must go on: a flight that is not kept by then is not known to the next visit, which
 * finds in the log whether it arrived.
 */
export const patient = (store: FlightLog, env: Pick<Env, 'sleep'>): FlightLog => {
  return {
    keepFlight: flight => within(mostMs, store.keepFlight(flight), env),
    dropFlight: (producerId, seq) => within(mostMs, store.dropFlight(producerId, seq), env),
  }
}
