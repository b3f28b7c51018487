import { Server as HttpServer } from 'node:http'
import type { Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { repeat } from './repeat.ts'
import type { World } from './world.ts'

type Fetch = Parameters<typeof getRequestListener>[0]

/**
 * Node takes a connection for idle once its answer was handed over, however much of that is still to be sent, and closing
 * a server cuts idle connections. This one leaves them alone while anything waits to be sent.
 */
class PatientServer extends HttpServer {
  readonly sockets = new Set<Socket>()

  override closeIdleConnections(): void {
    for (const { writableLength } of this.sockets) if (writableLength > 0) return
    super.closeIdleConnections()
  }
}

/**
 * Clients open connections ahead of need, and Node calls one that never asked for anything busy. When a server closes,
 * such a connection gets this long: what it asked may be on its way.
 */
const silentMs = 500

/** The port a server listens on. */
export class Listener {
  readonly #http: PatientServer
  readonly #world: World

  constructor(fetch: Fetch, world: World) {
    this.#world = world
    const http = new PatientServer(
      {
        // A header block or body that dribbles in must not hold a connection for ever.
        headersTimeout: 10_000,
        requestTimeout: 30_000,
        keepAliveTimeout: 65_000,
        connectionsCheckingInterval: 5_000,
        maxHeaderSize: 16 << 10,
      },
      getRequestListener(fetch, { overrideGlobalObjects: false }),
    )
    http.maxHeadersCount = 64
    http.on('connection', (socket: Socket) => {
      http.sockets.add(socket)
      socket.once('close', () => http.sockets.delete(socket))
    })
    this.#http = http
  }

  /** @throws Error with `code` EADDRINUSE, EADDRNOTAVAIL, … */
  listen(port: number, host: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#http.once('error', reject)
      this.#http.listen(port, host, () => {
        this.#http.off('error', reject)
        resolve()
      })
    })
  }

  /** `http://host:port`, once it listens. */
  get url(): string {
    const address = this.#http.address()
    if (address === null || typeof address === 'string') return String(address)
    return `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`
  }

  /** Takes no more connections. Resolves when every one is gone; those still busy after `ms` are cut. */
  close(ms: number): Promise<void> {
    const http = this.#http
    return new Promise(resolve => {
      const cancelCut = this.#world.after(ms, () => http.closeAllConnections())
      const cancelSilent = this.#world.after(silentMs, () => {
        for (const socket of http.sockets) if (socket.bytesRead === 0) socket.destroy()
      })
      const stopLooking = repeat(this.#world, 50, async () => http.closeIdleConnections())
      http.close(() => {
        cancelCut()
        cancelSilent()
        stopLooking()
        resolve()
      })
      http.closeIdleConnections()
    })
  }
}
