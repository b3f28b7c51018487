import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe } from 'vitest'
import { type Server, type ServerOptions, startServer } from '../../../server/index.ts'
import { realWorld, type World } from '../../../server/world.ts'
import { compact } from '../../../server/yjs/compact.ts'
import type { Offload } from '../../../server/yjs/offload.ts'
import { runYjsConformanceTests } from './suite.ts'
import type { Target } from './target.ts'

const longPollMs = 1_000
const authorization = 'Bearer the-right-one'

/** The suite over real ports and a real store. Its webhooks are received on the loopback address. */
export const yjsConformance = (store: 'memory' | 'lmdb') =>
  describe(`${store} store`, () => {
    let ahead = 0
    const world: World = { ...realWorld, now: () => realWorld.now() + ahead }
    const gauge = new Gauge()
    const servers: Server[] = []
    let folder: string
    let target: Target

    const start = async (compactBytes: number, options: ServerOptions = {}) => {
      const server = await startServer({
        port: 0,
        store,
        data: join(folder, `${servers.length}`),
        compactBytes,
        limits: { longPollMs, snapshotGraceMs: 300 },
        subscriptions: { webhookAllow: ['127.0.0.1'] },
        world,
        offload: gauge,
        ...options,
      })
      servers.push(server)
      return { baseUrl: `${server.url}/v1/yjs/conformance`, compactBytes }
    }

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'yjs-conformance-'))
      const authorize: ServerOptions['authorize'] = ({ request }) =>
        request.headers.get('Authorization') === authorization ? 'allow' : 'deny'
      target = {
        ...(await start(20_000)),
        longPollMs,
        other: await start(2_000),
        guarded: { ...(await start(20_000, { authorize })), authorization },
        pass: ms => {
          ahead += ms
        },
        mostCompactions: () => gauge.most(),
      }
    })
    afterAll(async () => {
      for (const server of servers) await server.close()
      await rm(folder, { recursive: true })
    })

    runYjsConformanceTests(() => target)
  })

/** Compaction in this thread, in its own time, and how much of it there is at once. */
class Gauge implements Offload {
  #running = 0
  #most = 0

  async run(prefix: Parameters<Offload['run']>[0]): Promise<Uint8Array> {
    this.#most = Math.max(this.#most, ++this.#running)
    try {
      await new Promise<void>(resolve => setImmediate(resolve))
      return compact(prefix)
    } finally {
      this.#running--
    }
  }

  async close(): Promise<void> {}

  most(): number {
    const most = this.#most
    this.#most = this.#running
    return most
  }
}
