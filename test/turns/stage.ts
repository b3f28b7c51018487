import { settleEnv } from '../../client/index.ts'
import { PageLocks } from '../../provider/turns/page-locks.ts'
import type { SlotLocks } from '../../provider/turns/slot.ts'
import { Turns } from '../../provider/turns/turns.ts'

interface Sleeper {
  readonly at: number
  wake(): void
}

/** Time that passes when a test says so. */
export class Stage {
  now = 0
  readonly #locks = new PageLocks()
  #sleepers: readonly Sleeper[] = []
  readonly env = settleEnv({
    now: () => this.now,
    random: () => 0,
    sleep: (ms, signal) =>
      new Promise(resolve => {
        if (signal.aborted) return resolve()
        const wake = () => {
          signal.removeEventListener('abort', wake)
          this.#sleepers = this.#sleepers.filter(one => one !== sleeper)
          resolve()
        }
        const sleeper = { at: this.now + ms, wake }
        this.#sleepers = [...this.#sleepers, sleeper]
        signal.addEventListener('abort', wake)
      }),
  })

  /** The locks as a page of their own sees them, which asks another process for them: that takes a while. */
  page(latencyMs = 0): SlotLocks {
    const { env } = this
    const locks = this.#locks
    return {
      request: async (...given) => {
        if (latencyMs > 0) await env.sleep(latencyMs, new AbortController().signal)
        return locks.request(...given)
      },
      query: () => locks.query(),
    }
  }

  async pass(ms: number): Promise<void> {
    const end = this.now + ms
    await settled()
    for (;;) {
      const [next] = this.#sleepers.filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)
      if (!next) break
      this.now = Math.max(this.now, next.at)
      next.wake()
      await settled()
    }
    this.now = end
  }

  async waiting(): Promise<number> {
    return (await this.#locks.query()).pending.length
  }
}

/** Everything that needs no time has happened. */
const settled = async () => {
  for (let turn = 0; turn < 100; turn++) await Promise.resolve()
}

/** A document that takes turns. */
export class Actor {
  isUnsaved = false
  isCaughtUp = true
  pauses = 0
  /** Turns that ended before everything was sent. */
  robberies = 0
  readonly began: number[] = []
  readonly ended: Promise<unknown>
  readonly turns: Turns
  /** Ends this turn as an error of the server would. */
  fail: (error: Error) => void = () => undefined
  #turn: AbortSignal | undefined
  readonly #leave = new AbortController()

  constructor(stage: Stage, locks: SlotLocks, multiplexed = false, unsaved = false) {
    this.isUnsaved = unsaved
    this.turns = new Turns({
      locks,
      env: stage.env,
      origin: 'https://example.org',
      isCaughtUp: () => this.isCaughtUp,
      isUnsaved: () => this.isUnsaved,
      isMultiplexed: () => multiplexed,
      onPause: () => {
        this.pauses++
        if (this.isUnsaved) this.robberies++
      },
    })
    this.ended = this.turns
      .run(this.#leave.signal, signal => {
        this.#turn = signal
        if (!signal.aborted) this.began.push(stage.now)
        return new Promise((resolve, reject) => {
          this.fail = reject
          if (signal.aborted) resolve()
          signal.addEventListener('abort', () => resolve())
        })
      })
      .catch(error => error)
  }

  get hasTurn(): boolean {
    return this.#turn?.aborted === false
  }

  edit(): void {
    this.isUnsaved = true
    this.turns.hurry()
  }

  leave(): void {
    this.#leave.abort()
  }
}
