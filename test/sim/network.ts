import { ContentType, mediaType, Query, Sentinel } from '../../protocol/index.ts'
import { BodyPipe } from './body-pipe.ts'
import type { Chance } from './chance.ts'
import type { Clock, Life } from './clock.ts'
import { RedirectCache } from './redirect-cache.ts'
import type { SimulatedServer } from './server.ts'
import type { Trace } from './trace.ts'
import { drawFate, type Fate, type Weather, weathers } from './weather.ts'

const refused = () => new TypeError('fetch failed: connection refused')
const broken = () => new TypeError('fetch failed: connection reset')
const mostRedirects = 5
const giveUpMs = 60_000

/** What lies between one device and the server. */
export interface LineParts {
  readonly clock: Clock
  readonly server: SimulatedServer
  readonly chance: Chance
  readonly trace: Trace
  /** Whether a proxy on the way passes an event stream on only when it has ended. */
  readonly buffers: boolean
}

/** One device's network, which the tabs of its browser share: its weather, its gaps, its cache. */
export class Line {
  weather: Weather = weathers.calm
  readonly #parts: LineParts
  readonly #cache: RedirectCache
  #partedUntil = 0
  /** What waits for the line to be mended, in order. */
  readonly #stuck: (() => void)[] = []
  #dead = false

  constructor(parts: LineParts) {
    this.#parts = parts
    this.#cache = new RedirectCache(parts.clock.now)
  }

