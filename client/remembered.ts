import type { Memory } from './env.ts'
import { limits } from './limits.ts'

/**
 * Until when event streams of one origin are avoided: what all followers of a page have learnt, and the page after a
 * reload. A memory that throws or forgets costs no more than that: then this one follower remembers.
 */
export class Remembered {
  readonly #memory: Memory
  readonly #key: string
  /** What the memory would not take. */
  #own: string | undefined

  constructor(memory: Memory, origin: string) {
    this.#memory = memory
    this.#key = `durable-streams-yjs:polls:${origin}`
  }

  /** Milliseconds since 1970; undefined when there is nothing against event streams. What nobody here can have written is nothing. */
  until(now: number): number | undefined {
    const text = this.#read() ?? this.#own
    if (text === undefined || !/^\d{1,15}$/.test(text)) return undefined
    const until = Number(text)
    return until <= now + limits.rememberMs ? until : undefined
  }

  keep(until: number): void {
    const text = String(Math.round(until))
    try {
      this.#memory.setItem(this.#key, text)
    } catch {
      // Full, or forbidden: read below, it is not there.
    }
    this.#own = this.#read() === text ? undefined : text
  }

  forget(): void {
    this.#own = undefined
    try {
      this.#memory.removeItem(this.#key)
    } catch {
      // As above; it ends by itself.
    }
  }

  #read(): string | undefined {
    try {
      return this.#memory.getItem(this.#key) ?? undefined
    } catch {
      return undefined
    }
  }
}
