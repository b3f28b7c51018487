import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startServer } from 'durable-streams-yjs/server'
import type { FromServer, ToServer } from './own-server.ts'

/**
 * The server of a replay, as a process of its own: a durable store in a fresh directory, removed when the parent lets go or
 * dies. The only argument is the compaction threshold in bytes.
 */
const tell = (message: FromServer): void => void process.send?.(message)

const letGo = new Promise<void>(resolve => process.once('disconnect', resolve))
// Ctrl-C reaches the whole group; the parent decides when this ends.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined)

const compactBytes = Number(process.argv[2])
const data = await mkdtemp(join(tmpdir(), 'replay-'))
try {
  const server = await startServer({ port: 0, data, compactBytes })
  const before = process.cpuUsage()
  process.on('message', (message: ToServer) => {
    if (message !== 'usage') return
    const { user, system } = process.cpuUsage(before)
    tell({ cpuMs: (user + system) / 1_000, rssBytes: process.memoryUsage.rss() })
  })
  tell({ url: server.url, data })
  await letGo
  await server.close()
} finally {
  await rm(data, { recursive: true })
}
process.exit()
