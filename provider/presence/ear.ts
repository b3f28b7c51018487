import { type Awareness, applyAwarenessUpdate } from 'y-protocols/awareness'
import { type AwarenessEntry, encodeAwareness } from '../../protocol/index.ts'
import { isAbsent, lastWords, outdoes } from './incoming.ts'
import { limits } from './limits.ts'
import { PresenceCode, type PresenceProblem } from './problem.ts'
import type { Speaker } from './speaker.ts'
import type { Watch } from './watch.ts'

/** The last word of each client in what a server sent. */
export type Words = ReadonlyMap<number, AwarenessEntry>

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

  /** @returns also whether somebody came who was not here */
  hear(bytes: Uint8Array): { readonly words: Words; readonly came: boolean } {
    const { awareness, speaker } = this.#parts
    const words = lastWords(bytes)
    const news: AwarenessEntry[] = []
    let room = limits.clients - awareness.meta.size
    for (const word of words.values()) {
      if (this.#isBeyondDeath(word)) continue
      speaker.hear(word)
      if (word.client === awareness.clientID) this.#answer(word)
      else if (!awareness.meta.has(word.client) && room-- <= 0) this.#turnAway()
      else if (this.#isNews(word)) news.push(word)
    }
    const came = news.some(word => !isAbsent(word) && !awareness.states.has(word.client))
    if (news.length > 0) this.#takeIn(news)
    return { words, came }
  }

  #takeIn(news: readonly AwarenessEntry[]): void {
    const { awareness, origin, watch, onThrown } = this.#parts
    try {
      applyAwarenessUpdate(awareness, encodeAwareness(news), origin)
    } catch (cause) {
      onThrown(cause)
    }
    // Not by the events of the awareness: one that failed was told to nobody else.
    watch.hear(news.filter(word => !isAbsent(word)).map(({ client }) => client))
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
