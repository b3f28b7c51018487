import { randomInt } from 'node:crypto'
import { createParser } from 'eventsource-parser'
import * as Y from 'yjs'
import {
  ContentType,
  decodeFrames,
  encodeFrames,
  Live,
  Path,
  parseControl,
  Query,
  Sentinel,
  SseEvent,
} from '../../protocol/index.ts'
import { Finding } from './finding.ts'
import { checkAnswer, checkHead } from './judgement.ts'
import { encodeRequest, get, post, put, type Request, remove, withQuery } from './request.ts'
import { type Answer, patienceMs, Wire } from './wire.ts'

export interface Calm {
  /** What it wrote and got back live, each once and in order. */
  readonly delivered: number
  /** The longest that any of its requests, or a delivery, took. */
  readonly slowestMs: number
}

const pauseMs = 20
const lasting = 10 // rounds between two streams that come and go

/**
 * Another client, which does nothing wrong: it writes to a stream and a document, follows both live, reads, creates and
 * removes, and expects to be served as if it were alone.
 */
export class Canary {
  readonly #port: number
  readonly #name = `canary/${randomInt(2 ** 40).toString(36)}`
  readonly #stop = new AbortController()
  readonly #sent = new Map<string, number>()
  readonly #running: Promise<unknown>
  #slowestMs = 0
  #delivered = 0
  #written = 0

  constructor(port: number) {
    this.#port = port
    this.#running = this.#run()
    this.#running.catch(() => undefined)
  }

  /** Ends when everything it wrote was delivered. @throws Finding Z11 and others, when it was disturbed at any time */
  async end(): Promise<Calm> {
    this.#stop.abort()
    await this.#running
    return { delivered: this.#delivered, slowestMs: this.#slowestMs }
  }

  /** Rejects as soon as it is disturbed; never resolves. */
  async disturbed(): Promise<never> {
    await this.#running
    return new Promise<never>(() => undefined)
  }

  async #run(): Promise<void> {
    const stream = `${Path.streams}${this.#name}`
    const document = `${Path.yjs}canary/${Path.documents}/${this.#name}`
    const wire = await Wire.open(this.#port)
    const written = new Y.Doc()
    const followed = new Y.Doc()
    const edits: Uint8Array[] = []
    written.on('update', (update: Uint8Array) => edits.push(update))
    let lines = 0
    await this.#ask(wire, put(stream, 'text/plain'), 201)
    await this.#ask(wire, put(document, ContentType.binary), 201)
    const over = new AbortController()
    const followers = Promise.all([
      this.#follow(stream, over.signal, data => {
        for (const line of data.split('\n').filter(line => line !== '')) {
          if (line !== `${lines}`)
            throw new Finding('Z11', `line ${line} was delivered when ${lines} was next`)
          this.#arrived(`line ${lines++}`)
        }
      }),
      this.#follow(document, over.signal, data => {
        for (const frame of decodeFrames(Buffer.from(data, 'base64'))) Y.applyUpdate(followed, frame)
        for (let length = followed.getText('text').length; this.#sent.has(`letter ${length}`); length--) {
          this.#arrived(`letter ${length}`)
        }
      }),
    ])
    const writing = this.#write(wire, stream, document, written, edits)
    try {
      await Promise.race([writing, followers])
      const deadline = Date.now() + patienceMs
      while (this.#sent.size > 0) {
        if (Date.now() > deadline)
          throw new Finding('Z11', `${this.#sent.size} of ${this.#written} were never delivered`)
        await Promise.race([pause(), followers])
      }
    } finally {
      over.abort()
      this.#stop.abort()
      await Promise.allSettled([followers, writing])
      wire.drop()
    }
  }

  async #write(wire: Wire, stream: string, document: string, doc: Y.Doc, edits: Uint8Array[]): Promise<void> {
    for (let round = 0; !this.#stop.signal.aborted; round++) {
      this.#send(`line ${round}`)
      await this.#ask(wire, post(stream, Buffer.from(`${round}\n`), 'text/plain'), 204)
      doc.getText('text').insert(0, 'x')
      this.#send(`letter ${round + 1}`)
      await this.#ask(wire, post(document, encodeFrames(edits.splice(0))), 204)
      await this.#ask(wire, get(stream, { [Query.offset]: Sentinel.tail }), 200)
      if (round % lasting === 0) {
        const passing = `${stream}/passing-${round}`
        await this.#ask(wire, put(passing, ContentType.json, Buffer.from('{"a":1}')), 201)
        const { body } = await this.#ask(wire, get(passing, { [Query.offset]: Sentinel.start }), 200)
        if (body.toString() !== '[{"a":1}]') throw new Finding('Z11', `a new stream holds ${body}`)
        await this.#ask(wire, remove(passing), 204)
      }
      await pause()
    }
  }

  #send(what: string): void {
    this.#written++
    this.#sent.set(what, performance.now())
  }

  #arrived(what: string): void {
    const at = this.#sent.get(what)
    if (at === undefined) throw new Finding('Z11', `${what} was delivered, but not sent, or twice`)
    this.#sent.delete(what)
    this.#delivered++
    this.#timed(at)
  }

  #timed(since: number): void {
    this.#slowestMs = Math.max(this.#slowestMs, performance.now() - since)
  }

  async #ask(wire: Wire, request: Request, status: number): Promise<Answer> {
    const began = performance.now()
    wire.write(encodeRequest(request))
    const answer = await wire.answer(request.method)
    this.#timed(began)
    if (answer === 'ended')
      throw new Finding('Z11', `${request.method} was not answered: the connection ended`)
    checkAnswer(request.method, answer)
    if (answer.status !== status) {
      throw new Finding(
        'Z11',
        `${request.method} was answered ${answer.status}\n${answer.body.toString().slice(0, 500)}`,
      )
    }
    return answer
  }

  /** One SSE answer after another, each from where the last one ended. */
  async #follow(target: string, signal: AbortSignal, take: (data: string) => void): Promise<void> {
    let offset: string = Sentinel.start
    while (!signal.aborted) {
      const wire = await Wire.open(this.#port)
      const drop = () => wire.drop()
      signal.addEventListener('abort', drop, { once: true })
      try {
        const query = { [Query.offset]: offset, [Query.live]: Live.sse }
        wire.write(encodeRequest({ method: 'GET', target: withQuery(target, query) }))
        const head = await wire.head()
        if (head === 'ended') {
          if (signal.aborted) return
          throw new Finding('Z11', 'a live read was not answered')
        }
        checkHead(head)
        if (head.status !== 200) throw new Finding('Z11', `a live read was answered ${head.status}`)
        const parser = createParser({
          onEvent: ({ event, data }) => {
            if (event === SseEvent.data) take(data)
            else if (event === SseEvent.control) offset = parseControl(data).nextOffset
          },
        })
        const decoder = new TextDecoder()
        for (;;) {
          const chunk = await wire.chunk()
          if (signal.aborted || chunk === undefined) break
          if (chunk === 'ended') throw new Finding('Z11', 'a live read was cut')
          parser.feed(decoder.decode(chunk, { stream: true }))
        }
      } finally {
        signal.removeEventListener('abort', drop)
        wire.drop()
      }
    }
  }
}

const pause = (): Promise<void> =>
  new Promise(resolve => {
    setTimeout(resolve, pauseMs)
  })