  tab(parts: Pick<DeskParts, 'owner' | 'life'>): Desk {
    return new Desk({ ...this.#parts, ...parts, cache: this.#cache, line: this })
  }

  /** Nothing passes in either direction for a while; what is on its way arrives later, if anybody still waits. */
  part(ms: number): void {
    const { clock } = this.#parts
    this.#partedUntil = Math.max(this.#partedUntil, clock.now() + ms)
    clock.after(ms, () => this.#unstick())
  }

  heal(): void {
    this.weather = weathers.calm
    this.#partedUntil = 0
    this.#unstick()
  }

  /** The device is gone without a word, until it is switched on again. */
  kill(): void {
    this.#dead = true
    this.#stuck.length = 0
  }

  restart(): void {
    this.#dead = false
  }

  /** Runs `task` when something on this line gets through. */
  passes(task: () => void): void {
    if (this.#dead) return
    if (this.#isParted) this.#stuck.push(task)
    else task()
  }

  get #isParted(): boolean {
    return this.#parts.clock.now() < this.#partedUntil
  }

  #unstick(): void {
    if (this.#isParted || this.#dead) return
    for (const task of this.#stuck.splice(0)) task()
  }
}

interface DeskParts extends LineParts {
  readonly owner: string
  readonly life: Life
  readonly line: Line
  readonly cache: RedirectCache
}

/** One tab's `fetch`, which meets the weather on its way to the server and back. */
export class Desk {
  readonly #parts: DeskParts
  readonly #open = new Set<Exchange>()
  #requests = 0
  /** Writes to the document itself that left the tab. */
  documentPosts = 0
  /** Reads of the whole document. */
  wholeReads = 0

  constructor(parts: DeskParts) {
    this.#parts = parts
  }

  /** Requests whose answer was neither read to its end nor given up. */
  get open(): number {
    return this.#open.size
  }

  /** Those that stay open to hear what comes. */
  get live(): number {
    return [...this.#open].filter(({ url }) => url.searchParams.has(Query.live)).length
  }

  /** The tab is gone. Its requests are given up by the browser, but for those that were to outlive it. */
  close(): void {
    for (const exchange of [...this.#open]) exchange.orphan()
  }

  /** The device is gone without a word. */
  kill(): void {
    for (const exchange of [...this.#open]) exchange.abandon()
  }

  readonly fetch: typeof fetch = (input, init = {}) => {
    const { chance, line, life } = this.#parts
    if (life.over) return new Promise(() => undefined)
    const url = new URL(String(input))
    if (isDocumentWrite(url, init)) this.documentPosts++
    if (isWholeRead(url)) this.wholeReads++
    const exchange: Exchange = new Exchange(this.#parts, url, init, {
      number: ++this.#requests,
      fate: () => drawFate(chance, line.weather),
      latency: () => chance.whole(...line.weather.latencyMs),
      passes: task => line.passes(task),
      hears: task => {
        if (life.frozen) life.after(0, task)
        else if (!life.over) task()
      },
      over: () => this.#open.delete(exchange),
    })
    this.#open.add(exchange)
    return exchange.begin()
  }
}

const isDocumentWrite = ({ searchParams }: URL, { method }: RequestInit): boolean =>
  method === 'POST' && !searchParams.has(Query.awareness)

const isWholeRead = ({ searchParams }: URL): boolean => {
  const offset = searchParams.get(Query.offset)
  if (searchParams.has(Query.awareness)) return false
  return offset === Sentinel.snapshot || offset === Sentinel.start
}

interface Way {
  /** For people: which request this is. */
  readonly number: number
  fate(): Fate
  latency(): number
  /** Runs `task` when something gets through, in either direction. */
  passes(task: () => void): void
  /** Runs `task` when the tab takes in what arrived. */
  hears(task: () => void): void
  over(): void
}

/** One call of `fetch`, over as many redirects as it takes. */
class Exchange {
  readonly #parts: DeskParts
  readonly #init: RequestInit
  readonly #way: Way
  #url: URL
  #redirects = 0
  #leg: Leg | undefined
  #over = false
  #resolve: (response: Response) => void = () => undefined
  #reject: (reason: unknown) => void = () => undefined

  constructor(parts: DeskParts, url: URL, init: RequestInit, way: Way) {
    this.#parts = parts
    this.#url = url
    this.#init = init
    this.#way = way
  }

  get url(): URL {
    return this.#url
  }

  begin(): Promise<Response> {
    const { signal } = this.#init
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      if (signal?.aborted) return this.#fail(signal.reason)
      signal?.addEventListener('abort', this.#aborted)
      this.#send()
    })
  }

  readonly #aborted = () => {
    this.#note('given up')
    this.#fail(this.#init.signal?.reason)
  }

  #note(what: string): void {
    const { method = 'GET' } = this.#init
    this.#parts.trace.note(
      this.#parts.owner,
      `${method} ${this.#url.search || '/'} #${this.#way.number} ${what}`,
    )
  }

  /** Ends it for the client; the server hears of it later. */
  #fail(reason: unknown): void {
    this.#reject(reason)
    this.#leg?.pipe?.fail(reason)
    this.#leg?.leave()
    this.#end()
  }

  /** Nobody is at this end any more, and nobody says so. */
  abandon(): void {
    this.#leg?.abandon()
    this.#end()
  }

  /** Nobody is at this end any more. */
  orphan(): void {
    if (!this.#init.keepalive) this.#leg?.leave()
    this.#end()
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    this.#init.signal?.removeEventListener('abort', this.#aborted)
    this.#way.over()
  }

  #send(): void {
    const cached =
      this.#init.method === 'GET' ? this.#parts.cache.find(this.#url, this.#init.cache) : undefined
    if (cached !== undefined) {
      this.#note('redirected by the cache')
      this.#redirect(cached)
      return
    }
    const fate = this.#way.fate()
    const leg = new Leg(this.#parts, this.#url, this.#init, this.#way, fate, {
      note: what => this.#note(what),
      fail: reason => this.#way.hears(() => this.#over || this.#fail(reason)),
      answer: response => this.#way.hears(() => this.#answer(leg, response)),
    })
    this.#leg = leg
    leg.begin()
  }

  #answer(leg: Leg, response: Response): void {
    if (this.#over) return
    const location = response.headers.get('Location')
    this.#note(`${response.status}`)
    if (!response.body) leg.done()
    if (response.status === 307 && location !== null) {
      this.#parts.cache.keep(this.#url, this.#init.cache, response)
      this.#redirect(location)
      return
    }
    const { status, headers } = response
    if (!response.body) {
      this.#resolve(at(this.#url, new Response(null, { status, headers })))
      this.#end()
      return
    }
    const isStream = mediaType(headers.get('Content-Type') ?? '') === ContentType.eventStream
    const pipe = new BodyPipe({
      body: response.body,
      chance: this.#parts.chance,
      clock: this.#parts.clock,
      passes: task => this.#way.passes(task),
      hears: task => this.#way.hears(task),
      holds: isStream && this.#parts.buffers,
      latency: () => this.#way.latency(),
      doom: isStream || leg.fate.body.end === 'cut' ? leg.fate.body : { end: 'whole', after: 0 },
      over: how => {
        if (how === 'whole') leg.done()
        else {
          this.#note(`the body is ${how}`)
          leg.leave()
        }
        this.#end()
      },
    })
    leg.pipe = pipe
    this.#resolve(at(this.#url, new Response(pipe.stream, { status, headers })))
  }

  #redirect(location: string): void {
    this.#url = new URL(location, this.#url)
    if (++this.#redirects > mostRedirects) this.#fail(new TypeError('fetch failed: redirect loop'))
    else this.#send()
  }
}

/** `Response.url` as fetch sets it. */
const at = (url: URL, response: Response): Response =>
  Object.defineProperty(response, 'url', { value: url.href })

interface LegEvents {
  note(what: string): void
  fail(reason: unknown): void
  answer(response: Response): void
}

/** One request to the server and its answer, or what the weather made of them. */
class Leg {
  readonly fate: Fate
  pipe: BodyPipe | undefined
  readonly #parts: LineParts
  readonly #url: URL
  readonly #init: RequestInit
  readonly #way: Way
  readonly #events: LegEvents
  /** Ends the server's work. */
  readonly #server = new AbortController()
  /** Kept: the signal of a request follows the one it was given only while the request is. */
  readonly #delivered: Request[] = []
  #left = false
  #forget: () => void = () => undefined

  constructor(parts: LineParts, url: URL, init: RequestInit, way: Way, fate: Fate, events: LegEvents) {
    this.#parts = parts
    this.#url = url
    this.#init = init
    this.#way = way
    this.fate = fate
    this.#events = events
  }

  begin(): void {
    const { fate } = this
    this.#events.note(this.#omen())
    this.#later(fate.upMs, () => {
      if (fate.gateway?.when === 'before') this.#gateway()
      else if (fate.request === 'reset') this.#events.fail(broken())
      else if (fate.request === 'arrives') this.#deliver()
    })
  }

  /** The client has no more interest: the server is told, as fast as the line allows, if the device lives to say it. */
  leave(): void {
    if (this.#left) return
    this.#left = true
    this.abandon()
    this.#later(this.fate.upMs, () => {
      this.#forget()
      this.#server.abort(new DOMException('the client left', 'AbortError'))
    })
  }

