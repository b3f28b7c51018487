import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'

/** Requests and bytes of TCP, headers and all. */
export interface Wire {
  readonly posts: number
  readonly gets: number
  readonly others: number
  readonly sent: number
  readonly received: number
}

const requestChannel = 'undici:request:create'
const socketChannel = 'undici:client:connected'

/**
 * Counts what this process exchanges with one origin by `fetch`, by what Node's own fetch tells of its requests and
 * sockets: redirects that it follows are requests here too, and nothing stands in the way of the bytes.
 */
export class WireMeter {
  readonly #origin: string
  readonly #sockets: Socket[] = []
  #posts = 0
  #gets = 0
  #others = 0

  constructor(origin: string) {
    this.#origin = origin
    subscribe(requestChannel, this.#onRequest)
    subscribe(socketChannel, this.#onSocket)
  }

  /** All so far. */
  read(): Wire {
    let sent = 0
    let received = 0
    for (const socket of this.#sockets) {
      sent += socket.bytesWritten
      received += socket.bytesRead
    }
    return { posts: this.#posts, gets: this.#gets, others: this.#others, sent, received }
  }

  stop(): void {
    unsubscribe(requestChannel, this.#onRequest)
    unsubscribe(socketChannel, this.#onSocket)
  }

  readonly #onRequest = (message: unknown): void => {
    const { method, origin } = (message as { request: { method: string; origin: string } }).request
    if (String(origin) !== this.#origin) return
    if (method === 'POST') this.#posts++
    else if (method === 'GET') this.#gets++
    else this.#others++
  }

  readonly #onSocket = (message: unknown): void => {
    const { connectParams, socket } = message as {
      connectParams: { protocol: string; host: string }
      socket: Socket
    }
    if (`${connectParams.protocol}//${connectParams.host}` === this.#origin) this.#sockets.push(socket)
  }
}

/** What came to pass between two readings. */
export const between = (before: Wire, after: Wire): Wire => ({
  posts: after.posts - before.posts,
  gets: after.gets - before.gets,
  others: after.others - before.others,
  sent: after.sent - before.sent,
  received: after.received - before.received,
})
