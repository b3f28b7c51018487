import type { Awareness } from 'y-protocols/awareness'
import { backoff, type DurableStream, type Env, owed, StreamError } from '../../client/index.ts'
import {
  type AwarenessEntry,
  absentState,
  DefaultAwareness,
  ErrorCode,
  encodeAwareness,
  encodeFrames,
  Query,
} from '../../protocol/index.ts'
import { Fitting } from './fitting.ts'
import { isAbsent } from './incoming.ts'
import { limits } from './limits.ts'
import { type PresenceProblem, unsendable } from './problem.ts'

export interface SpeakerParts {
  readonly awareness: Awareness
  readonly stream: DurableStream
  readonly env: Env
  /** Whether a short sleep may last a minute, as in a hidden page. */
  timersAreHeld(): boolean
  onProblem(problem: PresenceProblem): void
}

/**
 * Says to the server how some clients are. One request at a time, and not more often than eyes can follow: of what
 * changes meanwhile only the last is worth sending.
 */
export class Speaker {
  readonly #parts: SpeakerParts
  readonly #fitting: Fitting
  /** Whose last word the server may not have. */
  readonly #unsaid = new Set<number>()
  /** What is on its way. */
  #saying: readonly AwarenessEntry[] = []
  #session: AbortSignal | undefined
  /** The session in which a request is under way. */
  #sending: AbortSignal | undefined
  /** The wait for the next request. */
  #pause: AbortController | undefined
  /** When the last request began; undefined when the next need not wait. */
  #began: number | undefined
  /** One word a request, since the server refused several as too many. */
  #alone = false
  /** What the server refused, and the application knows. */
  readonly #told = new Set<string>()

