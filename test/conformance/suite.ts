import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runConformanceTests } from '@durable-streams/server-conformance-tests'
import { afterAll, beforeAll, describe } from 'vitest'
import { type Server, startServer } from '../../server/index.ts'

/** The public suite over a real port and a real store. Its webhooks are received on the loopback address. */
export const conformance = (store: 'memory' | 'lmdb') =>
  describe(`${store} store`, () => {
    const config = { baseUrl: '', longPollTimeoutMs: 2_000, subscriptions: true }
    let data: string
    let server: Server

    beforeAll(async () => {
      data = await mkdtemp(join(tmpdir(), 'conformance-'))
      server = await startServer({
        port: 0,
        store,
        data,
        limits: { longPollMs: config.longPollTimeoutMs },
        subscriptions: { webhookAllow: ['127.0.0.1'] },
      })
      config.baseUrl = server.url
    })
    afterAll(async () => {
      await server.close()
      await rm(data, { recursive: true })
    })

    runConformanceTests(config)
  })
