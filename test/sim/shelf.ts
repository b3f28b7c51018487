import * as Y from 'yjs'
import type {
  Loaded,
  LocalStore,
  LocalStoreParts,
  OpenLocalStore,
  StoredFlight,
} from '../../provider/local/local-store.ts'
import type { Place } from '../../provider/place.ts'
import type { Chance } from './chance.ts'
import type { Clock, Life } from './clock.ts'
import { Held } from './held.ts'

/** Milliseconds that a browser's disk takes at most, and how many updates are stored before they are joined. */
export interface ShelfPlan {
  readonly readMs: number
  readonly writeMs: number
  readonly mostUpdates: number
}

interface Stored {
  readonly update: Uint8Array
  readable: boolean
}

const refusal = () => new DOMException('The quota has been exceeded.', 'QuotaExceededError')
const evicted = () => new DOMException('The database was deleted.', 'InvalidStateError')
const cleared = () => new Error('what was stored was cleared by another tab')
const unreadable = () => new Error('a stored update cannot be read')

/** What one browser keeps of the document on its disk, for all its tabs. It survives them. */
export class Shelf {
  readonly #plan: ShelfPlan
  /** Whether the browser refuses to store anything, for now. */
  refuses = false
  updates: Stored[] = []
  place: Place | undefined
  readonly flights = new Map<string, StoredFlight>()
  /** Grows whenever something stored is gone: whoever had it open before must store all it has. */
  losses = 0
  /** Grows with each clearing: whoever had it open before stores nothing any more. */
  clearings = 0
  readonly #open = new Map<SimulatedStore, Life>()

  constructor(plan: ShelfPlan) {
    this.#plan = plan
  }

