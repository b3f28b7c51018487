import {
  ContentType,
  controlEvent,
  dataEvent,
  Header,
  heartbeat,
  Live,
  type Offset,
  Present,
  Sentinel,
} from '../../protocol/index.ts'
import { asked, events } from '../client/replay.ts'
import { type Seen, World } from '../client/world.ts'

/** What something between the client and the server does. All but the last four only to event streams. */
export type Middle =
  | 'nothing'
  | 'holds the head'
  | 'delays the head'
  | 'holds the body'
  | 'holds what comes later'
  | 'cuts'
  | 'ends'
  | 'resets'
  | 'answers 502'
  | 'answers a page'
  | 'forbids with a page'
  | 'answers plain text'
  /** The server itself has no room for live readers, and says so. */
  | 'is crowded'
  | 'is slow'
  | 'cuts live reads'
  | 'is away'

const offsetOf = (index: number): Offset => `0000_${index.toString().padStart(4, '0')}` as Offset

/** One text stream on an honest server, in a world where only the test moves time, and what lies between. */
export class Between {
  middle: Middle = 'nothing'
  /** After how long what cuts does so, and how slow what is slow is. */
  afterMs = 5_000
  /** Whether no offset is known any more. */
  trimmed = false
  readonly entries: string[] = []
  readonly world: World
  #waiting: (() => void)[] = []

  constructor(random?: () => number) {
    this.world = new World(seen => this.#pass(seen), random)
  }

  append(text: string): void {
    this.entries.push(text)
    for (const wake of this.#waiting.splice(0)) wake()
  }

  /** The requests so far: `sse`, `long-poll` or `read`. */
  get ways(): readonly string[] {
    return this.world.seen.map(seen => asked(seen).live ?? 'read')
  }

  async #pass(seen: Seen): Promise<Response> {
    const { middle, world } = this
    const { live } = asked(seen)
    if (middle === 'is away') throw new TypeError('refused')
    if (middle === 'is slow') await this.#sleep(this.afterMs)
    if (middle === 'cuts live reads' && live) {
      if (live === Live.sse) return this.#events(seen)
      await this.#sleep(this.afterMs)
      throw new TypeError('reset')
    }
    if (middle === 'is crowded' && live) {
      const body = JSON.stringify({ error: { code: 'TOO_MANY_READERS', message: 'full' } })
      return new Response(body, { status: 503, headers: { 'Retry-After': '5' } })
    }
    if (live !== Live.sse) return this.#plain(seen)
    const html = { 'Content-Type': 'text/html; charset=utf-8' }
    if (middle === 'resets') throw new TypeError('reset')
    if (middle === 'answers 502') return new Response('bad gateway', { status: 502 })
    if (middle === 'answers a page') return new Response('<h1>502</h1>', { status: 502, headers: html })
    if (middle === 'forbids with a page') return new Response('<h1>No</h1>', { status: 403, headers: html })
    if (middle === 'answers plain text') return new Response('data:', { headers: { 'Content-Type': 'a/b' } })
    if (middle === 'delays the head') await this.#sleep(this.afterMs)
    if (middle === 'holds the head') await world.sleep(60_000, new AbortController().signal)
    return this.#events(seen)
  }

  async #plain(seen: Seen): Promise<Response> {
    if (this.trimmed) return new Response('gone', { status: 410 })
    const { offset, live } = asked(seen)
    const from = offset === Sentinel.start || offset === null ? 0 : Number(offset.slice(5))
    if (live && from >= this.entries.length) await this.#news(25_000)
    const text = this.entries.slice(from).join('')
    const headers = { [Header.nextOffset]: offsetOf(this.entries.length), [Header.upToDate]: Present }
    return new Response(live && text === '' ? null : text, {
      status: live && text === '' ? 204 : 200,
      headers: { 'Content-Type': 'text/plain', ...headers },
    })
  }

  #events(seen: Seen): Response {
    const { middle, world } = this
    const { offset } = asked(seen)
    let at = offset === Sentinel.start || offset === null ? 0 : Number(offset.slice(5))
    const gone = new AbortController()
    const began = world.time
    let first = true
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
      if (middle === 'holds the body' || (middle === 'holds what comes later' && !first)) {
        await world.sleep(600_000, gone.signal)
        return
      }
      const cuts = middle === 'cuts' || middle === 'ends' || middle === 'cuts live reads'
      const end = began + (cuts ? this.afterMs : 60_000)
      if (!first && at >= this.entries.length)
        await this.#news(Math.min(15_000, end - world.time), gone.signal)
      if (gone.signal.aborted) return
      let text = ''
      for (; at < this.entries.length; at++) text += dataEvent(this.entries[at] ?? '')
      if (text !== '' || first) text += controlEvent({ nextOffset: offsetOf(at), upToDate: true })
      first = false
      controller.enqueue(new TextEncoder().encode(text || heartbeat))
      if (world.time < end) return
      if (middle === 'cuts' || middle === 'cuts live reads') controller.error(new TypeError('terminated'))
      else controller.close()
    }
    const body = new ReadableStream({ pull, cancel: () => gone.abort() }, { highWaterMark: 0 })
    const answer = events(body)
    answer.headers.delete(Header.sseEncoding)
    answer.headers.set('Content-Type', ContentType.eventStream)
    return answer
  }

  /** Resolves at the next append, or after `ms`. */
  async #news(ms: number, signal = new AbortController().signal): Promise<void> {
    const over = new AbortController()
    const end = () => over.abort()
    signal.addEventListener('abort', end)
    this.#waiting.push(end)
    await this.world.sleep(ms, over.signal)
    signal.removeEventListener('abort', end)
  }

  #sleep(ms: number): Promise<void> {
    return this.world.sleep(ms, new AbortController().signal)
  }
}
