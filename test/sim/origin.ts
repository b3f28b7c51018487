import type { Channel, Locks } from '../../provider/tabs/origin.ts'
import type { Chance } from './chance.ts'
import type { Clock, Life } from './clock.ts'
import { LockQueues } from './lock-queues.ts'

/** Milliseconds that the browser takes to carry a message, or to notice that a tab died. */
const mostLatencyMs = 5

/** What a browser gives to one tab of an origin. */
export interface SimulatedTab {
  readonly locks: Locks
  readonly openChannel: (name: string) => Channel
}

/**
 * What the tabs of one browser origin share: locks and channels. Whatever reaches a tab comes through its life: not at
 * all once that is over, and late, in order, while it is frozen (but messages at once where its page alone is). A frozen
 * tab keeps its locks; those of a dead one are free a moment later.
 */
export class SimulatedOrigin {
  readonly #clock: Clock
  readonly #chance: Chance
  readonly #queues = new LockQueues(() => this.#latency())
  readonly #channels = new Map<string, Set<SimulatedChannel>>()

  constructor(clock: Clock, chance: Chance) {
    this.#clock = clock
    this.#chance = chance
  }

  tab(life: Life): SimulatedTab {
    life.atEnd(() => this.#clock.after(this.#latency(), () => this.#queues.forget(life)))
    return {
      locks: this.#queues.of(life),
      openChannel: name => {
        const channels = this.#channels.get(name) ?? new Set()
        this.#channels.set(name, channels)
        return new SimulatedChannel(life, this.#clock, channels, () => this.#latency())
      },
    }
  }

  #latency(): number {
    return this.#chance.whole(0, mostLatencyMs)
  }
}

class SimulatedChannel implements Channel {
  onmessage: Channel['onmessage'] = null
  readonly #life: Life
  readonly #clock: Clock
  readonly #others: Set<SimulatedChannel>
  readonly #latency: () => number
  /** When the last message of this one arrives: none overtakes it. */
  #arrives = 0

  constructor(life: Life, clock: Clock, others: Set<SimulatedChannel>, latency: () => number) {
    this.#life = life
    this.#clock = clock
    this.#others = others
    this.#latency = latency
    if (life.over) return
    others.add(this)
    life.atEnd(() => others.delete(this))
  }

  /** Reaches the channels that are open now and still open then. What a tab said before it died arrives. */
  postMessage(message: unknown): void {
    if (this.#life.over) return
    if (!this.#others.has(this)) throw new DOMException('The channel is closed.', 'InvalidStateError')
    const now = this.#clock.now()
    this.#arrives = Math.max(this.#arrives, now + this.#latency())
    for (const other of this.#others) {
      if (other === this) continue
      const data = structuredClone(message)
      this.#clock.after(this.#arrives - now, () => other.#hear(data))
    }
  }

  close(): void {
    this.#others.delete(this)
  }

  #hear(data: unknown): void {
    const deliver = () => {
      if (this.#others.has(this)) this.onmessage?.({ data })
    }
    if (this.#life.frozen && !this.#life.deaf) deliver()
    else this.#life.after(0, deliver)
  }
}
