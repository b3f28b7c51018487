import type { Env } from '../../client/index.ts'
import type { Replica } from '../replica.ts'
import { Keeper } from './keeper.ts'
import type { FlightLog, Loaded, LocalStore, OpenLocalStore } from './local-store.ts'
import { patient } from './patient.ts'

export interface KeptParts {
  readonly name: string
  readonly open: OpenLocalStore
  readonly replica: Replica
  readonly env: Env
  onProblem(cause: unknown): void
}

/** What is kept of one document in the browser, from the moment on that it is asked for. */
export class Kept {
  /** Resolves when what was stored is in the document. */
  readonly loaded: Promise<Loaded>
  #store: LocalStore | undefined
  #flights: FlightLog | undefined
  #keeper: Keeper | undefined
  #closed = false

  constructor(parts: KeptParts) {
    parts.replica.expectLoad()
    this.loaded = this.#open(parts)
  }

  /** Undefined until loaded. */
  get flightLog(): FlightLog | undefined {
    return this.#flights
  }

  /** What was read, or what the server is known to hold, changed. */
  changed(): void {
    this.#keeper?.changed()
  }

  /** The page may be going. */
  flush(): void {
    this.#keeper?.flush()
  }

  /** Removes what is kept, and keeps nothing from then on. */
  async clear(): Promise<void> {
    await this.loaded
    await this.#keeper?.close()
    this.#closed = true
    await this.#store?.clear()
    this.#store = undefined
    this.#flights = undefined
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.loaded
    await this.#keeper?.close()
    await this.#store?.close()
  }

  async #open({ name, open, replica, env, onProblem }: KeptParts): Promise<Loaded> {
    try {
      this.#store = await open({ name, doc: replica.doc, onProblem })
    } catch (cause) {
      onProblem(cause) // its code could not be downloaded
    }
    const store = this.#store
    if (store) {
      this.#keeper = new Keeper({ store, replica, env })
      this.#flights = patient(store, env)
    }
    const loaded = store?.loaded ?? { place: undefined, flights: [] }
    try {
      replica.load(loaded.place)
    } catch (cause) {
      onProblem(cause) // the place is of another version, or spoilt: all of the log is read again
      replica.load(undefined)
    }
    return loaded
  }
}
