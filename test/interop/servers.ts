import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DurableStreamTestServer } from '@durable-streams/server'
import { YjsServer } from '@durable-streams/y-durable-streams/server'
import { type Server, type ServerOptions, startServer } from '../../server/index.ts'
import { realWorld } from '../../server/world.ts'
import { workerOffload } from '../../server/yjs/offload.ts'
import { lastingPort } from '../process/launch.ts'
import { builtWorker } from '../yjs/built-worker.ts'

/** Bytes of log after which either server compacts: a few edits. */
export const compactBytes = 400

const longPollMs = 1_000

/** A server on a port that stays its own while it is away. */
export interface Restartable {
  readonly url: string
  start(): Promise<void>
  stop(): Promise<void>
  /** Stops it and removes what it kept. */
  close(): Promise<void>
}

/** This server, started. */
export const ours = async (store: 'memory' | 'lmdb'): Promise<Restartable> => {
  const data = await mkdtemp(join(tmpdir(), 'interop-'))
  const port = await lastingPort(Math.random)
  let server: Server | undefined
  const options = (): ServerOptions => ({
    port,
    store,
    data,
    compactBytes,
    limits: { longPollMs },
    offload: workerOffload({ world: realWorld, heapMb: 256, deadlineMs: 30_000, script: builtWorker() }),
  })
  const stop = async () => {
    await server?.close()
    server = undefined
  }
  const start = async () => {
    server = await startServer(options())
  }
  await start()
  return {
    url: `http://127.0.0.1:${port}`,
    start,
    stop,
    close: async () => {
      await stop()
      await rm(data, { recursive: true })
    },
  }
}

/** The published stream server, and the published Yjs server in front of it, which alone keeps nothing. */
export interface Published extends Restartable {
  /** Of the stream server. */
  readonly streams: string
}

/** Both started; over a `file` the stream server keeps what it was given, in `memory` all is lost when it stops. */
export const published = async (store: 'memory' | 'file' = 'memory'): Promise<Published> => {
  const dataDir = store === 'file' ? await mkdtemp(join(tmpdir(), 'interop-')) : undefined
  const ports = { streams: await lastingPort(Math.random), yjs: await lastingPort(Math.random) }
  const streams = `http://127.0.0.1:${ports.streams}`
  let running: readonly [DurableStreamTestServer, YjsServer] | undefined
  const start = async () => {
    const longPollTimeout = longPollMs
    running = [
      new DurableStreamTestServer({ port: ports.streams, longPollTimeout, ...(dataDir && { dataDir }) }),
      new YjsServer({ port: ports.yjs, dsServerUrl: streams, compactionThreshold: compactBytes }),
    ]
    for (const server of running) await server.start()
  }
  const stop = async () => {
    const [streamServer, yjsServer] = running ?? []
    running = undefined
    await yjsServer?.stop()
    await streamServer?.stop()
  }
  await start()
  return {
    url: `http://127.0.0.1:${ports.yjs}`,
    streams,
    start,
    stop,
    close: async () => {
      await stop()
      if (dataDir) await rm(dataDir, { recursive: true })
    },
  }
}
