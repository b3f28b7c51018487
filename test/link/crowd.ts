import { DurableStream, type Env, settleEnv } from '../../client/index.ts'
import { ContentType, controlEvent, Header, heartbeat, type Offset, Present } from '../../protocol/index.ts'
import { seeded } from '../client/world.ts'

const stepMs = 20
const windowMs = 100
const heartbeatMs = 15_000
const next = '0000_0001' as Offset
const bytes = (text: string) => new TextEncoder().encode(text)

interface Link {
  /** In good order, or by a reset. */
  end(how: 'ended' | 'reset'): void
}

/** Lets everything happen that needs no time. */
const settle = async () => {
  for (let turn = 0; turn < 2; turn++) await new Promise(resolve => setImmediate(resolve))
}

/** What the server does with a request. */
export type Mood = 'up' | 'gone' | 'busy'

/** Many followers of one server, in a time that is counted in steps: who asks when is all that matters here. */
export class Crowd {
  mood: Mood = 'up'
  readonly count: number
  /** When each request came. */
  readonly arrivals: number[] = []
  readonly links = new Set<Link>()
  /** What is to happen, by the step in which it does. */
  readonly #due = new Map<number, Set<() => void>>()
  readonly #lifeMs: (random: () => number) => number
  readonly #random: () => number
  readonly #gone: AbortController[] = []
  #time = Date.UTC(2025, 0, 1)

  constructor(count: number, seed: number, lifeMs: (random: () => number) => number) {
    this.count = count
    this.#lifeMs = lifeMs
    this.#random = seeded(seed)
  }

  get time(): number {
    return this.#time
  }

  /** Everybody comes within `withinMs`. */
  async come(withinMs: number): Promise<void> {
    for (let index = 0; index < this.count; index++) void this.#follow(this.#random() * withinMs)
    await this.pass(withinMs)
    await this.back()
  }

  async #follow(afterMs: number): Promise<void> {
    const random = seeded(this.#random() * 2 ** 32)
    const env = settleEnv({ fetch: this.#fetch, now: () => this.#time, random, sleep: this.#sleep })
    const gone = new AbortController()
    const { signal } = gone
    this.#gone.push(gone)
    await env.sleep(afterMs, signal)
    const stream = new DurableStream({ url: 'http://server/s', env })
    for await (const _ of stream.follow({ offset: next, signal }));
  }

  async pass(ms: number): Promise<void> {
    await settle()
    for (const end = this.#time + ms; this.#time < end; ) {
      this.#time += stepMs
      const due = this.#due.get(this.#time)
      if (!due) continue
      this.#due.delete(this.#time)
      for (const task of due) task()
      await settle()
    }
  }

  /** @returns what calls it off */
  #after(ms: number, task: () => void): () => void {
    const at = this.#time + Math.max(1, Math.ceil(ms / stepMs)) * stepMs
    const due = this.#due.get(at) ?? new Set()
    this.#due.set(at, due.add(task))
    return () => {
      due.delete(task)
      if (due.size === 0 && this.#due.get(at) === due) this.#due.delete(at)
    }
  }

  /** Every link ends at one instant. */
  endAll(how: 'ended' | 'reset'): void {
    for (const link of [...this.links]) link.end(how)
  }

  /** The most requests that came in any tenth of a second since. */
  peak(since: number): number {
    const all = this.arrivals.filter(at => at > since)
    let from = 0
    let most = 0
    for (const [index, at] of all.entries()) {
      while ((all[from] ?? at) <= at - windowMs) from++
      most = Math.max(most, index - from + 1)
    }
    return most
  }

  /** Lets time pass until everybody has a link again. @returns how long that took */
  async back(): Promise<number> {
    const began = this.#time
    while (this.links.size < this.count && this.#time < began + 120_000) await this.pass(stepMs)
    return this.#time - began
  }

  async leave(): Promise<void> {
    for (const gone of this.#gone) gone.abort()
    await settle()
  }

  readonly #sleep: Env['sleep'] = (ms, signal) =>
    new Promise(resolve => {
      if (signal.aborted) return resolve()
      const wake = () => {
        callOff()
        signal.removeEventListener('abort', wake)
        resolve()
      }
      const callOff = this.#after(ms, wake)
      signal.addEventListener('abort', wake)
    })

  readonly #fetch: typeof fetch = async (input, init) => {
    this.arrivals.push(this.#time)
    if (this.mood === 'gone') throw new TypeError('refused')
    if (this.mood === 'busy') return new Response('', { status: 503, headers: { 'Retry-After': '1' } })
    if (!String(input).includes('live='))
      return new Response(null, { headers: { [Header.nextOffset]: next, [Header.upToDate]: Present } })
    return new Response(this.#open(init?.signal ?? undefined), {
      headers: { 'Content-Type': ContentType.eventStream },
    })
  }

  #open(signal: AbortSignal | undefined): ReadableStream<Uint8Array<ArrayBuffer>> {
    return new ReadableStream({
      start: controller => {
        let callOff: (() => void)[] = []
        const leave = () => {
          for (const call of callOff) call()
          callOff = []
          this.links.delete(link)
          signal?.removeEventListener('abort', leave)
        }
        const link: Link = {
          end: how => {
            leave()
            if (how === 'ended') controller.close()
            else controller.error(new TypeError('reset'))
          },
        }
        const beat = () => {
          controller.enqueue(bytes(heartbeat))
          callOff[0] = this.#after(heartbeatMs, beat)
        }
        callOff = [
          this.#after(heartbeatMs, beat),
          this.#after(this.#lifeMs(this.#random), () => link.end('ended')),
        ]
        signal?.addEventListener('abort', leave)
        this.links.add(link)
        controller.enqueue(bytes(controlEvent({ nextOffset: next, upToDate: true })))
      },
    })
  }
}
