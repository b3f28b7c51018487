/** A service of the Yjs protocol that is to be tested. */
export interface Service {
  /** Its documents are at `<baseUrl>/docs/<path>`. */
  readonly baseUrl: string
  /** Bytes of log past the last snapshot at which it makes another. */
  readonly compactBytes: number
}

/** What the suite has to know of, and to do with, the server that it is pointed at. Webhooks may go to 127.0.0.1. */
export interface Target extends Service {
  /** How long a long-poll waits. */
  readonly longPollMs: number
  /** The same with another threshold. */
  readonly other: Service
  /** The same for those alone who send this in `Authorization`. */
  readonly guarded: { readonly baseUrl: string; readonly authorization: string }
  /** Lets this much time pass for the server. */
  pass(ms: number): void
  /** How many compactions have been under way at once, at most, since this was asked last. */
  mostCompactions(): number
}

/** The target once it runs: for tests that are declared before. */
export type Targeted = () => Target
