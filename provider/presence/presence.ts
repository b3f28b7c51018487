import type { Awareness } from 'y-protocols/awareness'
import {
  backoff,
  type DurableStream,
  type Env,
  type LinkState,
  type LiveMode,
  owed,
  StreamError,
} from '../../client/index.ts'
import {
  absentState,
  DefaultAwareness,
  ErrorCode,
  encodeAwareness,
  encodeFrames,
  type Offset,
  OwnHeader,
  Query,
  Sentinel,
} from '../../protocol/index.ts'
import { Ear, type Words } from './ear.ts'
import { isAbsent } from './incoming.ts'
import { limits } from './limits.ts'
import { welcome } from './newcomers.ts'
import { observerThrew, type PresenceProblem } from './problem.ts'
import { Speaker } from './speaker.ts'
import { Watch } from './watch.ts'

export interface PresenceParts {
  readonly awareness: Awareness
  readonly stream: DurableStream
  /** The origin of changes that came from the server. */
  readonly origin: unknown
  /** The origin of changes that came from other tabs of this browser, which reach the server through this one. */
  readonly nearby?: unknown
  readonly live: LiveMode
  readonly env: Env
  /** Told what does not stop presence. */
  readonly onProblem?: (problem: PresenceProblem) => void
}

/** Where to follow others from, and who is there; undefined where the server does not tell. */
interface Joined {
  readonly offset: Offset
  readonly roster: Words | undefined
}

interface Changes {
  readonly added: readonly number[]
  readonly updated: readonly number[]
  readonly removed: readonly number[]
}

const query = { [Query.awareness]: DefaultAwareness }

/** Tells others of this client and those nearby, and this client of others, for as long as it runs. */
export class Presence {
  readonly #parts: PresenceParts
  readonly #speaker: Speaker
  readonly #watch: Watch
  readonly #ear: Ear
  /** Clients of other tabs, which are told to the server from here. */
  readonly #nearby = new Set<number>()
  /** What to do when somebody comes, where the server does not tell them of us. */
  #welcome: (() => void) | undefined

