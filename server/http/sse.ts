import { ContentType, controlEvent, Header, heartbeat, isTextual, SseEncoding } from '../../protocol/index.ts'
import type { Limits } from '../limits.ts'
import { currentCursor, nextCursor } from '../rules/cursor.ts'
import { offsetAt } from '../rules/parts.ts'
import { Batch } from '../streams/batch.ts'
import { type Held, reached, type Streams } from '../streams/streams.ts'
import type { EndReason, LiveReader } from '../streams/tail.ts'
import type { World } from '../world.ts'
import { caching, type Headers, securityHeaders } from './answer.ts'
import type { Exchange } from './exchange.ts'
import { openSink, type Sink } from './sink.ts'

const heartbeatBytes = new TextEncoder().encode(heartbeat)

export interface SseRead {
  readonly name: string
  readonly held: Held
  readonly position: number
  readonly clientCursor: number | undefined
}

/**
 * PROTOCOL 5.8. Takes over `held`.
 * @returns why there is nothing to begin with at this position, before anything was answered
 */
export const respondSse = async (
  c: Exchange,
  streams: Streams,
  read: SseRead,
  limits: Limits,
  world: World,
): Promise<Response | 'split' | 'gone'> => {
  const first = await firstBatch(streams, read)
  if (typeof first === 'string') return first
  const headers: Headers = {
    ...securityHeaders,
    ...c.get('common'),
    'Content-Type': ContentType.eventStream,
    ...caching(c, 'no-cache'),
    // nginx would otherwise hold events back until a buffer is full.
    'X-Accel-Buffering': 'no',
    ...(!isTextual(read.held.state.config.contentType) && { [Header.sseEncoding]: SseEncoding.base64 }),
  }
  const session = new SseSession(streams, read, limits, world)
  const pass = c.get('pass')
  return session.open(
    over => openSink(c, headers, over),
    first,
    over => pass.watch(over),
  )
}

/** What is there already, or undefined at the tail. */
const firstBatch = async (
  streams: Streams,
  { name, held, position }: SseRead,
): Promise<Batch | undefined | 'split' | 'gone'> => {
  const state = reached(held)
  if (position >= state.tail) return undefined
  let first: Batch | 'split' | 'gone' = 'gone'
  try {
    first = await streams.slice(name, state, position)
  } finally {
    if (!(first instanceof Batch)) held.release()
  }
  return first
}

/** One SSE answer: catches up from the store, then waits at the tail for batches from memory, and again if it falls back. */
class SseSession implements LiveReader {
  readonly #streams: Streams
  readonly #read: SseRead
  readonly #limits: Limits
  readonly #world: World
  #position: number
  #sink: Sink | undefined
  #spoken = false
  #toldClosed = false
  #cancelTimers: (() => void)[] = []

  constructor(streams: Streams, read: SseRead, limits: Limits, world: World) {
    this.#streams = streams
    this.#read = read
    this.#limits = limits
    this.#world = world
    this.#position = read.position
  }

  /** `watch` calls back when the reader may not read on. */
  open(
    openSink: (over: () => void) => Sink,
    first: Batch | undefined,
    watch: (refused: () => void) => () => void,
  ): Response {
    const sink = openSink(() => this.#over())
    this.#sink = sink
    const { sseMs, heartbeatMs } = this.#limits
    // Spread, so that readers who came together do not come back together.
    const lifetime = sseMs * (0.9 + 0.2 * this.#world.random())
    this.#cancelTimers = [
      this.#world.after(lifetime, () => this.#finish(sink)),
      this.#every(heartbeatMs),
      watch(() => this.#finish(sink)),
    ]
    if (first) this.#write(sink, first)
    this.#catchUp(sink).catch(() => sink.cut())
    return sink.response
  }

  deliver(batch: Batch): void {
    const sink = this.#sink
    if (!sink || (batch.to <= this.#position && !batch.closed)) return
    if (batch.from !== this.#position || sink.backlog > this.#limits.backlogBytes) this.behind()
    else this.#write(sink, batch)
  }

  behind(): void {
    const sink = this.#sink
    if (!sink) return
    this.#read.held.tail.detach(this)
    this.#catchUp(sink).catch(() => sink.cut())
  }

  end(_reason: EndReason): void {
    if (this.#sink) this.#finish(this.#sink)
  }

  /** Reads from the store until the tail is reached, then attaches: nothing can be committed between the two. */
  async #catchUp(sink: Sink): Promise<void> {
    const { name, held } = this.#read
    while (this.#sink) {
      if (sink.backlog > this.#limits.backlogBytes && !(await this.#drained(sink))) return sink.cut()
      const state = reached(held)
      if (this.#position >= state.tail) break
      const batch = await this.#streams.slice(name, state, this.#position)
      if (!(batch instanceof Batch)) return this.#finish(sink)
      this.#write(sink, batch)
    }
    if (!this.#sink) return
    const { closed } = reached(held)
    if (!this.#spoken || (closed && !this.#toldClosed)) this.#greet(sink, closed)
    if (closed) this.#finish(sink)
    else held.tail.attach(this)
  }

  #write(sink: Sink, batch: Batch): void {
    this.#spoken = true
    this.#toldClosed = batch.closed
    this.#position = batch.to
    sink.write(batch.events(this.#cursor()))
  }

  /** Ends the answer properly; a reader that does not take the rest of it is cut. */
  #finish(sink: Sink): void {
    sink.end()
    if (this.#sink) this.#cancelTimers.push(this.#world.after(this.#limits.stallMs, () => sink.cut()))
  }

  /** PROTOCOL 8: a reader who begins at the tail is told so at once. */
  #greet(sink: Sink, closed: boolean): void {
    this.#spoken = true
    const control = controlEvent({
      nextOffset: offsetAt(this.#read.held.state, this.#position),
      cursor: this.#cursor(),
      upToDate: true,
      closed,
    })
    sink.write(Buffer.from(control))
  }

  /** Almost always the same for all readers, so that a batch is encoded once. */
  #cursor(): string {
    const now = this.#world.now()
    const { clientCursor } = this.#read
    if (clientCursor === undefined || clientCursor < currentCursor(now)) return currentCursor(now).toString()
    return nextCursor(now, clientCursor, this.#world.random)
  }

  async #drained(sink: Sink): Promise<boolean> {
    let cancel: () => void = () => undefined
    const stalled = new Promise<false>(resolve => {
      cancel = this.#world.after(this.#limits.stallMs, () => resolve(false))
    })
    const done = await Promise.race([sink.drained().then(() => true as const), stalled])
    cancel()
    return done
  }

  #every(ms: number): () => void {
    let cancel: () => void = () => undefined
    const beat = () => {
      this.#sink?.write(heartbeatBytes)
      cancel = this.#world.after(ms, beat)
    }
    cancel = this.#world.after(ms, beat)
    return () => cancel()
  }

  #over(): void {
    this.#sink = undefined
    for (const cancel of this.#cancelTimers) cancel()
    this.#read.held.tail.detach(this)
    this.#read.held.release()
  }
}