  /** The client is gone without a word: the server's system gives the connection up, some time. */
  abandon(): void {
    this.#parts.clock.after(giveUpMs, () => this.#server.abort(new Error('nobody acknowledges')))
  }

  /** Everything was answered. */
  done(): void {
    this.#left = true
    this.#forget()
  }

  #later(ms: number, task: () => void): void {
    this.#parts.clock.after(ms, () => this.#way.passes(task))
  }

  #omen(): string {
    const { request, answer, againMs, gateway, body } = this.fate
    const parts = [
      request === 'arrives' ? '' : `request ${request}`,
      answer === 'arrives' ? '' : `answer ${answer}`,
      againMs === undefined ? '' : `twice after ${againMs} ms`,
      gateway ? `proxy ${gateway.status} ${gateway.when}` : '',
      body.end === 'whole' ? '' : `body ${body.end} at ${body.after}`,
    ].filter(part => part !== '')
    return `sent${parts.length > 0 ? ` (${parts.join(', ')})` : ''}`
  }

  #gateway(): void {
    const { gateway } = this.fate
    if (!gateway) return
    const headers = new Headers({ 'Content-Type': 'text/html' })
    if (gateway.retryAfter !== undefined) headers.set('Retry-After', gateway.retryAfter)
    this.#events.answer(new Response('<h1>bad gateway</h1>', { status: gateway.status, headers }))
  }

  #deliver(): void {
    const { fate } = this
    const { method = 'GET' } = this.#init
    const { againMs } = fate
    if (againMs !== undefined && method !== 'GET') {
      this.#parts.clock.after(againMs, () => this.#again())
    }
    const current = this.#parts.server.route(this.#url)
    if (!current) {
      this.#events.fail(refused())
      return
    }
    const reset = () => this.#later(fate.downMs, () => this.#events.fail(broken()))
    current.connections.add(reset)
    this.#forget = () => current.connections.delete(reset)
    void current.handle(this.#request(this.#server.signal)).then(response => {
      if (current.life.over) return
      this.#answered(response)
    })
  }

  #answered(response: Response): void {
    const { fate } = this
    if (this.#server.signal.aborted) {
      response.body?.cancel().catch(() => undefined)
      return
    }
    this.#later(fate.downMs, () => {
      if (fate.gateway?.when === 'after') {
        this.#gateway()
        this.leave()
      } else if (fate.answer === 'arrives') this.#events.answer(response)
      else {
        response.body?.cancel().catch(() => undefined)
        if (fate.answer === 'reset') this.#events.fail(broken())
      }
    })
  }

  /** A proxy between client and server sends it once more, whatever became of the first. */
  #again(): void {
    const current = this.#parts.server.route(this.#url)
    if (!current) return
    this.#events.note('delivered again')
    void current.handle(this.#request(new AbortController().signal)).then(response => {
      if (current.life.over) return
      if (this.fate.answer === 'vanishes') this.#later(this.fate.downMs, () => this.#events.answer(response))
      else response.body?.cancel().catch(() => undefined)
    })
  }

  #request(signal: AbortSignal): Request {
    const { method = 'GET', headers, body } = this.#init
    const request = new Request(this.#url, {
      method,
      headers: headers ?? {},
      body: body ?? null,
      signal,
    })
    this.#delivered.push(request)
    return request
  }
}
