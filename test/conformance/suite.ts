import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runConformanceTests } from '@durable-streams/server-conformance-tests'
import { afterAll, beforeAll, beforeEach, describe } from 'vitest'
import { type Server, startServer } from '../../server/index.ts'

/** Groups of the suite for what this server does not serve yet. They are left out whole; no single test is. */
const unserved = /^Fork - /

/**
 * The public suite over a real port and a real store. Its group "Reserved subscription APIs" is switched by an option of
 * its own and off.
 */
export const conformance = (store: 'memory' | 'lmdb') =>
  describe(`${store} store`, () => {
    const config = { baseUrl: '', longPollTimeoutMs: 2_000 }
    let data: string
    let server: Server

    beforeAll(async () => {
      data = await mkdtemp(join(tmpdir(), 'conformance-'))
      server = await startServer({ port: 0, store, data, limits: { longPollMs: config.longPollTimeoutMs } })
      config.baseUrl = server.url
    })
    afterAll(async () => {
      await server.close()
      await rm(data, { recursive: true })
    })
    beforeEach(({ task, skip }) => {
      skip(unserved.test(task.suite?.name ?? ''), 'forks are not served yet')
    })

    runConformanceTests(config)
  })