  constructor(parts: SpeakerParts) {
    this.#parts = parts
    this.#fitting = new Fitting((client, chars, cause) => {
      parts.onProblem(unsendable(client, chars, cause))
    })
  }

  /** What was not said so far is said from now on, at once, until the signal fires. */
  open(session: AbortSignal): void {
    this.#session = session
    this.#began = undefined
    this.#fitting.tryAll()
    this.#start()
  }

  /** Says nothing more in that session. @returns who left, where that may not have reached the server */
  close(session = this.#session): readonly AwarenessEntry[] {
    if (!session || this.#session !== session) return []
    this.#session = undefined
    this.#pause?.abort()
    const { states } = this.#parts.awareness
    const clients = new Set([...this.#saying.map(({ client }) => client), ...this.#unsaid])
    return [...clients].filter(client => !states.has(client)).flatMap(client => this.#word(client) ?? [])
  }

  /** Whether the server is told of what changes. */
  get isOpen(): boolean {
    return this.#session !== undefined
  }

  /** Whether the last word of that client has yet to be said. */
  owes(client: number): boolean {
    return this.#unsaid.has(client)
  }

  /** That a client left is not kept waiting. */
  say(client: number): void {
    this.#unsaid.add(client)
    if (!this.#parts.awareness.states.has(client)) {
      this.#fitting.forget(client)
      this.#began = undefined
      this.#pause?.abort()
    }
    if (this.#parts.timersAreHeld()) this.#pause?.abort()
    this.#start()
  }

  /** The server has this word: what it outdoes need not be said. */
  hear(word: AwarenessEntry): void {
    if (this.#unsaid.has(word.client) && this.isSaidBy(word)) this.#unsaid.delete(word.client)
  }

  /** Whether a word of some client is what would be said of it, or newer. */
  isSaidBy({ client, clock, state }: AwarenessEntry): boolean {
    const word = this.#word(client)
    return !word || clock > word.clock || (clock === word.clock && state === word.state)
  }

  /** The server knows these and nobody else: of others it need not be told that they left. */
  knows(words: ReadonlyMap<number, AwarenessEntry>): void {
    for (const client of this.#unsaid) {
      const word = words.get(client)
      if (!this.#parts.awareness.states.has(client) && (!word || isAbsent(word))) this.#unsaid.delete(client)
    }
  }

  /** Leaves out what was not said of that client. */
  unsay(client: number): void {
    this.#unsaid.delete(client)
  }

  #start(): void {
    if (!this.#session || this.#unsaid.size === 0 || this.#sending === this.#session) return
    this.#sending = this.#session
    void this.#sayAll(this.#session)
  }

  async #sayAll(session: AbortSignal): Promise<void> {
    const { stream, env } = this.#parts
    for (let failures = 0; this.#session === session && this.#unsaid.size > 0; ) {
      await this.#rest(session)
      if (this.#session !== session) break
      const words = this.#take()
      if (words.length === 0) break
      this.#began = env.now()
      this.#saying = words
      try {
        const body = encodeFrames([encodeAwareness(words)])
        await stream.append(body, {
          query: { [Query.awareness]: DefaultAwareness },
          signal: session,
          retry: false,
        })
        failures = 0
        this.#took(words)
      } catch (error) {
        const isPassing = error instanceof StreamError && error.transient
        if (isPassing || session.aborted) for (const { client } of words) this.#unsaid.add(client)
        else this.#refused(words, error)
        if (isPassing) {
          const { retryAfterMs } = error
          await env.sleep(backoff(failures++, env, undefined, retryAfterMs), session, owed(retryAfterMs))
        }
      } finally {
        if (this.#saying === words) this.#saying = []
      }
    }
    if (this.#sending === session) this.#sending = undefined
  }

  /** In a crowd less often: each word goes to everybody. */
  async #rest(session: AbortSignal): Promise<void> {
    const { env, awareness, timersAreHeld } = this.#parts
    if (this.#began === undefined || timersAreHeld()) return
    const crowded = awareness.states.size * limits.gapPerClientMs
    const gapMs = Math.max(limits.gapMs, Math.min(crowded, limits.mostGapMs))
    const leftMs = gapMs - Math.abs(env.now() - this.#began)
    if (leftMs <= 0) return
    const pause = new AbortController()
    const end = () => pause.abort()
    session.addEventListener('abort', end)
    this.#pause = pause
    if (!session.aborted) await env.sleep(leftMs, pause.signal)
    session.removeEventListener('abort', end)
  }

  #take(): readonly AwarenessEntry[] {
    const words: AwarenessEntry[] = []
    let chars = 0
    for (const client of this.#unsaid) {
      const word = this.#word(client)
      if (word && words.length > 0 && (this.#alone || chars + word.state.length > limits.groupChars)) break
      this.#unsaid.delete(client)
      if (!word) continue
      words.push(word)
      chars += word.state.length
    }
    return words
  }

  /** Undefined when there is nothing to say: nobody remembers the client, or its state cannot be sent. */
  #word(client: number): AwarenessEntry | undefined {
    const { meta, states } = this.#parts.awareness
    const clock = meta.get(client)?.clock
    if (clock === undefined) return undefined
    const state = states.has(client) ? this.#fitting.textFor(client, states.get(client)) : absentState
    return state === undefined ? undefined : { client, clock, state }
  }

  #took(words: readonly AwarenessEntry[]): void {
    this.#told.clear()
    for (const word of words) if (!isAbsent(word)) this.#fitting.took(word.client, word.state)
  }

  #refused(words: readonly AwarenessEntry[], error: unknown): void {
    const [word, ...others] = words
    if (word && error instanceof StreamError && error.status === 413) {
      this.#alone = true
      if (others.length === 0) this.#fitting.refused(word.client, word.state, error)
      else for (const { client } of words) this.#unsaid.add(client)
      return
    }
    // Nothing more is tried where the answer will be the same.
    if (error instanceof StreamError && (error.status === 401 || error.status === 403))
      this.#session = undefined
    // Not there any more: whoever listens hears that as well, and sees to it.
    if (error instanceof StreamError && (error.status === 404 || error.status === 410)) return
    const code = error instanceof StreamError ? error.code : ErrorCode.internal
    if (this.#told.has(code)) return
    this.#told.add(code)
    const reason = error instanceof Error ? error.message : String(error)
    this.#parts.onProblem({ code, message: `others are not told of this client: ${reason}`, cause: error })
  }
}
