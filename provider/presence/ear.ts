import { type Awareness, applyAwarenessUpdate } from 'y-protocols/awareness'
import { type AwarenessEntry, encodeAwareness } from '../../protocol/index.ts'
import { isAbsent, lastWords, outdoes, type Word } from './incoming.ts'
import { limits } from './limits.ts'
import { PresenceCode, type PresenceProblem } from './problem.ts'
import type { Speaker } from './speaker.ts'
import type { Watch } from './watch.ts'

/** The last word of each client in what a server sent. */
export type Words = ReadonlyMap<number, Word>

export interface EarParts {
  readonly awareness: Awareness
  /** Of the changes that are made here. */
  readonly origin: unknown
  readonly speaker: Speaker
  readonly watch: Watch
  onProblem(problem: PresenceProblem): void
  /** What the application's observers threw. */
  onThrown(cause: unknown): void
}

/** Takes in what a server says of others: what is news, as one change, and not more than a browser can bear. */
export class Ear {
  readonly #parts: EarParts
  #crowded = false

  constructor(parts: EarParts) {
    this.#parts = parts
  }

  /**
   * @param ages as in `lastWords`
   * @returns also whether somebody came who was not here
   */
  hear(bytes: Uint8Array, ages?: string | null): { readonly words: Words; readonly came: boolean } {
    const { awareness, speaker } = this.#parts
    const words = lastWords(bytes, ages)
    const news: Word[] = []
    let room = limits.clients - awareness.meta.size
    for (const word of words.values()) {
      if (this.#isBeyondDeath(word)) continue
      speaker.hear(word)
      if (word.client === awareness.clientID) this.#answer(word)
      else if (isOutdated(word)) this.#date(word)
      else if (!awareness.meta.has(word.client) && room-- <= 0) this.#turnAway()
      else if (this.#isNews(word)) news.push(word)
      else this.#date(word)
    }
    const came = news.some(word => !isAbsent(word) && !awareness.states.has(word.client))
    if (news.length > 0) this.#takeIn(news)
    return { words, came }
  }

  #takeIn(news: readonly Word[]): void {
    const { awareness, origin, watch, onThrown } = this.#parts
    try {
      applyAwarenessUpdate(awareness, encodeAwareness(news), origin)
    } catch (cause) {
      onThrown(cause)
    }
    // Not by the events of the awareness: one that failed was told to nobody else, and none knows of ages.
    watch.hear(news.filter(word => !isAbsent(word)))
    watch.leave(news.filter(isAbsent).map(({ client }) => client))
  }

  #isNews(word: AwarenessEntry): boolean {
    const { awareness, watch } = this.#parts
    const isPresent = awareness.states.has(word.client)
    if (!outdoes(word, awareness.meta.get(word.client)?.clock ?? 0, isPresent)) return false
    if (isPresent || !isAbsent(word)) return true
    // Nobody who was here left: only that nothing older counts any more.
    awareness.meta.set(word.client, { clock: word.clock, lastUpdated: Number.POSITIVE_INFINITY })
    watch.leave([word.client])
    return false
  }

  /** What is no news tells how old the news was: it may have been read late, or come through another tab. */
  #date({ client, clock, ageMs }: Word): void {
    const { awareness, watch } = this.#parts
    const known = awareness.meta.get(client)
    if (ageMs > 0 && known && known.clock <= clock) watch.date(client, ageMs)
  }

  /** What a nearby client said last, and its tab died before we could hear it from there: the goodbye outdoes that too. */
  #isBeyondDeath(word: AwarenessEntry): boolean {
    const { awareness, speaker } = this.#parts
    const { client, clock } = word
    const known = awareness.meta.get(client)
    const isDead = client !== awareness.clientID && speaker.owes(client) && !awareness.states.has(client)
    if (!known || !isDead || isAbsent(word)) return false
    if (known.clock < clock) awareness.meta.set(client, { ...known, clock })
    return true
  }

  /** Nobody else says how this client is: an earlier life of it, or a stranger, is outdone. */
  #answer(word: AwarenessEntry): void {
    const { awareness, watch } = this.#parts
    const meta = awareness.meta.get(awareness.clientID)
    const isPresent = awareness.getLocalState() !== null
    if (!meta || word.clock >= Number.MAX_SAFE_INTEGER || !outdoes(word, meta.clock, isPresent)) return
    awareness.meta.set(awareness.clientID, { ...meta, clock: word.clock })
    if (isPresent || !isAbsent(word)) watch.renew()
  }

  #turnAway(): void {
    if (this.#crowded) return
    this.#crowded = true
    const message = `more than ${limits.clients} clients are present, or left within the last minute; further ones are not shown here`
    this.#parts.onProblem({ code: PresenceCode.crowded, message })
  }
}

/** Whoever saw that client come has given it up by now. */
const isOutdated = (word: Word): boolean => !isAbsent(word) && word.ageMs >= limits.goneMs
