import { Server as HttpServer, type RequestListener } from 'node:http'
import { Server as HttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { Limits } from '../limits.ts'
import { repeat } from '../repeat.ts'
import type { World } from '../world.ts'
import { type Certificate, CertificateError, contextOf } from './certificate.ts'
import { answerClientErrors, connectionBounds, refuseUnreadable } from './client-error.ts'
import { Http2 } from './http2.ts'
import { inTurn } from './in-turn.ts'
import { dropUntaken } from './untaken.ts'

type Fetch = Parameters<typeof getRequestListener>[0]
type Respond = ReturnType<typeof getRequestListener>

export interface ListenerParts {
  readonly fetch: Fetch
  readonly world: World
  readonly limits: Limits
  /** Whether a new connection may stay. */
  readonly mayStay: (socket: Socket) => boolean
  readonly certificate: Certificate | undefined
}

/** The port a server listens on: HTTP/1.1, or with a certificate HTTP/2 and HTTP/1.1 over TLS, as the client prefers. */
export class Listener {
  readonly #http: HttpServer | HttpsServer
  readonly #http2: Http2 | undefined
  readonly #world: World
  readonly #limits: Limits
  /** Every TCP connection. */
  readonly #connections = new Set<Socket>()
  /** What HTTP/1.1 is spoken on: the connection itself, or the one inside TLS. */
  readonly #http1 = new Set<Socket>()
  /** TCP connections that have not agreed on TLS yet, by the other end. */
  readonly #shaking = new Map<string, Socket>()

  constructor({ fetch, world, limits, mayStay, certificate }: ListenerParts) {
    this.#world = world
    this.#limits = limits
    const answerBy = (errorHandler: () => Response): Respond =>
      dropUntaken(getRequestListener(fetch, { overrideGlobalObjects: false, errorHandler }), limits, world)
    const respond = inTurn(answerBy(refuseUnreadable))
    if (certificate) {
      this.#http2 = new Http2(answerBy(refuseUnreadableStream), limits, world)
      this.#http = this.#secure(respond, this.#http2, certificate)
    } else {
      this.#http = new HttpServer(connectionBounds(limits), respond)
      this.#http.on('connection', (socket: Socket) => remember(this.#http1, socket))
    }
    this.#http.on('connection', (socket: Socket) => {
      remember(this.#connections, socket)
      if (!mayStay(socket)) socket.destroy()
    })
    answerClientErrors(this.#http, limits, world)
    this.#bePatient()
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

  /** `http://host:port`, or https, once it listens. */
  get url(): string {
    const address = this.#http.address()
    if (address === null || typeof address === 'string') return String(address)
    const host = address.family === 'IPv6' ? `[${address.address}]` : address.address
    return `${this.#http2 ? 'https' : 'http'}://${host}:${address.port}`
  }

  /**
   * Connections from now on get this certificate; those that are there keep theirs.
   * @throws CertificateError when it cannot be used, or the port has none: everything stays as it is
   */
  renew(certificate: Certificate): void {
    if (!(this.#http instanceof HttpsServer)) {
      throw new CertificateError('This server was started without a certificate. Start it with one.')
    }
    this.#http.setSecureContext(contextOf(certificate))
  }

  /** Takes no more connections. Resolves when every one is gone; those still busy after `ms` are cut. */
  close(ms: number): Promise<void> {
    const http = this.#http
    return new Promise(resolve => {
      const cancelCut = this.#world.after(ms, () => {
        for (const socket of this.#connections) socket.destroy()
      })
      // Clients open connections ahead of need, and Node calls one that never asked for anything busy.
      const cancelSilent = this.#world.after(this.#limits.silentMs, () => {
        for (const socket of this.#http1) if (socket.bytesRead === 0) socket.destroy()
        for (const socket of this.#shaking.values()) socket.destroy()
      })
      const stopLooking = repeat(this.#world, 50, async () => http.closeIdleConnections())
      http.close(() => {
        cancelCut()
        cancelSilent()
        stopLooking()
        resolve()
      })
      this.#http2?.close()
    })
  }

  /** A TLS port. Node's HTTPS server speaks HTTP/1.1 to every connection it is given, so it is given those alone. */
  #secure(respond: RequestListener, http2: Http2, certificate: Certificate): HttpsServer {
    const { handshakeMs } = this.#limits
    const https = new HttpsServer(
      {
        ...connectionBounds(this.#limits),
        ...contextOf(certificate),
        handshakeTimeout: handshakeMs,
        ALPNProtocols: ['h2', 'http/1.1'],
      },
      respond,
    )
    https.on('connection', (socket: Socket) => {
      const peer = peerOf(socket)
      this.#shaking.set(peer, socket)
      socket.once('close', () => this.#shaking.delete(peer))
    })
    const speakHttp1 = https.listeners('secureConnection')
    https.removeAllListeners('secureConnection').on('secureConnection', socket => {
      this.#shaking.delete(peerOf(socket))
      if (socket.alpnProtocol === 'h2') return http2.take(socket)
      remember(this.#http1, socket)
      for (const listener of speakHttp1) listener.call(https, socket)
    })
    // Whoever fails at TLS is not answered in HTTP.
    https.removeAllListeners('tlsClientError').on('tlsClientError', (_error, socket) => socket.destroy())
    return https
  }

  /**
   * Node takes a connection for idle once its answer was handed over, however much of that is still to be sent, and
   * closing a server cuts idle connections. This leaves them alone while anything waits to be sent.
   */
  #bePatient(): void {
    const closeIdle = this.#http.closeIdleConnections.bind(this.#http)
    this.#http.closeIdleConnections = () => {
      for (const { writableLength } of this.#http1) if (writableLength > 0) return
      closeIdle()
    }
  }
}

/** RFC 9113 8.2.2: in HTTP/2 a connection is not one answer's to close. */
const refuseUnreadableStream = (): Response => {
  const refusal = refuseUnreadable()
  refusal.headers.delete('Connection')
  return refusal
}

const remember = (set: Set<Socket>, socket: Socket): void => {
  set.add(socket)
  socket.once('close', () => set.delete(socket))
}

const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`
