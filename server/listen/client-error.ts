import type { IncomingMessage, RequestListener, Server, ServerOptions, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { ContentType, ErrorCode } from '../../protocol/index.ts'
import { securityHeaders } from '../http/answer.ts'
import type { Limits } from '../limits.ts'
import type { World } from '../world.ts'

/** What Node's HTTP/1 server is told of the limits. It looks at its connections as often as `connectionsCheckingInterval`. */
export const connectionBounds = ({ headersMs, requestMs, keepAliveMs, headerBytes }: Limits) =>
  ({
    headersTimeout: headersMs,
    requestTimeout: requestMs,
    keepAliveTimeout: keepAliveMs,
    connectionsCheckingInterval: Math.min(1_000, Math.ceil(headersMs / 4)),
    // Node takes less than that.
    maxHeaderSize: headerBytes + 1,
    // Node's own answer to a request without a host has no body; the app's has.
    requireHostHeader: false,
  }) satisfies ServerOptions

interface Flaw {
  readonly status: number
  readonly reason: string
  readonly code: ErrorCode
  readonly message: string
}

const malformed: Flaw = {
  status: 400,
  reason: 'Bad Request',
  code: ErrorCode.invalidRequest,
  message: 'This is not a well-formed HTTP request. Nothing was stored.',
}

/** By the `code` of what Node's parser reports. */
const flaws: Readonly<Record<string, Flaw>> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    reason: 'Request Header Fields Too Large',
    code: ErrorCode.headTooLarge,
    message: 'The head of the request is too large. Send fewer or shorter headers.',
  },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: {
    status: 413,
    reason: 'Payload Too Large',
    code: ErrorCode.bodyTooLarge,
    message: 'The extensions of a chunk are too large. Send chunks without.',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    reason: 'Request Timeout',
    code: ErrorCode.requestTimeout,
    message: 'The request took too long to arrive. Nothing was stored; send it again.',
  },
}

const bodyOf = ({ code, message }: Flaw): string => JSON.stringify({ error: { code, message } })

const headersOf = (flaw: Flaw): Readonly<Record<string, string>> => ({
  ...securityHeaders,
  'Cache-Control': 'no-store',
  'Content-Type': ContentType.json,
  'Content-Length': Buffer.byteLength(bodyOf(flaw)).toString(),
  Connection: 'close',
})

const wholeAnswer = (flaw: Flaw): string =>
  [
    `HTTP/1.1 ${flaw.status} ${flaw.reason}`,
    ...Object.entries(headersOf(flaw)).map(([name, value]) => `${name}: ${value}`),
    '',
    bodyOf(flaw),
  ].join('\r\n')

/** How long a refused client gets to take its answer: closing while it still sends would take the answer back. */
const lingerMs = 500

/** The answer to a request that no app sees: its target or host cannot be made into a URL. */
export const refuseUnreadable = (): Response =>
  new Response(bodyOf(malformed), { status: malformed.status, headers: headersOf(malformed) })

/** Answers in the way of this server what Node refuses by itself: broken, oversized and slow requests. */
export const answerClientErrors = (server: Server, { headerCount }: Limits, world: World): void => {
  // One more than is allowed, so that the app sees that there are more.
  server.maxHeadersCount = headerCount + 1
  const answering = new WeakMap<Duplex, ServerResponse>()
  const refused = new WeakSet<Duplex>()
  const note: RequestListener = ({ socket }, outgoing) => void answering.set(socket, outgoing)
  server.prependListener('request', note)
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (socket.writableEnded) return
    const outgoing = answering.get(socket)
    const halfSaid = outgoing?.headersSent === true && !outgoing.writableFinished
    if (error.code === 'ECONNRESET' || !socket.writable || halfSaid) return void socket.destroy()
    if (refused.has(socket)) return
    refused.add(socket)
    const refuse = () => {
      if (!socket.writable) return
      socket.end(wholeAnswer(flaws[error.code ?? ''] ?? malformed))
      linger(socket, world)
    }
    // What was asked before is answered before: this would be taken for its answer.
    if (!outgoing || outgoing.closed) refuse()
    else if (outgoing.req.complete) outgoing.once('close', refuse)
    else if (outgoing.socket) refuse()
    else outgoing.once('socket', refuse)
  })
  server.on('checkExpectation', (_: IncomingMessage, outgoing: ServerResponse) => {
    outgoing.writeHead(unmet.status, headersOf(unmet)).end(bodyOf(unmet))
  })
}

const unmet: Flaw = {
  status: 417,
  reason: 'Expectation Failed',
  code: ErrorCode.invalidRequest,
  message: 'Nothing but 100-continue can be expected of this server.',
}

const linger = (socket: Duplex, world: World): void => {
  const cancel = world.after(lingerMs, () => socket.destroy())
  socket.once('close', cancel)
}
