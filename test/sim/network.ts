import { ContentType, mediaType } from '../../protocol/index.ts'
import { BodyPipe } from './body-pipe.ts'
import type { Chance } from './chance.ts'
import type { Clock } from './clock.ts'
import { RedirectCache } from './redirect-cache.ts'
import type { SimulatedServer } from './server.ts'
import type { Trace } from './trace.ts'
import { drawFate, type Fate, type Weather, weathers } from './weather.ts'

const refused = () => new TypeError('fetch failed: connection refused')
const broken = () => new TypeError('fetch failed: connection reset')
const mostRedirects = 5
const giveUpMs = 60_000

/** Every client's way to the server. */
export interface LineParts {
  readonly clock: Clock
  readonly server: SimulatedServer
  readonly chance: Chance
  readonly trace: Trace
  readonly owner: string
}

/** One client's network: a `fetch` that meets the weather on its way to the server and back. */
export class Line {
  weather: Weather = weathers.calm
  readonly #parts: LineParts
  readonly #cache: RedirectCache
  readonly #open = new Set<Exchange>()
  #partedUntil = 0
  /** What waits for the line to be mended, in order. */
  readonly #stuck: (() => void)[] = []
  #dead = false
  #requests = 0
  /** Writes to the document itself that left the client. */
  documentPosts = 0

  constructor(parts: LineParts) {
    this.#parts = parts
    this.#cache = new RedirectCache(parts.clock.now)
  }

  /** Requests whose answer was neither read to its end nor given up. */
  get open(): number {
    return this.#open.size
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

  /** The device is gone without a word. */
  kill(): void {
    this.#dead = true
    for (const exchange of this.#open) exchange.abandon()
  }

  readonly fetch: typeof fetch = (input, init = {}) => {
    const url = new URL(String(input))
    if (init.method === 'POST' && url.search === '') this.documentPosts++
    const exchange: Exchange = new Exchange(this.#parts, this.#cache, url, init, {
      number: ++this.#requests,
      fate: () => drawFate(this.#parts.chance, this.weather),
      latency: () => this.#parts.chance.whole(...this.weather.latencyMs),
      passes: task => this.#passes(task),
      over: () => this.#open.delete(exchange),
    })
    this.#open.add(exchange)
    return exchange.begin()
  }

  get #isParted(): boolean {
    return this.#parts.clock.now() < this.#partedUntil
  }

  /** Runs `task` when something on this line gets through. */
  #passes(task: () => void): void {
    if (this.#dead) return
    if (this.#isParted) this.#stuck.push(task)
    else task()
  }

  #unstick(): void {
    if (this.#isParted || this.#dead) return
    for (const task of this.#stuck.splice(0)) task()
  }
}

interface Way {
  /** For people: which request this is. */
  readonly number: number
  fate(): Fate
  latency(): number
  passes(task: () => void): void
  over(): void
}

/** One call of `fetch`, over as many redirects as it takes. */
class Exchange {
  readonly #parts: LineParts
  readonly #cache: RedirectCache
  readonly #init: RequestInit
  readonly #way: Way
  #url: URL
  #redirects = 0
  #leg: Leg | undefined
  #over = false
  #resolve: (response: Response) => void = () => undefined
  #reject: (reason: unknown) => void = () => undefined

  constructor(parts: LineParts, cache: RedirectCache, url: URL, init: RequestInit, way: Way) {
    this.#parts = parts
    this.#cache = cache
    this.#url = url
    this.#init = init
    this.#way = way
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

  /** Nobody is at this end any more. */
  abandon(): void {
    this.#leg?.abandon()
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    this.#init.signal?.removeEventListener('abort', this.#aborted)
    this.#way.over()
  }

  #send(): void {
    const cached = this.#init.method === 'GET' ? this.#cache.find(this.#url, this.#init.cache) : undefined
    if (cached !== undefined) {
      this.#note('redirected by the cache')
      this.#redirect(cached)
      return
    }
    const fate = this.#way.fate()
    const leg = new Leg(this.#parts, this.#url, this.#init, this.#way, fate, {
      note: what => this.#note(what),
      fail: reason => this.#over || this.#fail(reason),
      answer: response => this.#answer(leg, response),
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
      this.#cache.keep(this.#url, this.#init.cache, response)
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

  /** The client has no more interest: the server is told, as fast as the line allows. */
  leave(): void {
    if (this.#left) return
    this.#left = true
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
