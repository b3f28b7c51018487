import { type Logger, pino } from 'pino'
import { DefaultPort } from '../protocol/index.ts'
import { connectionCounter } from './access/connections.ts'
import type { Authorize } from './access/question.ts'
import { createApp } from './app.ts'
import { assemble, type Parts } from './assemble.ts'
import { type Limits, settleLimits } from './limits.ts'
import { type Certificate, contextOf } from './listen/certificate.ts'
import { Listener } from './listen/listener.ts'
import { repeat } from './repeat.ts'
import { openLmdbStore } from './store/lmdb.ts'
import { openMemoryStore } from './store/memory.ts'
import type { Store } from './store/store.ts'
import { type SubscriptionOptions, settleSubscriptions } from './subscriptions/settings.ts'
import { realWorld, type World } from './world.ts'
import { type Offload, workerOffload } from './yjs/offload.ts'

export interface ServerOptions {
  /** TCP port; 0 picks a free one. Default 4437. */
  readonly port?: number
  /** Address to bind. Default 127.0.0.1: without `authorize` everybody who reaches it may do everything. */
  readonly host?: string
  /** `lmdb` keeps everything in `data`, `memory` forgets it on exit. Default `lmdb`. */
  readonly store?: 'lmdb' | 'memory'
  /** The directory of the embedded store. Default `./data`. */
  readonly data?: string
  /** Origins whose pages may use this server, or `*`. Default none but its own. */
  readonly origins?: readonly string[]
  /** Serves HTTP/2 and HTTP/1.1 over TLS with this certificate. Default: HTTP/1.1 without TLS. */
  readonly tls?: Certificate | undefined
  /** Bytes of log past a document's snapshot at which a new one is made. Default 1 MiB. */
  readonly compactBytes?: number
  /** Bounds other than the defaults; `docs/limits.md` has them all. */
  readonly limits?: Partial<Limits>
  /** Default: none. */
  readonly logger?: Logger
  /** Switches subscriptions, and with them webhooks, on (PROTOCOL 6 and 7). Default: off. */
  readonly subscriptions?: SubscriptionOptions | undefined
  /** Who may do what under `/v1/`, such as `jwtAuthorize(…)`; `docs/access.md`. Default: everybody everything. */
  readonly authorize?: Authorize | undefined
  /** How many proxies in front add to `X-Forwarded-For`, so that it tells whose address counts. Default 0: not believed. */
  readonly trustProxy?: number
  /** Answers requests that are neither protocol nor health, such as a web site's. Not asked for by `authorize`. */
  readonly site?: (request: Request) => Response | Promise<Response>
  /** Time, chance and where compaction runs, for tests. */
  readonly world?: World
  readonly offload?: Offload
}

export interface Server {
  /** `http://host:port`, or https, without a slash at the end. */
  readonly url: string
  /**
   * Connections from now on get this certificate; those that are there keep theirs.
   * @throws CertificateError when it cannot be used, or the server was started without: everything stays as it is
   */
  renewCertificate(certificate: Certificate): void
  /** Stops: no new connections, appends under way finish, live reads end, the store is closed. Within `drainMs`. */
  close(): Promise<void>
}

const sweepMs = 10_000
const sweepLimit = 1_000

/**
 * Starts a Durable Streams server with Yjs documents.
 * @throws StoreFailure when the data directory cannot be opened; Error with `code` EADDRINUSE when the port is taken;
 * RangeError when a limit cannot be what it was set to; CertificateError when the certificate cannot be used
 */
export const startServer = async (options: ServerOptions = {}): Promise<Server> => {
  const world = options.world ?? realWorld
  const logger = options.logger ?? pino({ level: 'silent' })
  const limits = settleLimits(options.limits)
  if (options.tls) contextOf(options.tls)
  const { trustProxy = 0 } = options
  const subscriptions = options.subscriptions && settleSubscriptions(options.subscriptions)
  const store = await openStore(options, world, limits.storeBytes)
  const parts = assemble({
    store,
    presenceStore: openMemoryStore({ firstGeneration: world.now() }),
    world,
    logger,
    limits,
    compactBytes: options.compactBytes ?? 1 << 20,
    graceMs: limits.snapshotGraceMs,
    offload:
      options.offload ??
      workerOffload({
        world,
        heapMb: limits.compactHeapMb,
        deadlineMs: limits.compactMs,
        script: workerScript,
      }),
    subscriptions,
  })
  await parts.recover()
  let ready = true
  const app = createApp({
    ...parts,
    limits,
    world,
    logger,
    origins: options.origins ?? [],
    ready: () => ready,
    authorize: options.authorize,
    trustProxy,
    site: options.site,
  })
  const listener = new Listener({
    fetch: app.fetch,
    world,
    limits,
    mayStay: connectionCounter(limits, trustProxy),
    certificate: options.tls,
  })
  try {
    await listener.listen(options.port ?? DefaultPort, options.host ?? '127.0.0.1')
  } catch (error) {
    await parts.compactor.close()
    await store.close()
    throw error
  }
  void parts.subscriptions?.start(listener.url)
  const stopSweeping = repeat(world, sweepMs, () => sweep(parts, logger))

  const close = async () => {
    ready = false
    stopSweeping()
    const closed = listener.close(limits.drainMs)
    await Promise.all([
      parts.streams.drain(),
      parts.documents.presence.streams.drain(),
      parts.subscriptions?.close(limits.drainMs),
    ])
    await closed
    await parts.compactor.close()
    await store.close()
  }
  let closing: Promise<void> | undefined
  return {
    url: listener.url,
    renewCertificate: certificate => listener.renew(certificate),
    close: () => {
      closing ??= close()
      return closing
    },
  }
}

/** Generations begin at the clock: a data directory that was wiped, or a memory, answers no offset of an earlier life. */
const openStore = (
  { store = 'lmdb', data = './data' }: ServerOptions,
  world: World,
  mapBytes: number,
): Promise<Store> => {
  const firstGeneration = world.now()
  if (store === 'memory') return Promise.resolve(openMemoryStore({ firstGeneration }))
  return openLmdbStore({ directory: data, firstGeneration, mapBytes })
}

const workerScript = new URL('./yjs/compaction-worker.js', import.meta.url)

const sweep = async ({ streams, documents }: Parts, logger: Logger): Promise<void> => {
  try {
    await streams.sweep(sweepLimit)
    await documents.presence.sweep(sweepLimit)
  } catch (error) {
    logger.error({ err: error }, 'expired streams could not be removed')
  }
}
