import type { Env } from '../../client/index.ts'
import type { FlightLog } from './local-store.ts'

/** Some browsers' databases hang. Sending waits no longer than this for what is kept of a request. */
const mostMs = 2_000

/**
 * A store's flights, for somebody who must go on: a flight that is not kept by then is not known to the next visit, which
 * finds in the log whether it arrived.
 */
export const patient = (store: FlightLog, env: Pick<Env, 'sleep'>): FlightLog => {
  const waitFor = async (work: Promise<void>): Promise<void> => {
    const over = new AbortController()
    await Promise.race([work, env.sleep(mostMs, over.signal)])
    over.abort()
  }
  return {
    keepFlight: flight => waitFor(store.keepFlight(flight)),
    dropFlight: (producerId, seq) => waitFor(store.dropFlight(producerId, seq)),
  }
}
