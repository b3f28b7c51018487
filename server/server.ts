import { type Logger, pino } from 'pino'
import { DefaultPort } from '../protocol/index.ts'
import { createApp } from './app.ts'
import { assemble, type Parts } from './assemble.ts'
import { defaultLimits, type Limits } from './limits.ts'
import { Listener } from './listener.ts'
import { repeat } from './repeat.ts'
import { openLmdbStore } from './store/lmdb.ts'
import { openMemoryStore } from './store/memory.ts'
import type { Store } from './store/store.ts'
import { realWorld, type World } from './world.ts'
import { type Offload, workerOffload } from './yjs/offload.ts'

export interface ServerOptions {
  /** TCP port; 0 picks a free one. Default 4437. */
  readonly port?: number
  /** Address to bind. Default 127.0.0.1: there is no access control of its own, so opening it up is a decision. */
  readonly host?: string
  /** `lmdb` keeps everything in `data`, `memory` forgets it on exit. Default `lmdb`. */
  readonly store?: 'lmdb' | 'memory'
  /** The directory of the embedded store. Default `./data`. */
  readonly data?: string
  /** Origins whose pages may use this server, or `*`. Default none but its own. */
  readonly origins?: readonly string[]
  /** Bytes of log past a document's snapshot at which a new one is made. Default 1 MiB. */
  readonly compactBytes?: number
  readonly limits?: Partial<Limits>
  /** Default: none. */
  readonly logger?: Logger
  /** Answers requests that are neither protocol nor health, such as a web site's. */
  readonly site?: (request: Request) => Response | Promise<Response>
  /** Time, chance and where compaction runs, for tests. */
  readonly world?: World
  readonly offload?: Offload
}

export interface Server {
  /** `http://host:port`, without a slash at the end. */
  readonly url: string
  /** Stops: no new connections, appends under way finish, live reads end, the store is closed. Within `drainMs`. */
  close(): Promise<void>
}

const sweepMs = 10_000
const sweepLimit = 1_000

/**
 * Starts a Durable Streams server with Yjs documents.
 * @throws StoreFailure when the data directory cannot be opened; Error with `code` EADDRINUSE when the port is taken
 */
export const startServer = async (options: ServerOptions = {}): Promise<Server> => {
  const world = options.world ?? realWorld
  const logger = options.logger ?? pino({ level: 'silent' })
  const limits = { ...defaultLimits, ...options.limits }
  const store = await openStore(options, world)
  const parts = assemble({
    store,
    presenceStore: openMemoryStore({ firstGeneration: world.now() }),
    world,
    logger,
    limits,
    compactBytes: options.compactBytes ?? 1 << 20,
    graceMs: 10_000,
    offload:
      options.offload ?? workerOffload({ world, heapMb: 1_024, deadlineMs: 60_000, script: workerScript }),
  })
  let ready = true
  const app = createApp({
    ...parts,
    limits,
    world,
    logger,
    origins: options.origins ?? [],
    ready: () => ready,
    site: options.site,
  })
  const listener = new Listener(app.fetch, world)
  try {
    await listener.listen(options.port ?? DefaultPort, options.host ?? '127.0.0.1')
  } catch (error) {
    await parts.compactor.close()
    await store.close()
    throw error
  }
  const stopSweeping = repeat(world, sweepMs, () => sweep(parts, logger))

  const close = async () => {
    ready = false
    stopSweeping()
    const closed = listener.close(limits.drainMs)
    await Promise.all([parts.streams.drain(), parts.documents.presence.streams.drain()])
    await closed
    await parts.compactor.close()
    await store.close()
  }
  let closing: Promise<void> | undefined
  return {
    url: listener.url,
    close: () => {
      closing ??= close()
      return closing
    },
  }
}

/** Generations begin at the clock: a data directory that was wiped, or a memory, answers no offset of an earlier life. */
const openStore = ({ store = 'lmdb', data = './data' }: ServerOptions, world: World): Promise<Store> => {
  const firstGeneration = world.now()
  if (store === 'memory') return Promise.resolve(openMemoryStore({ firstGeneration }))
  return openLmdbStore({ directory: data, firstGeneration })
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
