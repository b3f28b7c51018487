import type { Env } from '../../client/index.ts'
import type { Place } from '../place.ts'
import { asked, Database, deleteDatabase, type Stores } from './database.ts'
import { type LocalProblem, unreadable } from './local-problem.ts'
import type { StoredFlight } from './local-store.ts'
import {
  baseKey,
  baseRecord,
  everyPlace,
  flightKey,
  flightRecord,
  flightsOf,
  type Life,
  lifeKey,
  lifeRecord,
  ours,
  placeKey,
  placeRecord,
  readBase,
  readLife,
  readOwn,
} from './record.ts'
import { joinStored, joinWithWhole, readStored, type StoredUpdate } from './stored-updates.ts'

/** So many updates are joined into one. As y-indexeddb, which may have the same database open, does it at the same number. */
export const mostUpdates = 500

/** The rest is joined with the whole document, and not only with itself, when it is more than this part of it. */
const tailPart = 1 / 2

/** What was stored, as far as it can be read, and what is wrong with the rest. */
export interface Contents {
  readonly updates: readonly StoredUpdate[]
  readonly place: Place | undefined
  readonly flights: readonly StoredFlight[]
  readonly problems: readonly LocalProblem[]
  /** Where the problems are. */
  readonly unreadable: Keys
  /** Whether the database must begin a new life before anything is written: it is new, was cleared, or has problems. */
  readonly mustBegin: boolean
}

export interface Keys {
  readonly updates: readonly IDBValidKey[]
  readonly custom: readonly IDBValidKey[]
}

/** What is written at once. */
export interface Changes {
  readonly update?: Uint8Array | undefined
  readonly place?: Place
  readonly flight?: StoredFlight
}

/**
 * - `kept`: all is well
 * - `crowded`: kept, and there are so many updates now that they should be joined
 * - `lost`: kept, but something else that this tab stored may be gone: it should be given everything
 * - `cleared`: somebody wants nothing to be kept
 */
export type Stored = 'kept' | 'crowded' | 'lost' | 'cleared'

/** One connection to what is kept under a name. */
export class Shelf {
  /** Resolves when the connection ended, and not by `close`: as `cleared` when somebody wants nothing to be kept. */
  readonly gone: Promise<'lost' | 'cleared'>
  readonly #database: Database
  readonly #name: string
  #life: number
  #isLeaving = false

  private constructor(name: string, database: Database, life: number) {
    this.#name = name
    this.#database = database
    this.#life = life
    this.gone = database.ending.then(async () => {
      this.#isLeaving = true
      const left = this.#wasCleared() // asked for before the end, answered after it
      database.close()
      return (await left.catch(() => false)) ? 'cleared' : 'lost'
    })
  }

  /** @param life that of the connection before this one */
  static async open(name: string, env: Pick<Env, 'sleep'>, life = 0): Promise<Shelf> {
    return new Shelf(name, await Database.open(name, env), life)
  }

  get life(): number {
    return this.#life
  }

  /** Whether `gone` is about to resolve, and says more than whatever else failed. */
  get isLeaving(): boolean {
    return this.#isLeaving
  }

