import type { Env } from '../../client/index.ts'

export interface PulseParts {
  readonly env: Pick<Env, 'now' | 'random' | 'sleep'>
  readonly signal: AbortSignal
  /** Asks the leader for a sign of life. */
  ask(): void
  /** The leader gave none for too long. Called again each time that much more silence has passed. */
  onSilent(): void
}

export interface Pulse {
  /** To be called for everything that comes from the leader. */
  heard(): void
  /** Resolves once `signal` has fired; rejects with what `ask` or `onSilent` throws. */
  readonly over: Promise<void>
}

/** Milliseconds between two questions: never more than this, and by chance less, so that the tabs of a group do not all depose at once. */
const mostBetweenMs = 500
const leastBetweenMs = 400
/** How long a question may stay without an answer: together with the time until it is asked, less than two seconds. */
const patienceMs = 1_200
/** A timer that is later than this was held back together with what the leader said meanwhile. */
const lateMs = 500

/**
 * A follower's watch over its leader, whose lock tells of its death but not that it is frozen or hangs. Silence counts only
 * while this tab runs: it is summed up from sleeps, none longer than it was meant to be, so that no jump of the clock adds to
 * it; and after a sleep that was late, as if this tab had been frozen itself, the count begins anew with the next question.
 *
 * Once in a silence, that is: in a hidden tab all timers are late, for they come once a second, or once a minute when the
 * browser holds them back for long. Such a tab takes seconds or minutes to notice, which is soon enough for one that nobody
 * looks at. Leading it can as well as any: that takes answers to messages, which are not held back, and hardly a timer.
 */
export const watch = ({ env, signal, ask, onSilent }: PulseParts): Pulse => {
  let heard = false
  const run = async (): Promise<void> => {
    let silentMs = 0
    let beganAnew = false
    while (!signal.aborted) {
      ask()
      const spread = Math.floor(env.random() * (mostBetweenMs - leastBetweenMs + 1))
      const ms = Math.min(mostBetweenMs - spread, patienceMs - silentMs)
      const began = env.now()
      await env.sleep(ms, signal)
      if (signal.aborted) return
      const late = env.now() - began > ms + lateMs
      if (heard || (late && !beganAnew)) {
        silentMs = 0
        beganAnew = !heard
      } else silentMs += ms
      heard = false
      if (silentMs < patienceMs) continue
      silentMs = 0
      beganAnew = false
      onSilent()
    }
  }
  return {
    heard: () => {
      heard = true
    },
    over: run(),
  }
}
