import { pino } from 'pino'
import { expect } from 'vitest'
import { ErrorCode, Header, type Offset, Path, Query } from '../../protocol/index.ts'
import { type AppParts, createApp } from '../../server/app.ts'
import { assemble } from '../../server/assemble.ts'
import { defaultLimits, type Limits } from '../../server/limits.ts'
import { openMemoryStore } from '../../server/store/memory.ts'
import type { Store } from '../../server/store/store.ts'
import type { Network } from '../../server/subscriptions/network.ts'
import { type SubscriptionOptions, settleSubscriptions } from '../../server/subscriptions/settings.ts'
import { compact } from '../../server/yjs/compact.ts'
import type { Offload } from '../../server/yjs/offload.ts'
import { FakeWorld } from '../streams/world.ts'

export interface Opening {
  readonly store?: Store
  /** Where presence lives. */
  readonly presenceStore?: Store
  readonly world?: FakeWorld
  readonly limits?: Partial<Limits>
  readonly origins?: readonly string[]
  readonly ready?: () => boolean
  readonly compactBytes?: number
  readonly graceMs?: number
  readonly offload?: Offload
  readonly subscriptions?: SubscriptionOptions
  /** Where webhooks are sent. */
  readonly network?: Network
  readonly authorize?: AppParts['authorize']
  readonly trustProxy?: number
  readonly site?: AppParts['site']
}

/** Compaction in the thread of the test, one document after another. */
export const inlineOffload: Offload = {
  run: async prefix => compact(prefix),
  close: async () => undefined,
}

export interface Asked {
  readonly headers?: Record<string, string>
  readonly body?: string | Uint8Array | ReadableStream<Uint8Array>
  /** The Content-Type of the body. */
  readonly type?: string
  readonly signal?: AbortSignal
  /** The request target as it came over the wire, where a URL parser would tidy it up. */
  readonly raw?: string
}

/** The whole server without a socket, in a world of the test's own. */
export const openApp = (opening: Opening = {}) => {
  const world = opening.world ?? new FakeWorld()
  const store = opening.store ?? openMemoryStore()
  const limits: Limits = { ...defaultLimits, ...opening.limits }
  const logged: Record<string, unknown>[] = []
  const logger = pino({ level: 'debug' }, { write: line => void logged.push(JSON.parse(line)) })
  const { streams, snapshots, compactor, presence, documents, subscriptions } = assemble({
    store,
    presenceStore: opening.presenceStore ?? openMemoryStore({ firstGeneration: world.now() }),
    world,
    logger,
    limits,
    offload: opening.offload ?? inlineOffload,
    compactBytes: opening.compactBytes ?? 1 << 20,
    graceMs: opening.graceMs ?? 10_000,
    subscriptions: opening.subscriptions && settleSubscriptions(opening.subscriptions),
    network: opening.network,
  })
  const app = createApp({
    streams,
    documents,
    subscriptions,
    limits,
    world,
    logger,
    origins: opening.origins ?? [],
    ready: opening.ready ?? (() => true),
    authorize: opening.authorize,
    trustProxy: opening.trustProxy,
    site: opening.site,
  })

  /** Asks, and checks what every answer of this server has in common. */
  const send = async (method: string, target: string, asked: Asked = {}): Promise<Response> => {
    const { headers = {}, body, type, signal, raw } = asked
    const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body
    const init = {
      method,
      headers: { ...headers, ...(type !== undefined && { 'Content-Type': type }) },
      ...(bytes !== undefined && { body: bytes, duplex: 'half' }),
      ...(signal && { signal }),
    }
    const response = await app.request(target, init as RequestInit, raw === undefined ? {} : wire(raw))
    expect(response.headers.get('X-Content-Type-Options')).toBe('nosniff')
    expect(response.headers.get('Cross-Origin-Resource-Policy')).toBe('cross-origin')
    if (response.status >= 400) await checkError(response.clone(), method)
    return response
  }
  const parts = { streams, snapshots, compactor, presence, documents, subscriptions }
  return { app, world, store, ...parts, limits, logged, send }
}
export type App = ReturnType<typeof openApp>

/** What the node server would hand over of a request without a body. */
const wire = (url: string) => ({ incoming: { url, async *iterator() {} } })

const codes = new Set<string>(Object.values(ErrorCode))

const checkError = async (response: Response, method: string): Promise<void> => {
  expect(response.headers.get('Content-Type')).toBe('application/json')
  expect(response.headers.get('Cache-Control')).toBe('no-store')
  if (method === 'HEAD') return
  const { error } = (await response.json()) as { error: { code: string; message: string } }
  expect(codes).toContain(error.code)
  expect(error.message.length).toBeGreaterThan(10)
}

/** The code of an error answer. */
export const codeOf = async (response: Response): Promise<unknown> =>
  ((await response.json()) as { error: { code: unknown } }).error.code

export const stream = (name: string): string => `${Path.streams}${name}`
export const document = (path: string): string => `${Path.yjs}svc/${Path.documents}/${path}`

export const at = (target: string, query: Record<string, string>): string =>
  `${target}?${new URLSearchParams(query)}`
export const from = (target: string, offset: string, live?: string): string =>
  at(target, { [Query.offset]: offset, ...(live !== undefined && { [Query.live]: live }) })

/** The offset an answer says to go on from. */
export const nextOf = (response: Response): Offset => {
  const offset = response.headers.get(Header.nextOffset)
  if (offset === null) throw new Error('the answer has no next offset')
  return offset as Offset
}

export const producer = (epoch: number | string, seq: number | string, id = 'p'): Record<string, string> => ({
  [Header.producerId]: id,
  [Header.producerEpoch]: `${epoch}`,
  [Header.producerSeq]: `${seq}`,
})

export const closing: Record<string, string> = { [Header.closed]: 'true' }
