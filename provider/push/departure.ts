import { type DurableStream, type Env, uuid } from '../../client/index.ts'
import { encodeFrames } from '../../protocol/index.ts'
import type { FlightLog, StoredFlight } from '../local/local-store.ts'
import type { Replica } from '../replica.ts'
import { postUpdates } from './post-updates.ts'

export interface DepartureParts {
  readonly replica: Replica
  readonly stream: DurableStream
  readonly env: Env
  /** Undefined where nothing is kept in the browser. */
  flightLog(): FlightLog | undefined
  /** Of an earlier visit, with its outcome not known: it is repeated, and what is newer waits. */
  inherited(): StoredFlight | undefined
  /** What is in flight, or is to be sent next. */
  take(): StoredFlight | undefined
}

const wholeBody = 60_000 // bytes: browsers refuse keepalive requests above 64 KiB

/**
 * Last requests that may outlive the page; their retries, should the page come back, are byte for byte the same. They are sent
 * before anything was read in a session, too: they say what they build on, so a later life of the document refuses them.
 */
export const depart = ({ replica, stream, env, flightLog, inherited, take }: DepartureParts): void => {
  let left = wholeBody
  const send = (flight: StoredFlight) => {
    if (flight.body.length > left) return
    left -= flight.body.length
    postUpdates(stream, flight, { keepalive: true, retry: false }).catch(() => undefined)
  }
  const unknown = inherited()
  if (unknown) {
    send(unknown)
    return
  }
  const flight = take()
  if (!flight) return
  void flightLog()?.keepFlight(flight)
  send(flight)
  // What was typed since that request began has no answer to wait for. All that is unsaved goes, in whatever order the two
  // arrive: a server keeps what it has not got.
  const all = replica.outbox.waits ? replica.missing() : undefined
  if (all) send({ producerId: uuid(env), seq: 0, body: encodeFrames([all]), basis: replica.basis })
}
