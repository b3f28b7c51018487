import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { Headers } from './answer.ts'
import { dropAnswer, type Exchange, outletOf } from './exchange.ts'

/** Where a live answer is written to. After `end`, `cut` or the client's leaving, writes do nothing. */
export interface Sink {
  readonly response: Response
  /** Bytes written and not yet taken. */
  readonly backlog: number
  write(bytes: Uint8Array): void
  /** Resolves when the backlog was taken or the answer is over. */
  drained(): Promise<void>
  /** Ends the answer properly. */
  end(): void
  /** Drops what is left of it: the connection, or in HTTP/2 its stream alone. */
  cut(): void
}

/**
 * Opens a 200 answer of unknown length. `over` runs once, when it has ended for whatever reason. On Node the bytes go to
 * the socket's own response: a Web stream in between costs several times the write.
 */
export const openSink = (c: Exchange, headers: Headers, over: () => void): Sink =>
  c.env?.outgoing ? nodeSink(c.env.outgoing, headers, over) : webSink(c.req.raw.signal, headers, over)

type Outgoing = NonNullable<Exchange['env']['outgoing']>

const nodeSink = (outgoing: Outgoing, headers: Headers, over: () => void): Sink => {
  const outlet = outletOf(outgoing)
  // A client that left before this has no 'close' to come.
  if (outlet.destroyed) queueMicrotask(over)
  else outlet.once('close', over)
  sendHead(outgoing, headers)
  return {
    response: RESPONSE_ALREADY_SENT,
    get backlog() {
      return outlet.writableLength
    },
    write(bytes) {
      if (!outlet.writableEnded && !outlet.destroyed) outlet.write(bytes)
    },
    drained: () =>
      new Promise(resolve => {
        if (outlet.destroyed || outlet.writableLength === 0) return resolve()
        const done = () => {
          outlet.off('close', done)
          resolve()
        }
        outlet.on('close', done)
        // Called back once all before it was taken; 'drain' comes only past a mark that our limit may lie below.
        if (!outlet.writableEnded) outlet.write('', done)
      }),
    end: () => void outgoing.end(),
    cut: () => dropAnswer(outgoing),
  }
}

const sendHead = (outgoing: Outgoing, headers: Headers): void => {
  // In HTTP/2 this sends it, and nothing is ever held back.
  if ('stream' in outgoing) return void outgoing.writeHead(200, headers)
  outgoing.writeHead(200, headers)
  outgoing.flushHeaders()
  outgoing.socket?.setNoDelay(true)
}

const webSink = (signal: AbortSignal, headers: Headers, over: () => void): Sink => {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  let open = true
  let taken: (() => void)[] = []
  const wake = () => {
    const waiting = taken
    taken = []
    for (const resolve of waiting) resolve()
  }
  const finish = () => {
    if (!open) return
    open = false
    signal.removeEventListener('abort', abandon)
    wake()
    over()
  }
  const abandon = () => {
    if (open) controller?.error(signal.reason)
    finish()
  }
  const stream = new ReadableStream<Uint8Array>(
    {
      start(given) {
        controller = given
      },
      pull: wake,
      cancel: finish,
    },
    { highWaterMark: 0, size: chunk => chunk?.byteLength ?? 0 },
  )
  if (signal.aborted) queueMicrotask(abandon)
  else signal.addEventListener('abort', abandon, { once: true })
  return {
    response: new Response(stream, { status: 200, headers }),
    get backlog() {
      return Math.max(0, -(controller?.desiredSize ?? 0))
    },
    write(bytes) {
      if (open) controller?.enqueue(bytes)
    },
    drained() {
      return !open || this.backlog === 0 ? Promise.resolve() : new Promise(resolve => taken.push(resolve))
    },
    end() {
      if (open) controller?.close()
      finish()
    },
    cut() {
      if (open) controller?.error(new Error('the reader took nothing for too long'))
      finish()
    },
  }
}
