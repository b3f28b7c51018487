import { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import { type Env, type HeaderFunction, type HeaderRecord, settleEnv } from '../client/index.ts'
import { Live, Path, type Transport } from '../protocol/index.ts'

export interface ProviderOptions {
  /** The service: `https://host/v1/yjs/<service>`. Default: `/v1/yjs/default` on the page's own origin. */
  readonly url?: string | URL
  /** The document's path within the service, of A-Z a-z 0-9 _ - and slashes. Default: `doc.guid`. */
  readonly name?: string
  /** Presence. Default: an `Awareness` of its own; false for none. */
  readonly awareness?: Awareness | false
  /** Sent with every request. A function is asked before each one, and once more when the answer is 401. */
  readonly headers?: HeaderRecord | HeaderFunction
  /** How updates arrive. Default `sse`; `long-poll` where something in between holds event streams back. */
  readonly live?: Transport
  /** Whether to create the document when there is none. Default true. */
  readonly create?: boolean
  /** Whether to connect at once. Default true. */
  readonly connect?: boolean
  /** Time, chance and network, for tests. */
  readonly env?: Partial<Env>
}

/** The options, once and for all: nothing behind this asks for a default again. */
export interface Settings {
  readonly url: URL
  readonly headers: HeaderRecord | HeaderFunction
  readonly awareness: Awareness | undefined
  /** Whether the awareness was made here, and so ends with the provider. */
  readonly ownsAwareness: boolean
  readonly live: Transport
  readonly create: boolean
  readonly env: Env
}

/** @throws TypeError without a page and without `url`, or for a URL that is not http */
export const settle = (doc: Y.Doc, given: ProviderOptions): Settings => {
  const base = globalThis.location?.href
  if (given.url === undefined && base === undefined) {
    throw new TypeError(
      'outside a browser, `url` must say where the service is: https://host/v1/yjs/<service>',
    )
  }
  const service = new URL(given.url ?? `${Path.yjs}default`, base)
  const name = given.name ?? doc.guid
  const url = new URL(service)
  url.pathname = `${service.pathname.replace(/\/+$/, '')}/${Path.documents}/${name.split('/').map(encodeURIComponent).join('/')}`
  return {
    url,
    headers: given.headers ?? {},
    awareness: given.awareness === false ? undefined : (given.awareness ?? new Awareness(doc)),
    ownsAwareness: given.awareness === undefined,
    live: given.live ?? Live.sse,
    create: given.create ?? true,
    env: settleEnv(given.env),
  }
}
