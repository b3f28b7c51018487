import type { Env } from '../../client/index.ts'

/** A small seeded generator: the same seed, the same run. */
export const seeded = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** One request as the server saw it. */
export interface Seen {
  readonly method: string
  readonly url: URL
  readonly headers: Headers
  readonly body: string
  readonly bytes: Uint8Array
  readonly cache: RequestCache | undefined
}

export type Answering = (seen: Seen) => Response | Promise<Response>

interface Sleeper {
  readonly at: number
  wake(): void
}

/**
 * A world in which nothing happens but what a test says: a clock that is moved by hand, a network that is a function,
 * and a count of everything still open.
 */
export class World implements Env {
  /** What timers go by. */
  time = Date.UTC(2025, 0, 1)
  /** How wrong the clock on the wall is. */
  skew = 0
  readonly seen: Seen[] = []
  /** The sleeps that were slept to their end, in milliseconds: waits, not watches that were called off. */
  readonly slept: number[] = []
  /** Called at everything that happens, with its number: where a test may interfere. */
  onEvent: (event: number) => void = () => {}
  /** What the page has kept, as sessionStorage would. */
  readonly kept = new Map<string, string>()
  readonly memory = {
    getItem: (key: string) => this.kept.get(key) ?? null,
    setItem: (key: string, value: string) => void this.kept.set(key, value),
    removeItem: (key: string) => void this.kept.delete(key),
  }
  readonly #answer: Answering
  readonly #random: () => number
  readonly #sleepers = new Set<Sleeper>()
  readonly #bodies = new Set<object>()
  readonly #requests = new Set<object>()
  #events = 0

  constructor(answer: Answering, random: () => number = () => 0.5) {
    this.#answer = answer
    this.#random = random
  }

  /** Timers, requests and bodies that somebody still holds. */
  get open(): { timers: number; requests: number; bodies: number } {
    return { timers: this.#sleepers.size, requests: this.#requests.size, bodies: this.#bodies.size }
  }

  now = (): number => this.time + this.skew
  random = (): number => this.#random()

  sleep = (ms: number, signal: AbortSignal): Promise<void> => {
    this.#happened()
    return new Promise(resolve => {
      if (signal.aborted) return resolve()
      const leave = () => {
        this.#sleepers.delete(sleeper)
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const sleeper = {
        at: this.time + ms,
        wake: () => {
          this.slept.push(ms)
          leave()
        },
      }
      this.#sleepers.add(sleeper)
      signal.addEventListener('abort', leave)
    })
  }

  /** Obeys its signal as fetch does, until the answer is there; after that its reader has to let go of the body. */
  fetch: typeof fetch = async (input, init) => {
    const request = new Request(input, init)
    const bytes = new Uint8Array(await request.arrayBuffer())
    const { method, headers } = request
    const seen = {
      method,
      headers,
      bytes,
      body: new TextDecoder().decode(bytes),
      url: new URL(request.url),
      cache: init?.cache,
    }
    this.seen.push(seen)
    const ticket = {}
    this.#requests.add(ticket)
    this.#happened()
    try {
      return await new Promise<Response>((resolve, reject) => {
        const abort = () => reject(init?.signal?.reason)
        if (init?.signal?.aborted) return abort()
        init?.signal?.addEventListener('abort', abort)
        Promise.resolve(seen).then(this.#answer).then(resolve, reject)
      })
    } finally {
      this.#requests.delete(ticket)
    }
  }

  /** A body that gives one chunk whenever it is asked, and then ends, breaks off, or falls silent. */
  body(
    chunks: readonly Uint8Array[],
    end: 'ends' | 'breaks' | 'hangs',
  ): ReadableStream<Uint8Array<ArrayBuffer>> {
    const ticket = {}
    this.#bodies.add(ticket)
    let next = 0
    return new ReadableStream(
      {
        pull: controller => {
          this.#happened()
          const chunk = chunks[next++]
          if (chunk) return controller.enqueue(new Uint8Array(chunk))
          if (end === 'hangs') return new Promise<void>(() => {})
          this.#bodies.delete(ticket)
          return end === 'ends' ? controller.close() : controller.error(new TypeError('terminated'))
        },
        cancel: () => {
          this.#bodies.delete(ticket)
        },
      },
      { highWaterMark: 0 },
    )
  }

  /** Lets everything happen that needs no time. */
  async quiet(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve))
  }

  /** Moves the clock to the next timer and lets happen what follows. */
  async tick(): Promise<void> {
    const due = [...this.#sleepers].sort((a, b) => a.at - b.at)[0]
    if (!due) throw new Error('nothing is left that could happen')
    this.time = Math.max(this.time, due.at)
    due.wake()
    await this.quiet()
  }

  /** Lets so much time pass, and everything happen that it brings. */
  async pass(ms: number): Promise<void> {
    const end = this.time + ms
    await this.quiet()
    while ([...this.#sleepers].some(({ at }) => at <= end)) await this.tick()
    this.time = end
  }

  /** Moves the clock from timer to timer until `work` is settled. */
  async until<T>(work: Promise<T>): Promise<T> {
    let settled = false
    const settle = () => {
      settled = true
    }
    work.then(settle, settle)
    await this.quiet()
    while (!settled) await this.tick()
    return work
  }

  #happened(): void {
    this.onEvent(this.#events++)
  }
}

/** An answer for each request in turn; a request too many fails the test. */
export const script = (...answers: readonly (Response | Error | Answering)[]): Answering => {
  let next = 0
  return seen => {
    const answer = answers[next++]
    if (answer === undefined) throw new Error(`unexpected request ${next}: ${seen.method} ${seen.url.href}`)
    if (answer instanceof Error) throw answer
    return typeof answer === 'function' ? answer(seen) : answer
  }
}