  constructor(parts: PresenceParts) {
    const { awareness, stream, env, origin } = parts
    const onProblem = (problem: PresenceProblem) => parts.onProblem?.(problem)
    const onThrown = (cause: unknown) => onProblem(observerThrew(cause))
    const watch = new Watch({ awareness, env, origin, onThrown })
    const speaker = new Speaker({
      awareness,
      stream,
      env,
      timersAreHeld: () => watch.timersAreHeld,
      onProblem,
    })
    this.#parts = parts
    this.#watch = watch
    this.#speaker = speaker
    this.#ear = new Ear({ awareness, origin, speaker, watch, onProblem, onThrown })
    awareness.on('update', this.#changed)
  }

  /**
   * Gets everybody present, announces this client and those nearby, and follows the others until `signal` fires.
   * @throws StreamError when the server refused for good
   */
  async run(signal: AbortSignal): Promise<void> {
    const { env } = this.#parts
    this.#watch.during(signal)
    try {
      for (let failures = 0; !signal.aborted; ) {
        const { offset, roster } = await this.#join(signal)
        if (signal.aborted) return
        this.#welcome = roster ? undefined : welcome(env, () => this.#announce(undefined), signal)
        // Not before it is known where to listen from: an answer must not pass unheard.
        this.#announce(roster)
        this.#speaker.open(signal)
        const began = env.now()
        const lost = await this.#follow(offset, signal)
        if (signal.aborted) return
        if (Math.abs(env.now() - began) >= limits.healthyMs) failures = 0
        const waitMs = backoff(failures++, env, undefined, lost?.retryAfterMs)
        await env.sleep(waitMs, signal, owed(lost?.retryAfterMs))
      }
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      this.#speaker.close(signal)
    }
  }

  /** Says that this client leaves, in a request that outlives the page. To come back is to run again. */
  goodbye(): void {
    const { awareness, stream } = this.#parts
    if (!this.#speaker.isOpen) return
    const words = [...this.#speaker.close()]
    const { clientID: client } = awareness
    const meta = awareness.meta.get(client)
    if (meta && awareness.getLocalState() !== null) {
      const clock = meta.clock + 1
      // Coming back must outdo the goodbye.
      awareness.meta.set(client, { ...meta, clock })
      words.push({ client, clock, state: absentState })
    }
    if (words.length === 0) return
    const body = encodeFrames([encodeAwareness(words)])
    stream.append(body, { query, keepalive: true, retry: false }).catch(() => undefined)
  }

  /** How many milliseconds ago each of the others was heard. */
  get ages(): ReadonlyMap<number, number> {
    return this.#watch.ages
  }

  /** Others came through another tab, which heard them that long ago: who is silent for too long is so for every tab. */
  date(ages: ReadonlyMap<number, number>): void {
    for (const [client, ageMs] of ages) this.#watch.date(client, ageMs)
  }

  /** Forgets all others, whom we shall not hear any more: who did not change meanwhile comes back with the same clock. */
  forget(): void {
    const { awareness } = this.#parts
    this.#nearby.clear()
    const others = new Set([...awareness.getStates().keys(), ...this.#watch.others])
    others.delete(awareness.clientID)
    this.#watch.drop([...others])
  }

  destroy(): void {
    this.#parts.awareness.off('update', this.#changed)
    this.#watch.destroy()
  }

  /** A server that cannot tell who is there says so with a refusal, or that nobody ever was; then only news is heard. */
  async #join(signal: AbortSignal): Promise<Joined> {
    const { stream } = this.#parts
    const options = { query, signal, retry: { attempts: Number.POSITIVE_INFINITY } }
    try {
      return await this.#ask(signal)
    } catch (error) {
      if (!(error instanceof StreamError)) throw error
      if (error.code === ErrorCode.streamNotFound) await stream.create(options)
      else if (error.status !== 400) throw error
    }
    const { next } = await stream.read({ ...options, offset: Sentinel.tail })
    return { offset: next, roster: undefined }
  }

  /** Asks who is there, and takes for gone who is not. */
  async #ask(signal: AbortSignal): Promise<Joined> {
    const silent = this.#watch.silentFromNow()
    const retry = { attempts: Number.POSITIVE_INFINITY }
    try {
      const { bytes, next, headers } = await this.#parts.stream.read({
        query,
        signal,
        retry,
        offset: Sentinel.snapshot,
      })
      if (signal.aborted) return { offset: next, roster: new Map() }
      const roster = this.#hear(bytes, headers.get(OwnHeader.awarenessAges))
      this.#compare(roster, silent())
      return { offset: next, roster }
    } finally {
      silent()
    }
  }

  /** Takes in what is new. @returns why that cannot go on from where it was, if it cannot */
  async #follow(offset: Offset, signal: AbortSignal): Promise<StreamError | undefined> {
    const { stream, live } = this.#parts
    let wasLost = false
    const onLink = (state: LinkState) => {
      if (state.phase === 'waiting') wasLost = true
      if (state.phase !== 'open' || !state.caughtUp || !wasLost) return
      wasLost = false
      if (!this.#welcome) this.#catchUp(signal)
    }
    try {
      for await (const batch of stream.follow({ offset, live, query, signal, onLink }))
        this.#hear(batch.bytes)
      return undefined
    } catch (error) {
      // Trimmed past us, or the server restarted and its memory with it: join anew, and say who we are again.
      if (error instanceof StreamError && rejoin.has(error.code)) return error
      throw error
    }
  }

  /** After a link that was lost: what was said meanwhile has been read, but not who fell silent, here or there. */
  #catchUp(signal: AbortSignal): void {
    this.#ask(signal).then(
      ({ roster }) => {
        if (!signal.aborted) this.#announce(roster)
      },
      () => undefined, // the link meets the same, and tells
    )
  }

  #hear(bytes: Uint8Array, ages?: string | null): Words {
    const { words, came } = this.#ear.hear(bytes, ages)
    if (came) this.#welcome?.()
    this.#watch.arrived()
    return words
  }

  /** Who is not in the roster is gone; unless the server forgot us too: then they have a moment to say so. */
  #compare(roster: Words, silent: readonly number[]): void {
    this.#speaker.knows(roster)
    if (roster.size >= limits.rosterClients) return
    const lost = silent.filter(client => !roster.has(client) && !this.#nearby.has(client))
    if (roster.has(this.#parts.awareness.clientID)) this.#watch.drop(lost)
    else this.#watch.suspect(lost)
  }

  /** Says who is here, as far as the server does not know. Our own clock is raised past everything said before. */
  #announce(roster: Words | undefined): void {
    const { awareness } = this.#parts
    const { clientID } = awareness
    const state = awareness.getLocalState()
    if (state !== null && !this.#speaker.owes(clientID) && !this.#isKnown(clientID, roster))
      this.#watch.renew()
    for (const client of this.#nearby) if (!this.#isKnown(client, roster)) this.#speaker.say(client)
  }

  #isKnown(client: number, roster: Words | undefined): boolean {
    const word = roster?.get(client)
    return word !== undefined && !isAbsent(word) && this.#speaker.isSaidBy(word)
  }

  readonly #changed = ({ added, updated, removed }: Changes, origin: unknown): void => {
    const { awareness, origin: remote, nearby } = this.#parts
    const { clientID: own } = awareness
    const present = [...added, ...updated].filter(client => client !== own)
    const left = removed.filter(client => client !== own)
    const isNearby = nearby !== undefined && origin === nearby
    if (isNearby || origin === remote) {
      this.#watch.hear(present.map(client => ({ client, ageMs: 0 })))
      this.#watch.leave(left)
    }
    if (isNearby) {
      for (const client of present) {
        this.#nearby.add(client)
        this.#speaker.say(client)
      }
    }
    for (const client of left) {
      if (this.#nearby.delete(client) && isNearby) this.#speaker.say(client)
      else this.#speaker.unsay(client)
    }
    this.#changedHere(added.includes(own) || updated.includes(own), removed.includes(own), origin)
    if (isNearby || origin === remote) this.#watch.arrived()
  }

  #changedHere(spoke: boolean, removed: boolean, origin: unknown): void {
    const { awareness, origin: remote, nearby } = this.#parts
    const { clientID: own } = awareness
    if (origin === remote || (nearby !== undefined && origin === nearby)) {
      // Somebody took us for gone.
      if (removed && awareness.getLocalState() !== null) this.#watch.renew()
    } else if (spoke || removed) {
      this.#watch.spoke()
      this.#speaker.say(own)
    }
  }
}

/** The last is how a server that never gave out our offset says so: one whose clock was set back before it restarted. */
const rejoin = new Set<string>([ErrorCode.offsetExpired, ErrorCode.streamNotFound, ErrorCode.invalidRequest])
