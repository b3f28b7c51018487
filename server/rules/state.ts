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
  /** PROTOCOL 4.2: how many forks have this stream as their source. */
  readonly refs: number
  /** PROTOCOL 4.2: soft-deleted; what is left of the stream is there for its forks alone. */
  readonly deleted: boolean
  /** PROTOCOL 4.2: of a fork. */
  readonly origin?: Origin | undefined
}

/** Where a fork comes from, and what it inherits. */
export interface Origin {
  /** The direct source, by its name and by the incarnation that counts this fork among its refs. */
  readonly source: string
  readonly generation: number
  /** How many sources lie behind this fork: 1 when its source is no fork itself. */
  readonly depth: number
  /** The incarnation at the end of that chain: the one that is no fork. */
  readonly root: number
  /** The fork point: the position where its own bytes begin. */
  readonly base: number
  /** What lies before the fork point, oldest first; none is empty. */
  readonly inherited: readonly Part[]
  /** How much it took of the append at the fork point, as it was asked for. */
  readonly subOffset: number
  /** Whether its lifetime was asked for. If not it is the source's. */
  readonly ownLifetime: boolean
}

/** Bytes that one incarnation of a stream wrote. */
export interface Part {
  readonly generation: number
  /** The position where all of that incarnation's own bytes begin. */
  readonly base: number
  readonly from: number
  readonly to: number
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
