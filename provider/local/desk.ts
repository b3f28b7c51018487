import type { Env } from '../../client/index.ts'
import type { Place } from '../place.ts'
import { clearedElsewhere, type LocalProblem, storageFailed } from './local-problem.ts'
import type { StoredFlight } from './local-store.ts'
import { type Changes, type Contents, type Keys, Shelf, type Stored } from './shelf.ts'
import { answerMs, within } from './within.ts'

export interface DeskParts {
  readonly name: string
  readonly env: Pick<Env, 'sleep'>
  /** The whole document, as it is now. */
  encode(): Uint8Array
  onProblem(cause: unknown): void
}

const firstWaitMs = 1_000
const longestWaitMs = 60_000

const nothing: Contents = {
  updates: [],
  place: undefined,
  flights: [],
  problems: [],
  unreadable: { updates: [], custom: [] },
  mustBegin: false,
}

/**
 * Keeps a shelf in use whatever the browser does to it: one that fails is replaced, and the new one is given the whole
 * document with what is to be kept beside it. No method rejects, but for `clear`.
 */
export class Desk {
  readonly #parts: DeskParts
  readonly #end = new AbortController()
  readonly #flights = new Map<string, StoredFlight>()
  #place: Place | undefined
  /** Undefined while there is none that works. */
  #shelf: Shelf | undefined
  /** The opening of another shelf that is under way. */
  #attempt: Promise<void> | undefined
  #hasTold = false

  constructor(parts: DeskParts) {
    this.#parts = parts
  }

  async open(): Promise<Contents> {
    const { name, env } = this.#parts
    let shelf: Shelf | undefined
    try {
      shelf = await Shelf.open(name, env)
      const contents = await within(answerMs, shelf.load(), env)
      if (!contents) throw new Error(`the browser did not say within ${answerMs / 1_000} s what is stored`)
      this.#use(shelf)
      this.#place = contents.place
      for (const flight of contents.flights) this.#flights.set(flight.producerId, flight)
      return contents
    } catch (cause) {
      shelf?.close()
      this.#tell(storageFailed('this browser could not open its storage', cause))
      this.#recover(0, firstWaitMs)
      return nothing
    }
  }

  begin(without: Keys): Promise<void> {
    return this.#with(shelf => shelf.begin(without))
  }

  /** Resolves when all of it is stored, or cannot be for now. */
  write(changes: Changes): Promise<void> {
    if (changes.place) this.#place = changes.place
    if (changes.flight) this.#flights.set(changes.flight.producerId, changes.flight)
    return this.#with(async shelf => this.#heed(shelf, await shelf.write(changes)))
  }

  drop(producerId: string, seq: number): Promise<void> {
    if (this.#flights.get(producerId)?.seq === seq) this.#flights.delete(producerId)
    return this.#with(shelf => shelf.drop(producerId, seq))
  }

  /** Call it when everything that was asked for has resolved. Tries once more to store what could not be. */
  async close(): Promise<void> {
    const hasEnded = this.#end.signal.aborted
    this.#end.abort()
    await this.#attempt
    if (!this.#shelf && !hasEnded) await this.#restore(0)
    this.#shelf?.close()
    this.#shelf = undefined
  }

  /** @throws LocalProblem when the browser does not let it be removed */
  async clear(): Promise<void> {
    this.#end.abort()
    await this.#attempt
    const { name, env } = this.#parts
    try {
      const shelf = this.#shelf ?? (await Shelf.open(name, env))
      this.#shelf = undefined
      await shelf.clear()
    } catch (cause) {
      throw storageFailed('this browser did not remove what it kept of the document', cause)
    }
  }

  async #with(work: (shelf: Shelf) => Promise<void>): Promise<void> {
    if (!this.#shelf) await this.#attempt
    const shelf = this.#shelf
    if (!shelf) return
    try {
      await work(shelf)
    } catch (cause) {
      if (shelf.isLeaving) await shelf.gone
      else this.#lose(shelf, storageFailed('this browser did not store a change', cause))
      await this.#attempt
    }
  }

  async #heed(shelf: Shelf, stored: Stored): Promise<void> {
    if (stored === 'cleared') this.#giveUp(shelf)
    if (stored === 'lost') {
      this.#lose(shelf)
      await this.#attempt
    }
    if (stored !== 'crowded') return
    const { encode, onProblem } = this.#parts
    await this.#heed(shelf, await shelf.join(encode, onProblem))
  }

  #use(shelf: Shelf): void {
    this.#shelf = shelf
    this.#hasTold = false
    void shelf.gone.then(why => {
      if (why === 'cleared') this.#giveUp(shelf)
      else this.#lose(shelf, storageFailed('this browser closed its storage'))
    })
  }

  #giveUp(shelf: Shelf): void {
    if (this.#shelf !== shelf) return
    this.#shelf = undefined
    shelf.close()
    this.#end.abort()
    this.#parts.onProblem(clearedElsewhere())
  }

  #lose(shelf: Shelf, problem?: LocalProblem): void {
    if (this.#shelf !== shelf) return
    this.#shelf = undefined
    shelf.close()
    if (problem) this.#tell(problem)
    this.#recover(shelf.life, 0)
  }

  #recover(life: number, afterMs: number): void {
    const { signal } = this.#end
    const again = async () => {
      let waitMs = afterMs
      while (!signal.aborted && !this.#shelf) {
        if (waitMs > 0) await this.#parts.env.sleep(waitMs, signal)
        if (signal.aborted) return
        this.#attempt = this.#restore(life)
        await this.#attempt
        this.#attempt = undefined
        waitMs = Math.min(longestWaitMs, Math.max(firstWaitMs, 2 * waitMs))
      }
    }
    void again()
  }

  async #restore(life: number): Promise<void> {
    const { name, env, encode, onProblem } = this.#parts
    let shelf: Shelf | undefined
    try {
      shelf = await Shelf.open(name, env, life)
      const stored = await shelf.restore(encode, this.#place, this.#flights.values(), onProblem)
      this.#use(shelf)
      if (stored === 'cleared') this.#giveUp(shelf)
    } catch (cause) {
      shelf?.close()
      this.#tell(storageFailed('this browser could not open its storage again', cause))
    }
  }

  #tell(problem: LocalProblem): void {
    if (this.#hasTold) return
    this.#hasTold = true
    this.#parts.onProblem(problem)
  }
}
