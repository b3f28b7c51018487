import { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import { automatic, type HeaderFunction, type HeaderRecord, type LiveMode } from '../client/index.ts'
import { Path } from '../protocol/index.ts'
import { settleWorld, type World } from './world.ts'

export interface ProviderOptions {
  /** The service: `https://host/v1/yjs/<service>`. Default: `/v1/yjs/default` on the page's own origin. */
  readonly url?: string | URL
  /** The document's path within the service, of A-Z a-z 0-9 _ - and slashes. Default: `doc.guid`. */
  readonly name?: string
  /** Presence. Default: an `Awareness` of its own; false for none. */
  readonly awareness?: Awareness | false
  /** Sent with every request. A function is asked before each one, and once more when the answer is 401. */
  readonly headers?: HeaderRecord | HeaderFunction
  /** How updates arrive. Default `auto`: server-sent events, and `long-poll` where something in between holds those back. */
  readonly live?: LiveMode
  /** Whether to create the document when there is none. Default true. */
  readonly create?: boolean
  /** Whether to connect at once. Default true. */
  readonly connect?: boolean
  /**
   * Whether the document is kept in the browser (IndexedDB): it opens without the server, and edits made without it survive
   * a reload. Default false.
   */
  readonly offline?: boolean
  /** Whether the tabs of this origin that have the document open share one connection. Default true, where they can. */
  readonly tabs?: boolean
  /** Whose data it is: what is kept in the browser, and connections of tabs, are shared within one account alone. */
  readonly account?: string
  /**
   * Whether subdocuments that are loaded are kept in step too: each is a document below this one's path, and has a provider
   * of its own. Default false.
   */
  readonly subdocs?: boolean
  /**
   * Whether the live connection takes turns with those of other providers that do, where a browser allows but six to a
   * server (HTTP/1.1). Default false; subdocuments do.
   */
  readonly turns?: boolean
  /** Whether the browser asks before a page with unsaved edits is closed. Default false. */
  readonly guard?: boolean
  /** Time, chance and network, and what tabs share, for tests. */
  readonly env?: Partial<World>
}

/** The options, once and for all: nothing behind this asks for a default again. */
export interface Settings {
  readonly url: URL
  readonly name: string
  readonly headers: HeaderRecord | HeaderFunction
  readonly awareness: Awareness | undefined
  /** Whether the awareness was made here, and so ends with the provider. */
  readonly ownsAwareness: boolean
  readonly live: LiveMode
  readonly create: boolean
  /** Of what tabs share and what is kept: one for each document and account. */
  readonly shared: string
  readonly offline: boolean
  readonly tabs: boolean
  readonly subdocs: boolean
  readonly turns: boolean
  readonly guard: boolean
  readonly env: World
}

/** Of what tabs say to each other and of what is kept: pages of another version leave it alone. */
const version = 1

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
    name,
    headers: given.headers ?? {},
    awareness: given.awareness === false ? undefined : (given.awareness ?? new Awareness(doc)),
    ownsAwareness: given.awareness === undefined,
    live: given.live ?? automatic,
    create: given.create ?? true,
    shared: ['durable-streams-yjs', version, url.href, ...(given.account ? [given.account] : [])].join(' '),
    offline: given.offline ?? false,
    tabs: given.tabs ?? true,
    subdocs: given.subdocs ?? false,
    turns: given.turns ?? false,
    guard: given.guard ?? false,
    env: settleWorld(given.env),
  }
}
