import { type LinkState, StreamError } from '../client/index.ts'
import { doubtful } from './condition.ts'
import { unexpected } from './error.ts'
import type { StoredFlight } from './local/local-store.ts'
import type { Cue } from './phase.ts'
import type { Presence } from './presence/presence.ts'
import { Pull, type PullParts } from './pull.ts'
import { Push, type PushParts } from './push/push.ts'
import { Rounds } from './rounds.ts'

export interface ConnectionParts extends PushParts, Omit<PullParts, 'onLink'> {
  readonly presence: Presence | undefined
  onCue(cue: Cue): void
}

/** A document's link to the server: reads its log, sends what is unsaved, and says who is here. */
export class Connection {
  readonly #parts: ConnectionParts
  readonly #pull: Pull
  readonly #push: Push
  /** Called when everything was read for the first time in a session. */
  #caughtUp: () => void = () => undefined
  /** Whether updates arrive as they are made. */
  #live = false

  constructor(parts: ConnectionParts) {
    this.#parts = parts
    this.#pull = new Pull({ ...parts, onLink: state => this.#onLink(state) })
    this.#push = new Push(parts)
  }

  /** There is something new in the outbox. */
  nudge(): void {
    this.#push.nudge()
  }

  /** As `Push.inherit`. */
  inherit(flights: readonly StoredFlight[]): void {
    this.#push.inherit(flights)
  }

  /** As `Push.handOver`. */
  handOver(): void {
    this.#push.handOver()
  }

  /** The page may be going: what is unsaved leaves at once, if it is small enough. */
  flush(): void {
    this.#push.flush()
  }

  /**
   * Works until `signal` fires.
   * @throws StreamError | ProviderError when the server refused for good
   */
  async run(signal: AbortSignal): Promise<void> {
    const { replica, env, onProblem, onCue } = this.#parts
    const rounds = new Rounds(env)
    while (!signal.aborted) {
      const session = new AbortController()
      const end = () => session.abort()
      signal.addEventListener('abort', end)
      try {
        await this.#session(session.signal)
      } catch (error) {
        if (signal.aborted) return
        this.#parts.presence?.goodbye()
        if (!(error instanceof StreamError) || !doubtful.has(error.code)) throw error
        onProblem(error)
        replica.startOver()
        onCue('lost')
      } finally {
        signal.removeEventListener('abort', end)
        session.abort()
      }
      await rounds.next(signal)
      if (!signal.aborted) onCue('retry')
    }
  }

  /** One refusal for good ends everything of its session. */
  #session(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#live = false
      signal.addEventListener('abort', () => resolve())
      let sending = false
      this.#caughtUp = () => {
        if (sending || signal.aborted) return
        sending = true
        // Pushing waits for the first catch-up of a session: before it, what the server lacks is not known.
        this.#push.run(signal).catch(reject)
        this.#parts.presence?.run(signal).catch(error => {
          // Editing goes on without presence.
          if (!signal.aborted)
            this.#parts.onProblem(error instanceof StreamError ? error : unexpected(error, false))
        })
      }
      this.#pull.run(signal).catch(reject)
    })
  }

  #onLink(state: LinkState): void {
    const { replica, onCue, onProblem } = this.#parts
    if (state.phase === 'waiting') {
      this.#live = false
      onProblem(state.error)
      onCue('lost')
    } else if (state.phase === 'connecting') {
      if (!state.turnover) onCue('retry')
    } else if (state.caughtUp && !this.#live) {
      this.#live = true
      replica.reconsider()
      onCue('caughtUp')
      this.#caughtUp()
      this.#push.nudge()
    }
  }
}
