/**
 * What a request would do.
 * - `create`: PUT of a stream or document; also of one that is there already
 * - `read`: GET and HEAD, of presence too; and of the source of a fork
 * - `write`: POST, closing included
 * - `presence`: PUT and POST of an awareness stream
 * - `delete`: DELETE, of an awareness stream too
 * - `subscribe`: everything about subscriptions (PROTOCOL 6), which hear of every stream of their service
 */
export const actions = ['create', 'read', 'write', 'presence', 'delete', 'subscribe'] as const
export type Action = (typeof actions)[number]

/**
 * May this request do this? Names are decoded once and have no empty segment: decide by them, not by the URL. A request
 * that names nothing this server has is asked about too, with no name set.
 */
export interface AccessQuestion {
  readonly action: Action
  /** The first segment after `/v1/yjs/` or `/v1/stream/`. Undefined for subscriptions above all services. */
  readonly service: string | undefined
  /** The document's path within its service. */
  readonly document: string | undefined
  /** The stream's path, its service included. */
  readonly stream: string | undefined
  /** The awareness stream of `document` that the request is about, if it is. */
  readonly awareness: string | undefined
  /** The subscription's id within `service`; empty when the request names none. */
  readonly subscription: string | undefined
  /** `url` is the target as it came, path and query. Credentials are in `headers`. */
  readonly request: { readonly method: string; readonly url: string; readonly headers: Headers }
  /** The address the request came from, behind as many proxies as the server was told of. */
  readonly address: string
  /** Fires when the answer comes too late to count. */
  readonly signal: AbortSignal
}

/**
 * - `allow`
 * - `read-only`: allows `read` and refuses everything else, 403 READ_ONLY
 * - `deny`: refuses; 403 FORBIDDEN when `caller` says that somebody is known, else 401 UNAUTHORIZED: other credentials help
 */
export const verdicts = ['allow', 'read-only', 'deny'] as const
export type Verdict = (typeof verdicts)[number]

export interface Decision {
  readonly verdict: Verdict
  /** Who asks. Rate limits count by it, or else by address. */
  readonly caller?: string | undefined
  /** When an `allow` or `read-only` ends, in milliseconds since 1970: a live answer ends then. */
  readonly expiresAt?: number | undefined
  /** Why not, told to the client. */
  readonly reason?: string | undefined
}

/**
 * Asked before anything is looked up, for every request to `/v1/`, and again while a live answer is open. What throws,
 * takes too long or answers something else is a 503, never an `allow`.
 */
export type Authorize = (question: AccessQuestion) => Verdict | Decision | Promise<Verdict | Decision>
