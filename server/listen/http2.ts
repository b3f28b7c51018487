import {
  constants,
  createServer,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { Duplex } from 'node:stream'
import type { Limits } from '../limits.ts'
import type { World } from '../world.ts'

type Respond = (request: Http2ServerRequest, response: Http2ServerResponse) => unknown
type Bounds = Pick<
  Limits,
  'headersMs' | 'requestMs' | 'keepAliveMs' | 'headerBytes' | 'headerCount' | 'sessionStreams' | 'sessionMb'
>

/** Frames of a connection that make no sense before it is cut. A client that is well makes none. */
const invalidFrames = 100

/** Streams refused for want of memory before a connection is cut: who goes on after that many does not listen. */
const rejectedStreams = 100

/** Entries of one SETTINGS frame: the specification knows six. */
const settingsEntries = 32

/** `:method`, `:scheme`, `:authority` and `:path`. */
const pseudoHeaders = 4

/**
 * The HTTP/2 half of a TLS port. Node bounds by itself how many streams a client may open only to reset them (1,000 at
 * once, then 33 a second) and how many answers to PING and SETTINGS may wait (1,000); it cuts the connection.
 */
export class Http2 {
  readonly #server: Http2Server
  readonly #sessions = new Set<Session>()
  readonly #bounds: Bounds
  readonly #world: World

  constructor(respond: Respond, bounds: Bounds, world: World) {
    this.#bounds = bounds
    this.#world = world
    const { headerBytes, headerCount, sessionStreams, sessionMb } = bounds
    this.#server = createServer(
      {
        settings: { maxConcurrentStreams: sessionStreams, maxHeaderListSize: headerBytes, enablePush: false },
        // One more than is allowed, so that the app sees that there are more.
        maxHeaderListPairs: pseudoHeaders + headerCount + 1,
        maxSessionMemory: sessionMb,
        maxSessionInvalidFrames: invalidFrames,
        maxSessionRejectedStreams: rejectedStreams,
        maxSettings: settingsEntries,
      },
      (request, response) => {
        if (headBytes(request.rawHeaders) > headerBytes) return reset(request.stream)
        respond(request, response)
      },
    )
  }

  /** Takes over a connection that has agreed on HTTP/2. */
  take(socket: Duplex): void {
    this.#server.once('session', (session: ServerHttp2Session) => {
      const held = new Session(session, socket, this.#bounds, this.#world)
      this.#sessions.add(held)
      socket.once('close', () => {
        this.#sessions.delete(held)
        held.over()
      })
    })
    this.#server.emit('connection', socket)
  }

  /** Tells every client to ask elsewhere (GOAWAY). Streams under way finish, and their connections end after the last. */
  close(): void {
    for (const session of this.#sessions) session.leave()
  }
}

/** How RFC 9113 6.5.2 counts. A client that never says it knows our settings is not held to them by Node. */
const headBytes = (raw: readonly string[]): number =>
  raw.reduce((sum, text) => sum + Buffer.byteLength(text), 16 * raw.length)

const reset = (stream: Pick<ServerHttp2Stream, 'close'>): void => {
  stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM)
}

/** How long a client gets to close its side once it was told that the connection is over. */
const lingerMs = 500

/** One connection: how long it may be silent, and each request on it incomplete. */
class Session {
  readonly #session: ServerHttp2Session
  readonly #socket: Duplex
  readonly #bounds: Bounds
  readonly #world: World
  #streams = 0
  #cancel: () => void

  constructor(session: ServerHttp2Session, socket: Duplex, bounds: Bounds, world: World) {
    this.#session = session
    this.#socket = socket
    this.#bounds = bounds
    this.#world = world
    this.#cancel = world.after(bounds.headersMs, () => this.leave())
    session.on('stream', (stream: ServerHttp2Stream) => this.#began(stream))
    session.once('close', () => this.#linger())
  }

  leave(): void {
    this.#session.close()
    if (this.#streams === 0) this.#linger()
  }

  over(): void {
    this.#cancel()
  }

  #began(stream: ServerHttp2Stream): void {
    this.#streams++
    this.#cancel()
    const cancelBody = stream.endAfterHeaders ? undefined : this.#bound(stream)
    stream.once('close', () => {
      cancelBody?.()
      this.#streams--
      if (this.#streams > 0) return
      if (this.#session.closed) this.#linger()
      else this.#cancel = this.#world.after(this.#bounds.keepAliveMs, () => this.leave())
    })
  }

  #bound(stream: ServerHttp2Stream): () => void {
    return this.#world.after(this.#bounds.requestMs, () => {
      if (stream.state.remoteClose === 0) stream.close(constants.NGHTTP2_CANCEL)
    })
  }

  #linger(): void {
    this.#cancel()
    this.#cancel = this.#world.after(lingerMs, () => this.#socket.destroy())
  }
}
