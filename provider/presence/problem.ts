import type { StreamErrorCode } from '../../client/index.ts'

/** What can be wrong with presence beyond what a server refuses. Nothing of it stops the provider. */
export const PresenceCode = {
  /** The local awareness state is too large for the server, or is no JSON: others go on seeing the last one that was neither. */
  stateUnsendable: 'PRESENCE_STATE_UNSENDABLE',
  /** More clients are present than are taken in; some are not seen here. Told once. */
  crowded: 'PRESENCE_CROWDED',
  /** An observer of the awareness threw while others’ states were taken in. The states are in. */
  observerFailed: 'PRESENCE_OBSERVER_FAILED',
} as const
export type PresenceCode = (typeof PresenceCode)[keyof typeof PresenceCode]

/** An observer of the app threw: its affair, and not the end of presence. */
export const observerThrew = (cause: unknown): PresenceProblem => ({
  code: PresenceCode.observerFailed,
  message: 'an observer of the awareness threw as others’ states were taken in; the states are in',
  cause,
})

/** @param chars of the state as JSON; undefined when it is none */
export const unsendable = (client: number, chars: number | undefined, cause: unknown): PresenceProblem => {
  const what =
    chars === undefined ? 'is no JSON' : `of ${chars} characters as JSON is too large for the server`
  const message = `the awareness state of client ${client} ${what}; others go on seeing the last one that could be sent. Keep less in it.`
  return { code: PresenceCode.stateUnsendable, message, cause }
}

export interface PresenceProblem {
  readonly code: PresenceCode | StreamErrorCode
  readonly message: string
  readonly cause?: unknown
}
