/** Every bound this process has, with its reason. Each can be set; what happens at the limit is written beside it. */
export interface Limits {
  /** Bytes of one request body; above: 413 and the connection is closed. */
  readonly bodyBytes: number
  /** Bytes of one catch-up answer, unless a single append is larger; the reader comes back for more. */
  readonly readBytes: number
  /** Live readers of one stream; above: 503 with Retry-After, never a longer queue. */
  readonly readersPerStream: number
  /** Bytes waiting for one slow live reader; above: nothing more is queued, it catches up from the store. */
  readonly backlogBytes: number
  /** How long such a reader may take nothing at all; then it is cut and resumes from its offset. */
  readonly stallMs: number
  /** Wait of one long-poll; below the 30 s after which some proxies cut an idle request. */
  readonly longPollMs: number
  /** Life of one SSE answer, so that caches can collapse readers (PROTOCOL 10.2). */
  readonly sseMs: number
  /** Silence on an SSE answer before a comment is sent; three fit into the 45 s a client waits. */
  readonly heartbeatMs: number
  /** From SIGTERM to exit: appends finish, live readers are released. */
  readonly drainMs: number
  /** Bytes of a decoded stream name; names are keys of the store. */
  readonly nameBytes: number
  /** Frames of one document POST: each is decoded before the POST is stored. */
  readonly framesPerPost: number
  /** Clients remembered in all to tell what an update builds on, about 100 bytes each; documents beyond are read again. */
  readonly causalClients: number
  /** Bytes of one awareness POST; presence is small, and every reader gets all of it. */
  readonly awarenessBodyBytes: number
  /** Awareness streams of one document; each lives in memory. */
  readonly awarenessPerDocument: number
  /** Bytes kept of one awareness stream; older ones are forgotten, a reader behind them joins anew. */
  readonly awarenessBytes: number
}

export const defaultLimits: Limits = {
  bodyBytes: 8 << 20,
  readBytes: 1 << 20,
  readersPerStream: 10_000,
  backlogBytes: 64 << 10,
  stallMs: 30_000,
  longPollMs: 25_000,
  sseMs: 60_000,
  heartbeatMs: 15_000,
  drainMs: 10_000,
  nameBytes: 512,
  framesPerPost: 1_000,
  causalClients: 1_000_000,
  awarenessBodyBytes: 64 << 10,
  awarenessPerDocument: 16,
  awarenessBytes: 256 << 10,
}
