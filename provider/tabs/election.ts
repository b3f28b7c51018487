import type { Locks } from './origin.ts'

export interface ElectionParts {
  readonly locks: Locks
  /** Of the lock that the leader holds. */
  readonly name: string
}

/** Leads until `reign` fires, or until there is nothing more to lead. */
export type Lead = (reign: AbortSignal) => Promise<void>

/** Who of the tabs of a group leads: the one that holds a lock. Tabs that wait for it are served in the order they came. */
export class Election {
  readonly #parts: ElectionParts
  /** Gives up this tab's place in the queue for the lock. */
  #leaveQueue: () => void = () => undefined
  #leads = false
  #byForce = false

  constructor(parts: ElectionParts) {
    this.#parts = parts
  }

  /**
   * Takes part until `signal` fires or `lead` returns by itself. `lead` is called when this tab has become the leader; its
   * `reign` fires when `signal` does or when another tab took the lock by force, and the lock is free again once `lead` has
   * returned. A deposed tab waits for the lock again after that.
   * @throws what `lead` throws
   */
  async run(signal: AbortSignal, lead: Lead): Promise<void> {
    this.#byForce = false
    for (let more = !signal.aborted; more; ) more = (await this.#campaign(signal, lead)) && !signal.aborted
  }

  /** Takes the lock from whoever holds it: for a leader that does not answer. Nothing happens when this tab leads. */
  depose(): void {
    if (this.#leads) return
    this.#byForce = true
    this.#leaveQueue()
  }

  /** Asks for the lock once. @returns whether there is reason to ask again: deposed, or to be asked for by force */
  async #campaign(signal: AbortSignal, lead: Lead): Promise<boolean> {
    const { locks, name } = this.#parts
    const queue = new AbortController()
    const reign = new AbortController()
    let answered = false
    let ended = false
    let led: Promise<void> | undefined
    const govern = async (): Promise<void> => {
      // A theft cannot be called off, and a lock may be lost again before this tab is told that it had it.
      if (answered || signal.aborted) return
      this.#leads = true
      this.#byForce = false
      led = lead(reign.signal)
      try {
        await led
      } finally {
        ended = true
      }
    }
    const stop = () => {
      queue.abort()
      reign.abort()
    }
    signal.addEventListener('abort', stop)
    this.#leaveQueue = () => queue.abort()
    try {
      await locks.request(name, this.#byForce ? { steal: true } : { signal: queue.signal }, govern)
    } catch (error) {
      if (led && !ended) {
        this.#leads = false
        reign.abort()
      } else if (!led && !queue.signal.aborted && !isAbort(error)) {
        // Opaque origins have no locks (SecurityError), nor have documents that are going (InvalidStateError). This tab then
        // knows of no other, and two leaders harm nobody: they only do everything twice. Alone is better than not at all.
        await govern()
      }
    } finally {
      answered = true
      this.#leaveQueue = () => undefined
      try {
        await led
      } finally {
        this.#leads = false
        signal.removeEventListener('abort', stop)
      }
    }
    return !led || reign.signal.aborted
  }
}

const isAbort = (error: unknown): boolean => error instanceof DOMException && error.name === 'AbortError'
