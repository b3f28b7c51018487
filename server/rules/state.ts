/** A stream as the rules see it. Times are milliseconds since 1970, positions are bytes since the stream began. */
export interface StreamState {
  readonly generation: number
  /** The first position still readable. */
  readonly start: number
  readonly tail: number
  readonly config: StreamConfig
  /** When the stream ends unless it is used before; absent: never. */
  readonly deadline?: number | undefined
  /** PROTOCOL 4.1: durable and monotonic. */
  readonly closed: boolean
  /** The producer's batch that closed it, so that its retry is told "done" and nobody else is. */
  readonly closedBy?: ProducerBatch | undefined
  /** PROTOCOL 5.2: the greatest Stream-Seq so far. Its scope is the stream, whoever writes. */
  readonly lastSeq?: string | undefined
}

/** What a creation fixes for good (PROTOCOL 5.1). */
export interface StreamConfig {
  readonly contentType: string
  /** The sliding window, in seconds. */
  readonly ttlSeconds?: number | undefined
  /** The absolute end. */
  readonly expiresAt?: number | undefined
}

/** PROTOCOL 5.2.1: one batch of an idempotent producer. */
export interface ProducerBatch {
  readonly id: string
  readonly epoch: number
  readonly seq: number
}