  /** The disk as one tab sees it. What it asked for is done also when it is frozen or left, but it does not hear of it. */
  opener(life: Life, clock: Clock, chance: Chance): OpenLocalStore {
    const wait = (most: number): Promise<void> => {
      const ms = chance.whole(0, most)
      return ms > 0 ? new Promise(resolve => clock.after(ms, resolve)) : Promise.resolve()
    }
    const access: Access = {
      read: () => wait(this.#plan.readMs),
      write: () => wait(this.#plan.writeMs),
      hears: () =>
        new Promise(resolve => {
          if (life.frozen) life.after(0, resolve)
          else if (!life.over) resolve()
        }),
    }
    return async parts => {
      const store = new SimulatedStore(this, access, parts)
      await store.open()
      this.#open.set(store, life)
      life.atEnd(() => this.#open.delete(store))
      return store
    }
  }

  /** Something ended a tab so suddenly that what it asked for is not done. */
  cut(life: Life): void {
    for (const [store, its] of this.#open) if (its === life) store.cut()
  }

  /** Whoever reads what is stored gets this. */
  get held(): Held {
    const held = new Held()
    for (const { update, readable } of this.updates) if (readable) held.add(Held.of(update))
    return held
  }

  /** Whether whoever opens it next can go on from where the last one was. */
  get hasPlace(): boolean {
    return this.place !== undefined && this.updates.every(({ readable }) => readable)
  }

  add(update: Uint8Array): void {
    this.updates.push({ update, readable: true })
    if (this.updates.length > this.#plan.mostUpdates) this.#join()
  }

  /** Updates that cannot be read are gone, and with them the place: it is ahead of what is left. */
  dropUnreadable(): boolean {
    const readable = this.updates.filter(stored => stored.readable)
    if (readable.length === this.updates.length) return false
    this.updates = readable
    this.place = undefined
    this.losses++
    return true
  }

  /** Removes everything, for good. */
  clear(): void {
    this.clearings++
    this.#empty()
  }

  /** The browser takes the space back. Those that have it open are told. */
  evict(): void {
    this.#empty()
    for (const store of this.#open.keys()) store.lose()
  }

  /** Something else is stored among the updates. */
  spoil(): void {
    this.updates.push({ update: new Uint8Array(), readable: false })
  }

  /** Some of the updates that `may` be are unreadable from now on. @returns how many */
  corrupt(chance: Chance, may: (update: Uint8Array) => boolean): number {
    const hit = this.updates.filter(({ update }) => chance.happens(0.5) && may(update))
    for (const stored of hit) stored.readable = false
    return hit.length
  }

  #empty(): void {
    this.updates = []
    this.place = undefined
    this.flights.clear()
    this.losses++
  }

  #join(): void {
    const whole = this.updates.filter(({ readable }) => readable)
    const broken = this.updates.filter(({ readable }) => !readable)
    const update = Y.mergeUpdates(whole.map(stored => stored.update))
    this.updates = [...broken, { update, readable: true }]
  }
}

interface Access {
  /** Takes the time of reading. */
  read(): Promise<void>
  write(): Promise<void>
  /** Resolves when the tab runs; never when it is no more. */
  hears(): Promise<void>
}

/** One tab's hold on its browser's shelf. Writes go one after another, each whole or not at all. */
class SimulatedStore implements LocalStore {
  readonly #shelf: Shelf
  readonly #access: Access
  readonly #parts: LocalStoreParts
  loaded: Loaded = { place: undefined, flights: [] }
  #losses = 0
  #clearings = 0
  /** Whether the shelf lacks some of what this tab stored. */
  #owesAll = false
  /** What this tab stored beside the updates. */
  #place: Place | undefined
  readonly #flights = new Map<string, StoredFlight>()
  #over = false
  #isCut = false
  readonly #waiting: ((shelf: Shelf) => void)[] = []
  /** The last of the writes. */
  #queue: Promise<void> = Promise.resolve()

  constructor(shelf: Shelf, access: Access, parts: LocalStoreParts) {
    this.#shelf = shelf
    this.#access = access
    this.#parts = parts
  }

  async open(): Promise<void> {
    const { doc, onProblem } = this.#parts
    await this.#access.read()
    await this.#access.hears()
    const shelf = this.#shelf
    if (shelf.dropUnreadable()) onProblem(unreadable())
    this.#losses = shelf.losses
    this.#clearings = shelf.clearings
    this.loaded = { place: shelf.place, flights: [...shelf.flights.values()] }
    const stored = shelf.updates.map(({ update }) => update)
    const held = shelf.held
    const apply = () => {
      for (const update of stored) Y.applyUpdate(doc, update, this)
    }
    if (stored.length > 0) Y.transact(doc, apply, this, false)
    const all = Y.encodeStateAsUpdate(doc)
    if (!held.covers(Held.of(all))) this.#store(all)
    doc.on('update', this.#onUpdate)
    doc.on('destroy', this.#stop)
  }

  keep(place: Place): Promise<void> {
    return this.#write(shelf => {
      this.#place = place
      shelf.place = place
    })
  }

  keepFlight(flight: StoredFlight): Promise<void> {
    return this.#write(shelf => {
      for (const flights of [this.#flights, shelf.flights]) flights.set(flight.producerId, flight)
    })
  }

  dropFlight(producerId: string, seq: number): Promise<void> {
    return this.#write(shelf => {
      for (const flights of [this.#flights, shelf.flights]) {
        if (flights.get(producerId)?.seq === seq) flights.delete(producerId)
      }
    })
  }

  async clear(): Promise<void> {
    this.#stop()
    await this.#queue
    await this.#access.write()
    this.#shelf.clear()
    await this.#access.hears()
  }

  async close(): Promise<void> {
    this.#stop()
    await this.#queue
    await this.#access.hears()
  }

  cut(): void {
    this.#isCut = true
  }

  /** The shelf was emptied under this store. */
  lose(): void {
    if (this.#over) return
    this.#parts.onProblem(evicted())
    void this.#write()
  }

  readonly #onUpdate = (update: Uint8Array, origin: unknown) => {
    if (origin !== this) this.#store(update)
  }

  readonly #stop = () => {
    this.#over = true
    this.#parts.doc.off('update', this.#onUpdate)
    this.#parts.doc.off('destroy', this.#stop)
  }

  #store(update: Uint8Array): void {
    void this.#write(shelf => shelf.add(update))
  }

  /** Runs `change` when everything before it is stored. Resolves when it is stored too, or will not be. */
  async #write(change: (shelf: Shelf) => void = () => undefined): Promise<void> {
    if (!this.#over) {
      this.#waiting.push(change)
      if (this.#waiting.length === 1) this.#queue = this.#queue.then(() => this.#writeAll())
    }
    await this.#queue
    await this.#access.hears()
  }

  /** All that is asked for by then is stored in one go. */
  async #writeAll(): Promise<void> {
    await this.#access.write()
    const changes = this.#waiting.splice(0)
    if (!this.#isCut) for (const change of changes) this.#apply(change)
  }

  #apply(change: (shelf: Shelf) => void): void {
    const { onProblem } = this.#parts
    const shelf = this.#shelf
    if (shelf.clearings > this.#clearings) {
      if (!this.#over) onProblem(cleared())
      this.#stop()
      return
    }
    if (shelf.refuses) {
      this.#owesAll = true
      onProblem(refusal())
      return
    }
    if (this.#owesAll || shelf.losses > this.#losses) this.#restore(shelf)
    change(shelf)
  }

  #restore(shelf: Shelf): void {
    shelf.add(Y.encodeStateAsUpdate(this.#parts.doc))
    if (this.#place) shelf.place = this.#place
    for (const [producerId, flight] of this.#flights) shelf.flights.set(producerId, flight)
    this.#losses = shelf.losses
    this.#owesAll = false
  }
}
