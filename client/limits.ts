/** Every bound and interval of the client, with its reason. Those a caller may change are options of the same name. */
export const limits = {
  /** A request without the head of an answer for this long is taken for lost. */
  timeoutMs: 30_000,
  /** A live link on which nothing came is taken for dead; servers say something every 30 s or sooner. */
  silenceMs: 45_000,
  /** The first wait after a failure is random below this. */
  baseMs: 250,
  /** No wait is random above this. */
  capMs: 30_000,
  /** The longest wait a server may ask for: a wrong clock must not silence a client for a year. */
  retryAfterMs: 3_600_000,
  /** How often a single request is sent at most: at most eight seconds of waiting before the caller is told. */
  attempts: 6,
  /** Failures are forgotten after a link has worked this long, so one that dies every second is not hammered. */
  healthyMs: 5_000,
  /** A live answer that ended sooner and brought nothing counts as a failure. */
  shortLinkMs: 1_000,
  /** How often `baseMs` is doubled where many clients may have lost their links at one instant: they spread over a second. */
  doublings: 2,
  /** Nobody waits longer than this, or than twice the time that the link has been lost for: an outage has no long tail. */
  lostMs: 4_000,
  /** A link that a server ended after about a minute was due (PROTOCOL 5.8). At another time many may have been ended with it. */
  dueMs: [45_000, 75_000],
  /** An event stream says something at once. After this long without a byte a plain read is sent after it. */
  firstByteMs: 3_000,
  /** By how much that read has to be quicker. */
  graceMs: 1_000,
  /** An event stream that did not last so long, and brought nothing, speaks against event streams. */
  steadyMs: 10_000,
  /** For how long event streams are avoided where they did not get through. */
  rememberMs: 600_000,
  /** A second look at them takes no longer. */
  lookMs: 60_000,
  /** How often in a row a stream may end before what was read of it, until that is taken for the truth: some seconds. */
  timesBack: 6,
  /** Characters of one server-sent event: half of what the engines can hold in one string. */
  eventChars: 2 ** 28,
  /** Bytes of an error answer that are looked at. */
  problemBytes: 65_536,
  /** Bytes that a producer joins into one request: what a server takes in one POST. A larger append goes alone. */
  joinBytes: 1_000_000,
} as const