  async load(): Promise<Contents> {
    const [{ good, bad }, ownKeys, ownValues] = await this.#database.transact('readonly', stores =>
      Promise.all([
        readStored(stores),
        asked(stores.custom.getAllKeys(ours())),
        asked<unknown[]>(stores.custom.getAll(ours())),
      ]),
    )
    const own = ownKeys.map((key, at) => ({ key, record: ownValues[at], read: readOwn(key, ownValues[at]) }))
    const badOwn = own.filter(({ read }) => !read)
    const problems = [
      ...bad.map(({ problem }) => problem),
      ...badOwn.map(({ key, record }) => unreadable(`the record ${JSON.stringify(key)}`, record)),
    ]
    const life = lifeIn(own)
    this.#life = life?.life ?? 0
    const [place] = own.flatMap(({ read }) =>
      read?.kind === 'place' && read.life === this.#life ? [read.place] : [],
    )
    return {
      updates: good,
      place: problems.length === 0 ? place : undefined,
      flights: own.flatMap(({ read }) => (read?.kind === 'flight' ? [read.flight] : [])),
      problems,
      unreadable: { updates: bad.map(({ key }) => key), custom: badOwn.map(({ key }) => key) },
      mustBegin: !life || life.life === life.cleared || problems.length > 0,
    }
  }

  /** Begins a new life, without what could not be read and without a place. */
  begin(without: Keys): Promise<void> {
    return this.#database.transact('readwrite', async stores => {
      for (const key of without.updates) stores.updates.delete(key)
      for (const key of without.custom) stores.custom.delete(key)
      await this.#beginLife(stores)
    })
  }

  /** Writes all of it or nothing, at once: after this call nothing that happens to the page can stop it. */
  async write({ update, place, flight }: Changes): Promise<Stored> {
    const life = this.#life
    const [key, found, count] = await this.#database.transact('readwrite', ({ updates, custom, commit }) => {
      const added = update && asked(updates.add(update))
      if (place) custom.put(placeRecord(place), placeKey(life))
      if (flight) putFlight(custom, flight)
      const answers = Promise.all([added, asked<unknown>(custom.get(lifeKey)), asked(updates.count())])
      commit()
      return answers
    })
    const verdict = this.#verdict(readLife(found))
    if (verdict === 'cleared') {
      await this.#database.transact('readwrite', async ({ updates, custom, commit }) => {
        if (key !== undefined) updates.delete(key)
        custom.delete(placeKey(life))
        if (flight) custom.delete(flightsOf(flight.producerId))
        commit()
      })
    }
    return verdict ?? (count < mostUpdates ? 'kept' : 'crowded')
  }

  async drop(producerId: string, seq: number): Promise<void> {
    await this.#database.transact('readwrite', async ({ custom, commit }) => {
      custom.delete(flightKey(producerId, seq))
      commit()
    })
  }

  /**
   * Joins the updates if they are still many: the few newer ones with each other, or all with the whole document. What other
   * tabs stored meanwhile is joined as well, whether it is in the document or not.
   * @param encode the document, as it is when this is called
   * @param onProblem called before what it is about is removed
   */
  join(encode: () => Uint8Array, onProblem: (problem: LocalProblem) => void): Promise<Stored> {
    return this.#database.transact('readwrite', async stores => {
      const { updates, custom } = stores
      const [count, life, base] = await Promise.all([
        asked(updates.count()),
        asked<unknown>(custom.get(lifeKey)),
        asked<unknown>(custom.get(baseKey)).then(readBase),
      ])
      const verdict = this.#verdict(readLife(life))
      if (verdict || count < mostUpdates) return verdict ?? 'kept'
      const newer = base && IDBKeyRange.lowerBound(base.key, true)
      const tail = await readStored(stores, newer)
      const bytes = tail.good.reduce((sum, update) => sum + update.bytes.byteLength, 0)
      const hasBase = base && (await asked(updates.getKey(base.key))) !== undefined
      if (newer && hasBase && tail.bad.length === 0 && bytes < base.bytes * tailPart) {
        updates.delete(newer)
        updates.add(joinStored(tail.good))
      } else await this.#rewrite(stores, encode, onProblem)
      return 'kept'
    })
  }

  /** Stores the whole document and these beside it, joined with whatever is there. */
  restore(
    encode: () => Uint8Array,
    place: Place | undefined,
    flights: Iterable<StoredFlight>,
    onProblem: (problem: LocalProblem) => void,
  ): Promise<Stored> {
    return this.#database.transact('readwrite', async stores => {
      const found = readLife(await asked<unknown>(stores.custom.get(lifeKey)))
      if (this.#life > 0 && found && found.cleared >= this.#life) return 'cleared'
      this.#life = found?.life ?? 0
      if (!found || found.life === found.cleared) await this.#beginLife(stores)
      await this.#rewrite(stores, encode, onProblem)
      if (place) stores.custom.put(placeRecord(place), placeKey(this.#life))
      for (const flight of flights) putFlight(stores.custom, flight)
      return 'kept'
    })
  }

  /** Removes everything, and the database as soon as nobody has it open. The connection is closed then. */
  async clear(): Promise<void> {
    await this.#database.transact('readwrite', async ({ updates, custom }) => {
      const life = (readLife(await asked<unknown>(custom.get(lifeKey)))?.life ?? this.#life) + 1
      updates.clear()
      custom.clear()
      custom.put(lifeRecord({ life, cleared: life }), lifeKey)
    })
    this.close()
    await deleteDatabase(this.#name)
  }

  close(): void {
    this.#database.close()
  }

  /** Replaces all updates by the document, and what of them it does not have. */
  async #rewrite(
    stores: Stores,
    encode: () => Uint8Array,
    onProblem: (problem: LocalProblem) => void,
  ): Promise<void> {
    const { good, bad } = await readStored(stores)
    for (const { problem } of bad) onProblem(problem)
    const joined = joinWithWhole(encode(), good, onProblem)
    stores.updates.clear()
    const key = await asked(stores.updates.add(joined))
    stores.custom.put(baseRecord({ key, bytes: joined.byteLength }), baseKey)
    if (bad.length > 0) await this.#beginLife(stores)
  }

  async #beginLife({ custom }: Stores): Promise<void> {
    const found = readLife(await asked<unknown>(custom.get(lifeKey)))
    const life = Math.max(found?.life ?? 0, this.#life) + 1
    custom.delete(everyPlace())
    await asked(custom.put(lifeRecord({ life, cleared: found?.cleared ?? 0 }), lifeKey))
    this.#life = life
  }

  #verdict(found: Life | undefined): 'lost' | 'cleared' | undefined {
    if (found?.life === this.#life && found.cleared < this.#life) return undefined
    return found && found.cleared >= this.#life ? 'cleared' : 'lost'
  }

  async #wasCleared(): Promise<boolean> {
    const found = await this.#database.transact('readonly', ({ custom }) =>
      asked<unknown>(custom.get(lifeKey)),
    )
    return this.#verdict(readLife(found)) === 'cleared'
  }
}

const putFlight = (custom: IDBObjectStore, flight: StoredFlight): void => {
  custom.delete(flightsOf(flight.producerId))
  custom.put(flightRecord(flight), flightKey(flight.producerId, flight.seq))
}

const lifeIn = (
  own: readonly { readonly key: IDBValidKey; readonly record: unknown }[],
): Life | undefined => {
  const [found] = own.filter(({ key }) => indexedDB.cmp(key, lifeKey) === 0)
  return readLife(found?.record)
}
