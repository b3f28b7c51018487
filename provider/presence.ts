import {
  type Awareness,
  applyAwarenessUpdate,
  encodeAwarenessUpdate,
  removeAwarenessStates,
} from 'y-protocols/awareness'
import { backoff, type DurableStream, type Env, StreamError } from '../client/index.ts'
import {
  AwarenessError,
  absentState,
  DefaultAwareness,
  decodeAwareness,
  decodeFrames,
  ErrorCode,
  encodeAwareness,
  encodeFrames,
  FrameError,
  type Offset,
  Query,
  Sentinel,
  type Transport,
} from '../protocol/index.ts'
import { welcome } from './welcome.ts'

export interface PresenceParts {
  readonly awareness: Awareness
  readonly stream: DurableStream
  /** The origin of changes that came from others. */
  readonly origin: unknown
  readonly live: Transport
  readonly env: Env
}

/** Where to follow others from, and whether the server has told who they are. */
interface Joined {
  readonly offset: Offset
  readonly introduced: boolean
}

interface Changes {
  readonly added: readonly number[]
  readonly updated: readonly number[]
  readonly removed: readonly number[]
}

const query = { [Query.awareness]: DefaultAwareness }

/** Tells others of this client and this client of others, for as long as it runs. */
export class Presence {
  readonly #parts: PresenceParts
  /** Of the session others know of this client in. */
  #session: AbortSignal | undefined
  /** Of the session in which a request is under way. */
  #sending: AbortSignal | undefined
  /** What to do when somebody comes, where the server does not tell them of us. */
  #welcome: (() => void) | undefined
  #stale = false

  constructor(parts: PresenceParts) {
    this.#parts = parts
    parts.awareness.on('update', this.#changed)
  }

  /**
   * Gets everybody present, announces this client, and follows their changes until `signal` fires.
   * @throws StreamError when the server refused for good
   */
  async run(signal: AbortSignal): Promise<void> {
    const { stream, live, env } = this.#parts
    try {
      for (let failures = 0; !signal.aborted; ) {
        const { offset, introduced } = await this.#join(signal)
        if (signal.aborted) return
        this.#session = signal
        this.#welcome = introduced ? undefined : welcome(env, () => this.#greet(), signal)
        // Not before it is known where to listen from: an answer must not pass unheard.
        this.#announce()
        try {
          for await (const batch of stream.follow({ offset, live, query, signal })) {
            failures = 0
            this.#hear(batch.bytes)
          }
        } catch (error) {
          // Trimmed past us, or the server restarted and its memory with it: join anew, and say who we are again.
          if (!(error instanceof StreamError) || !rejoin.has(error.code)) throw error
          await env.sleep(backoff(failures++, env), signal)
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      if (this.#session === signal) this.#session = undefined
    }
  }

  /** Says goodbye without forgetting who we are, and forgets the others, whom we shall not hear any more. */
  leave(): void {
    const { awareness, stream, origin } = this.#parts
    const { clientID: client } = awareness
    const meta = awareness.meta.get(client)
    if (this.#session && meta && awareness.getLocalState() !== null) {
      const clock = meta.clock + 1
      // Coming back must outdo the goodbye.
      awareness.meta.set(client, { ...meta, clock })
      const body = encodeFrames([encodeAwareness([{ client, clock, state: absentState }])])
      stream.append(body, { query, keepalive: true, retry: false }).catch(() => undefined)
    }
    this.#session = undefined
    const others = [...awareness.getStates().keys()].filter(other => other !== client)
    removeAwarenessStates(awareness, others, origin)
    // Their clocks too: who did not change meanwhile comes back with the same one.
    for (const other of others) awareness.meta.delete(other)
  }

  destroy(): void {
    this.#parts.awareness.off('update', this.#changed)
  }

  /** A server that cannot tell who is there says so with a refusal, or that nobody ever was; then only news is heard. */
  async #join(signal: AbortSignal): Promise<Joined> {
    const { stream } = this.#parts
    const options = { query, signal, retry: { attempts: Number.POSITIVE_INFINITY } }
    try {
      const { bytes, next } = await stream.read({ ...options, offset: Sentinel.snapshot })
      this.#hear(bytes)
      return { offset: next, introduced: true }
    } catch (error) {
      if (!(error instanceof StreamError)) throw error
      if (error.code === ErrorCode.streamNotFound) await stream.create(options)
      else if (error.status !== 400) throw error
    }
    const { next } = await stream.read({ ...options, offset: Sentinel.tail })
    return { offset: next, introduced: false }
  }

  #hear(bytes: Uint8Array): void {
    const { awareness, origin } = this.#parts
    const before = this.#welcome && new Set(awareness.getStates().keys())
    try {
      for (const update of decodeFrames(bytes)) {
        decodeAwareness(update)
        applyAwarenessUpdate(awareness, update, origin)
      }
    } catch (error) {
      // Presence passes the server unread, so anybody may have posted this; the next announcement mends it.
      if (!(error instanceof FrameError || error instanceof AwarenessError)) throw error
    }
    // Not by the events of the awareness: somebody who comes back is none of those `added`.
    if (before && [...awareness.getStates().keys()].some(client => !before.has(client))) this.#welcome?.()
  }

  readonly #changed = ({ added, updated, removed }: Changes, origin: unknown): void => {
    const { awareness, origin: remote } = this.#parts
    if (origin === remote) return
    if ([...added, ...updated, ...removed].includes(awareness.clientID)) this.#send()
  }

  /** Renews the local state, which raises its clock past everything said before. */
  #announce(): void {
    const { awareness } = this.#parts
    awareness.setLocalState(awareness.getLocalState())
  }

  #greet(): void {
    if (this.#parts.awareness.getLocalState() !== null) this.#announce()
  }

  /** One request at a time, until one succeeds; of what changes meanwhile only the last is worth sending. */
  #send(): void {
    this.#stale = true
    if (!this.#session || this.#sending === this.#session) return
    this.#sending = this.#session
    void this.#sendAll(this.#session)
  }

  async #sendAll(signal: AbortSignal): Promise<void> {
    const { awareness, stream, env } = this.#parts
    for (let failures = 0; this.#stale && !signal.aborted; ) {
      this.#stale = false
      try {
        const body = encodeFrames([encodeAwarenessUpdate(awareness, [awareness.clientID])])
        await stream.append(body, { query, signal, retry: false })
        failures = 0
      } catch (error) {
        if (!(error instanceof StreamError) || !error.transient) break
        this.#stale = true
        await env.sleep(backoff(failures++, env, undefined, error.retryAfterMs), signal)
      }
    }
    if (this.#sending === signal) this.#sending = undefined
  }
}

/** The last is how a server that never gave out our offset says so: one whose clock was set back before it restarted. */
const rejoin = new Set<string>([ErrorCode.offsetExpired, ErrorCode.streamNotFound, ErrorCode.invalidRequest])
