import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

/**
 * Loaded into the server's process before it starts: answers its parent what the process holds. Nothing else of the
 * server is touched.
 */
export interface Measure {
  /** After a full collection. */
  readonly heapBytes: number
  /** Bytes of buffers outside of the heap, after a full collection. */
  readonly bufferBytes: number
  readonly rssBytes: number
  readonly cpuMs: number
  /** The longest that the event loop was held up since the last time this was asked. */
  readonly stallMs: number
  readonly sockets: number
}

const resolutionMs = 5
const delay = monitorEventLoopDelay({ resolution: resolutionMs })

const measure = (): Measure => {
  const stallMs = Math.max(0, delay.max / 1e6 - resolutionMs)
  globalThis.gc?.()
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  const sockets = process.getActiveResourcesInfo().filter(name => name === 'TCPSocketWrap').length
  // Later: the collection is not the server's doing, and is noticed only when this is over.
  setTimeout(() => delay.reset(), 20 * resolutionMs).unref()
  return {
    heapBytes: heapUsed,
    bufferBytes: arrayBuffers,
    rssBytes: rss,
    cpuMs: (user + system) / 1000,
    stallMs,
    sockets,
  }
}

// The server's own threads inherit what its process was started with.
if (isMainThread) {
  delay.enable()
  process.on('message', id => {
    process.send?.({ id, measure: measure() })
  })
  process.channel?.unref()
}
