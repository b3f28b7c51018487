import * as Y from 'yjs'
import { type Env, realEnv } from '../../client/index.ts'
import { joinUpdates } from '../join-updates.ts'
import type { Place } from '../place.ts'
import { isSilent } from '../silence.ts'
import { Coverage, summaryOf } from './coverage.ts'
import { Desk } from './desk.ts'
import { Latest } from './latest.ts'
import { unreadable } from './local-problem.ts'
import type { Loaded, LocalStore, LocalStoreParts, OpenLocalStore, StoredFlight } from './local-store.ts'
import type { Changes, Contents } from './shelf.ts'
import { answerMs, within } from './within.ts'

/** Above this many writes at once, updates wait, and are stored as one. */
const mostWrites = 8

class IndexedDbStore implements LocalStore {
  readonly loaded: Loaded
  readonly #doc: Y.Doc
  readonly #desk: Desk
  readonly #placing = new Latest(() => this.#keepPlace())
  #place: Place | undefined
  #queue: Uint8Array[] = []
  #writes = 0
  /** Resolves when all writes so far have ended. */
  #written: Promise<void> = Promise.resolve()
  #ending: Promise<void> | undefined

  /** Applies what was stored, and listens from then on. */
  constructor({ doc, onProblem }: LocalStoreParts, desk: Desk, contents: Contents) {
    this.#doc = doc
    this.#desk = desk
    const before = Y.encodeStateAsUpdate(doc)
    if (isNews(before, contents)) this.#queue.push(before)
    doc.on('update', this.#onUpdate) // observers may answer what is applied
    const broken = apply(doc, contents, this, onProblem)
    const isWhole = contents.problems.length === 0 && broken.length === 0
    this.loaded = { place: isWhole ? contents.place : undefined, flights: contents.flights }
    if (contents.mustBegin || !isWhole) {
      const { updates, custom } = contents.unreadable
      void this.#track(desk.begin({ updates: [...updates, ...broken], custom }))
    }
    this.#flush()
  }

  /** Resolves when what was given so far is stored, or cannot be. */
  settled(): Promise<void> {
    return this.#written
  }

  keep(place: Place): Promise<void> {
    if (this.#ending) return Promise.resolve()
    this.#place = place
    return this.#placing.run()
  }

  async keepFlight(flight: StoredFlight): Promise<void> {
    if (this.#ending) return
    this.#catchUp()
    await this.#write({ flight })
  }

  async dropFlight(producerId: string, seq: number): Promise<void> {
    if (!this.#ending) await this.#track(this.#desk.drop(producerId, seq))
  }

  clear(): Promise<void> {
    this.#doc.off('update', this.#onUpdate)
    this.#queue = []
    const clearing = this.#desk.clear()
    this.#ending = clearing.catch(() => undefined)
    return clearing
  }

  close(): Promise<void> {
    this.#ending ??= this.#close()
    return this.#ending
  }

  async #close(): Promise<void> {
    this.#doc.off('update', this.#onUpdate)
    this.#catchUp()
    if (this.#queue.length > 0) void this.#write({})
    await this.#placing.idle()
    await this.#written
    await this.#desk.close()
  }

  readonly #onUpdate = (update: Uint8Array, origin: unknown): void => {
    if (origin === this) return
    this.#queue.push(update)
    // All that one task of the page does is one write.
    if (this.#queue.length === 1) void Promise.resolve().then(() => this.#flush())
  }

  /** What Yjs told nobody of is in the document. */
  #catchUp(): void {
    if (isSilent(this.#doc)) this.#queue.push(Y.encodeStateAsUpdate(this.#doc))
  }

  #flush(): void {
    if (this.#queue.length > 0 && this.#writes < mostWrites) void this.#write({})
  }

  /** The place is written when all updates before it are known to be stored, or together with them. */
  async #keepPlace(): Promise<void> {
    const place = this.#place
    if (!place) return
    this.#catchUp()
    if (this.#writes > 0) {
      if (this.#queue.length > 0) void this.#write({})
      await this.#written
    }
    await this.#write({ place })
  }

  #write(changes: Changes): Promise<void> {
    const update = this.#queue.length > 0 ? joinUpdates(this.#queue) : undefined
    this.#queue = []
    return this.#track(this.#desk.write({ ...changes, update }))
  }

  #track(write: Promise<void>): Promise<void> {
    this.#writes++
    const ended = write.then(() => {
      this.#writes--
      this.#flush()
    })
    this.#written = Promise.all([this.#written, ended]).then(() => undefined)
    return this.#written
  }
}

const isNews = (update: Uint8Array, { updates }: Contents): boolean => {
  try {
    return !Coverage.of(updates.map(({ summary }) => summary)).has(summaryOf(update))
  } catch {
    return true
  }
}

/** @returns the keys of what Yjs would not take */
const apply = (
  doc: Y.Doc,
  { updates, problems }: Contents,
  origin: LocalStore,
  onProblem: (cause: unknown) => void,
): IDBValidKey[] => {
  const broken: IDBValidKey[] = []
  for (const problem of problems) onProblem(problem)
  const applyAll = () => {
    for (const { key, bytes } of updates) {
      try {
        Y.applyUpdate(doc, bytes, origin)
      } catch (cause) {
        broken.push(key)
        onProblem(unreadable('an update', bytes, cause))
      }
    }
  }
  try {
    if (updates.length > 0) Y.transact(doc, applyAll, origin, false)
  } catch (thrown) {
    onProblem(thrown) // by an observer: the content is in the document
  }
  return broken
}

/** What a listener of the app throws is the app's, and must not undo a transaction of ours. */
const unharmed =
  (onProblem: (cause: unknown) => void) =>
  (cause: unknown): void => {
    try {
      onProblem(cause)
    } catch (thrown) {
      void Promise.reject(thrown)
    }
  }

/** The store in IndexedDB, with waits that a test may decide. */
export const openIndexedDbWith =
  (env: Pick<Env, 'sleep'>): OpenLocalStore =>
  async given => {
    const parts = { ...given, onProblem: unharmed(given.onProblem) }
    const { name, doc, onProblem } = parts
    const desk = new Desk({ name, env, encode: () => Y.encodeStateAsUpdate(doc), onProblem })
    const store = new IndexedDbStore(parts, desk, await desk.open())
    await within(answerMs, store.settled(), env)
    return store
  }

/**
 * Keeps a document in the database that y-indexeddb would use under the same name, with its layout, so that an app can
 * go over from one to the other with its data.
 */
export const openIndexedDb: OpenLocalStore = openIndexedDbWith(realEnv)
