import type { AwarenessEntry } from '../../protocol/index.ts'
import { Header, Query } from '../../protocol/index.ts'
import { settled } from '../streams/world.ts'
import { entriesIn } from '../yjs/presence-fixture.ts'

/** What one client posted about whom. */
export interface Post {
  readonly at: number
  readonly words: readonly AwarenessEntry[]
  readonly keepalive: boolean
}

export interface LineParts {
  now(): number
  delay(ms: number): Promise<void>
  /** The server; undefined while there is none. */
  server(): ((request: Request) => Promise<Response>) | undefined
}

/** One client's way to the server, which can be slow, cut, or answered by somebody else. */
export class Line {
  readonly posts: Post[] = []
  /** Requests under way that write. */
  writing = 0
  mostWriting = 0
  reads = 0
  isDown = false
  /** How long a request takes to the server, and how long its answer takes back. */
  latencyMs = 0
  /** Makes something else of the headers of an answer. */
  tamper: ((request: Request, headers: Headers) => void) | undefined
  /** Answers in place of the server, if it does. */
  answers: ((request: Request) => Response | undefined) | undefined
  readonly #parts: LineParts
  readonly #open = new Set<() => void>()

  constructor(parts: LineParts) {
    this.#parts = parts
  }

  /** Live and other answers that are being read break off; nothing passes until `isDown` is false. */
  cut(): void {
    this.isDown = true
    for (const fail of this.#open) fail()
  }

  /** As `cut`, and the next request passes. */
  blink(): void {
    this.cut()
    this.isDown = false
  }

  readonly fetch: typeof fetch = async (input, init = {}) => {
    const request = new Request(String(input), init as RequestInit)
    const body = request.method === 'POST' ? new Uint8Array(await request.clone().arrayBuffer()) : undefined
    if (!body) this.reads++
    else
      this.posts.push({ at: this.#parts.now(), words: entriesIn(body), keepalive: init.keepalive ?? false })
    if (body) this.mostWriting = Math.max(this.mostWriting, ++this.writing)
    try {
      return await this.#exchange(request, init.signal ?? undefined)
    } finally {
      if (body) this.writing--
    }
  }

  async #exchange(request: Request, signal: AbortSignal | undefined): Promise<Response> {
    await this.#way(signal)
    const server = this.#parts.server()
    if (this.isDown || !server) throw new TypeError('connection refused')
    const response = this.answers?.(request) ?? (await server(request))
    await this.#way(signal)
    if (this.isDown) throw new TypeError('connection reset')
    const { status, body } = response
    const headers = new Headers(response.headers)
    this.tamper?.(request, headers)
    const answer = new Response(body && this.#breakable(body, signal), { status, headers })
    return Object.defineProperty(answer, 'url', { value: request.url })
  }

  async #way(signal: AbortSignal | undefined): Promise<void> {
    if (this.latencyMs > 0) await this.#parts.delay(this.latencyMs)
    if (signal?.aborted) throw signal.reason
  }

  #breakable(body: ReadableStream<Uint8Array>, signal: AbortSignal | undefined): ReadableStream<Uint8Array> {
    const reader = body.getReader()
    let fail: () => void = () => undefined
    const over = () => this.#open.delete(fail)
    return new ReadableStream<Uint8Array>({
      start: controller => {
        fail = () => {
          over()
          controller.error(new TypeError('connection reset'))
          reader.cancel().catch(() => undefined)
        }
        this.#open.add(fail)
        signal?.addEventListener('abort', fail)
      },
      pull: async controller => {
        const { done, value } = await reader.read()
        if (!this.#open.has(fail)) return
        if (value) controller.enqueue(value)
        if (!done) return
        over()
        controller.close()
      },
      cancel: () => {
        over()
        return reader.cancel()
      },
    })
  }
}

/** Whether a request asks who is there. */
export const asksForAll = (request: Request): boolean =>
  request.method === 'GET' && !new URL(request.url).searchParams.has(Query.live)

export const refusal = (status: number, code: string): Response =>
  new Response(JSON.stringify({ error: { code, message: 'refused by the test' } }), {
    status,
    headers: { 'Content-Type': 'application/json', [Header.upToDate]: 'true' },
  })

/** Lets everything happen that waits for no timer, streams of streams included. */
export const quiet = (): Promise<void> => settled(12)
