/**
 * The one file in which a protocol name is written as a string. `PROTOCOL` is the Durable Streams protocol, `YJS` its
 * Yjs extension; the numbers are their sections. Header names compare without regard to case.
 */

/** PROTOCOL 13.2, and 5.2.1 for the producer headers. */
export const Header = {
  nextOffset: 'Stream-Next-Offset',
  upToDate: 'Stream-Up-To-Date',
  closed: 'Stream-Closed',
  cursor: 'Stream-Cursor',
  seq: 'Stream-Seq',
  ttl: 'Stream-TTL',
  expiresAt: 'Stream-Expires-At',
  forkedFrom: 'Stream-Forked-From',
  forkOffset: 'Stream-Fork-Offset',
  forkSubOffset: 'Stream-Fork-Sub-Offset',
  sseEncoding: 'Stream-SSE-Data-Encoding',
  producerId: 'Producer-Id',
  producerEpoch: 'Producer-Epoch',
  producerSeq: 'Producer-Seq',
  producerExpectedSeq: 'Producer-Expected-Seq',
  producerReceivedSeq: 'Producer-Received-Seq',
  webhookSignature: 'Webhook-Signature',
} as const

/** This server's own. Of a roster: how long ago each of its frames was heard, as `formatAges` says. */
export const OwnHeader = { awarenessAges: 'Awareness-Ages' } as const

/**
 * PROTOCOL 5.6 to 5.8; `awareness` is YJS 5.5. `basis` is this server's: of updates that are posted to a document, the offset up to
 * which their sender had read it.
 */
export const Query = {
  offset: 'offset',
  live: 'live',
  cursor: 'cursor',
  awareness: 'awareness',
  basis: 'basis',
} as const

/** PROTOCOL 5.7, 5.8. `true` is the older spelling of "the server picks", still sent by some clients. */
export const Live = { longPoll: 'long-poll', sse: 'sse', serverPicks: 'true' } as const
export type Transport = typeof Live.longPoll | typeof Live.sse

/** PROTOCOL 8; `snapshot` is YJS 6. */
export const Sentinel = { start: '-1', tail: 'now', snapshot: 'snapshot' } as const

/** PROTOCOL 5.8: the two kinds of event and the fields of a control event. */
export const SseEvent = { data: 'data', control: 'control' } as const
export const Control = {
  nextOffset: 'streamNextOffset',
  cursor: 'streamCursor',
  upToDate: 'upToDate',
  closed: 'streamClosed',
} as const
export const SseEncoding = { base64: 'base64' } as const

export const ContentType = {
  binary: 'application/octet-stream',
  json: 'application/json',
  keySet: 'application/jwk-set+json',
  eventStream: 'text/event-stream',
} as const

/** The value of every header that is present or absent (PROTOCOL 4.1). */
export const Present = 'true'

/** Where each protocol lives on this server; the same scheme as the reference servers'. */
export const Path = { streams: '/v1/stream/', yjs: '/v1/yjs/', documents: 'docs' } as const

/** PROTOCOL 6: a path segment no application stream may use. */
export const ReservedSegment = '__ds'

/** PROTOCOL 6 and 7: what lies below the reserved segment, and what is asked of one subscription. */
export const ControlPath = { subscriptions: 'subscriptions', keys: 'jwks.json' } as const
export const SubscriptionAction = {
  streams: 'streams',
  callback: 'callback',
  claim: 'claim',
  ack: 'ack',
  release: 'release',
} as const

/** PROTOCOL 6.2: how a subscription's worker is told. */
export const Delivery = { webhook: 'webhook', pullWake: 'pull-wake' } as const
export type Delivery = (typeof Delivery)[keyof typeof Delivery]

/** PROTOCOL 6.1: how a subscription came to a stream. */
export const LinkType = { glob: 'glob', explicit: 'explicit' } as const
export type LinkType = (typeof LinkType)[keyof typeof LinkType]

/** PROTOCOL 6.3: `failed` while a retry is scheduled. */
export const SubscriptionStatus = { active: 'active', failed: 'failed' } as const
export type SubscriptionStatus = (typeof SubscriptionStatus)[keyof typeof SubscriptionStatus]

/** YJS 5.11: the last segment of the stream that tells of a document's snapshots, and what subscribers of it ask for. */
export const IndexSegment = '.index'
export const SnapshotEvent = 'snapshot.available'

/** YJS 5.5: the awareness stream that every document has. */
export const DefaultAwareness = 'default'

/** PROTOCOL 13.1. */
export const DefaultPort = 4437

/**
 * The `code` of an error answer, `{ "error": { "code", "message" } }`. YJS 10 names the first six; the rest are this
 * server's. Codes are stable; messages are for people and may change.
 */
export const ErrorCode = {
  invalidRequest: 'INVALID_REQUEST',
  unauthorized: 'UNAUTHORIZED',
  snapshotNotFound: 'SNAPSHOT_NOT_FOUND',
  documentNotFound: 'DOCUMENT_NOT_FOUND',
  offsetExpired: 'OFFSET_EXPIRED',
  rateLimited: 'RATE_LIMITED',
  streamNotFound: 'STREAM_NOT_FOUND',
  streamClosed: 'STREAM_CLOSED',
  streamDeleted: 'STREAM_DELETED',
  forkTooDeep: 'FORK_TOO_DEEP',
  configMismatch: 'CONFIG_MISMATCH',
  contentTypeMismatch: 'CONTENT_TYPE_MISMATCH',
  sequenceRegression: 'SEQUENCE_REGRESSION',
  producerFenced: 'PRODUCER_FENCED',
  producerGap: 'PRODUCER_GAP',
  malformedUpdate: 'MALFORMED_UPDATE',
  causalGap: 'CAUSAL_GAP',
  bodyTooLarge: 'BODY_TOO_LARGE',
  headTooLarge: 'HEAD_TOO_LARGE',
  requestTimeout: 'REQUEST_TIMEOUT',
  unsupportedEncoding: 'UNSUPPORTED_ENCODING',
  methodNotAllowed: 'METHOD_NOT_ALLOWED',
  notFound: 'NOT_FOUND',
  tooManyReaders: 'TOO_MANY_READERS',
  subscriptionNotFound: 'SUBSCRIPTION_NOT_FOUND',
  subscriptionExists: 'SUBSCRIPTION_ALREADY_EXISTS',
  subscriptionLimit: 'SUBSCRIPTION_LIMIT',
  webhookUrlRejected: 'WEBHOOK_URL_REJECTED',
  tokenInvalid: 'TOKEN_INVALID',
  tokenExpired: 'TOKEN_EXPIRED',
  fenced: 'FENCED',
  alreadyClaimed: 'ALREADY_CLAIMED',
  noPendingWork: 'NO_PENDING_WORK',
  invalidOffset: 'INVALID_OFFSET',
  shuttingDown: 'SHUTTING_DOWN',
  storageFull: 'STORAGE_FULL',
  internal: 'INTERNAL_ERROR',
  forbidden: 'FORBIDDEN',
  readOnly: 'READ_ONLY',
  accessUnknown: 'ACCESS_UNKNOWN',
} as const
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode]
