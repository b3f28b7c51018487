import type { Env } from '../../client/index.ts'
import type { Replica } from '../replica.ts'
import type { LocalStore } from './local-store.ts'

export interface KeeperParts {
  readonly store: LocalStore
  readonly replica: Replica
  readonly env: Env
}

/** A reload reads again what was read since the place was kept last; keeping it with every keystroke would cost more. */
const restMs = 1_000

/** Keeps the place in step with the document, soon after it changed. */
export class Keeper {
  readonly #parts: KeeperParts
  readonly #over = new AbortController()
  #due = false
  #running: Promise<void> | undefined

  constructor(parts: KeeperParts) {
    this.#parts = parts
  }

  /** What was read, or what the server is known to hold, changed. */
  changed(): void {
    this.#due = true
    this.#running ??= this.#run()
  }

  /** At once: there may be no later. */
  flush(): void {
    if (!this.#due) return
    this.#due = false
    void this.#keep()
  }

  /** Keeps what is due, and nothing after that. */
  async close(): Promise<void> {
    this.flush()
    this.#over.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#over
    while (this.#due && !signal.aborted) {
      await this.#parts.env.sleep(restMs, signal)
      if (!this.#due) break
      this.#due = false
      await this.#keep()
    }
    this.#running = undefined
  }

  async #keep(): Promise<void> {
    const { store, replica } = this.#parts
    const { place } = replica
    if (place) await store.keep(place)
  }
}
