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

export interface PresenceParts {
  readonly awareness: Awareness
  readonly stream: DurableStream
  /** The origin of changes that came from others. */
  readonly origin: unknown
  readonly live: Transport
  readonly env: Env
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
  #stale = false

  constructor(parts: PresenceParts) {
    this.#parts = parts
    parts.awareness.on('update', this.#changed)
  }

  /**
   * Announces this client, gets everybody present at once, and follows their changes until `signal` fires.
   * @throws StreamError when the server refused for good
   */
  async run(signal: AbortSignal): Promise<void> {
    const { stream, live, env } = this.#parts
    this.#session = signal
    this.#announce()
    try {
      for (let failures = 0; !signal.aborted; ) {
        const offset = await this.#join(signal)
        try {
          for await (const batch of stream.follow({ offset, live, query, signal })) {
            failures = 0
            this.#hear(batch.bytes)
          }
        } catch (error) {
          // Trimmed past us, or the server restarted and its memory with it: join anew, and say who we are again.
          if (!(error instanceof StreamError) || !rejoin.has(error.code)) throw error
          await env.sleep(backoff(failures++, env), signal)
          if (!signal.aborted) this.#announce()
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

  /** A server that does not know how to tell who is there says so with a refusal; then only news is heard. */
  async #join(signal: AbortSignal): Promise<Offset | string> {
    const { stream } = this.#parts
    try {
      const retry = { attempts: Number.POSITIVE_INFINITY }
      const { bytes, next } = await stream.read({ offset: Sentinel.snapshot, query, signal, retry })
      this.#hear(bytes)
      return next
    } catch (error) {
      if (error instanceof StreamError && error.status === 400) return Sentinel.tail
      throw error
    }
  }

  #hear(bytes: Uint8Array): void {
    const { awareness, origin } = this.#parts
    try {
      for (const update of decodeFrames(bytes)) {
        decodeAwareness(update)
        applyAwarenessUpdate(awareness, update, origin)
      }
    } catch (error) {
      // Presence passes the server unread, so anybody may have posted this; the next announcement mends it.
      if (!(error instanceof FrameError || error instanceof AwarenessError)) throw error
    }
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
