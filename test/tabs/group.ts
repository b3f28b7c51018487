import { answerWhenAwake } from '../../provider/tabs/awake.ts'
import { Election } from '../../provider/tabs/election.ts'
import { watch } from '../../provider/tabs/pulse.ts'
import { Chance } from '../sim/chance.ts'
import { Clock, type Freeze, Life } from '../sim/clock.ts'
import { SimulatedOrigin, type SimulatedTab } from '../sim/origin.ts'

const ask = 'does anybody lead?'
const answer = 'I do'

/** Tabs of one origin that elect a leader and watch over it, as little else as that takes. */
export class Group {
  readonly clock = new Clock()
  readonly chance: Chance
  readonly origin: SimulatedOrigin
  readonly tabs: Tab[] = []
  /** Who began and ended to lead, in order. */
  readonly log: string[] = []
  /** What must not have been: two that lead at once, for longer than it takes to hear of it. */
  readonly wrong: string[] = []
  #doubleSince: number | undefined

  constructor(seed = 1) {
    this.chance = new Chance(seed)
    this.origin = new SimulatedOrigin(this.clock, this.chance.fork())
  }

  open(count: number): readonly Tab[] {
    for (let left = count; left > 0; left--) this.tabs.push(new Tab(`tab ${this.tabs.length + 1}`, this))
    return this.tabs
  }

  /** Those that lead as far as they know, and can act on it. */
  get leaders(): readonly string[] {
    return this.tabs.filter(({ leads, acts }) => leads && acts).map(({ name }) => name)
  }

  /** Lets time pass. @returns whether `done` came to be */
  pass(ms: number, done: () => boolean = () => false): Promise<boolean> {
    return this.clock.run(done, ms, () => {
      const { leaders, clock } = this
      if (leaders.length < 2) this.#doubleSince = undefined
      else this.#doubleSince ??= clock.now()
      if ((this.#doubleSince ?? clock.now()) + 5 < clock.now())
        this.wrong.push(`${leaders.join(' and ')} lead`)
    })
  }

  /** Waits until somebody other than `before` leads. @returns milliseconds that took, and who it is */
  async handOver(before: string, ms = 10_000): Promise<{ readonly ms: number; readonly leader: string }> {
    const began = this.clock.elapsed
    const isOver = () => this.leaders.length === 1 && this.leaders[0] !== before
    if (!(await this.pass(ms, isOver))) throw new Error(`nobody but ${before} led within ${ms} ms`)
    return { ms: this.clock.elapsed - began, leader: this.leaders[0] ?? '' }
  }
}

/** One tab of a group. */
export class Tab {
  readonly name: string
  readonly life: Life
  readonly origin: SimulatedTab
  readonly election: Election
  readonly #group: Group
  readonly #closed = new AbortController()
  /** Off the true time, as a wall clock is that somebody sets. */
  skewMs = 0
  leads = false
  /** How often it found its leader silent. */
  silences = 0
  /** Milliseconds of work between the end of a reign and the end of leading. */
  lingersMs = 0

  constructor(name: string, group: Group) {
    this.name = name
    this.#group = group
    this.life = new Life(group.clock)
    this.origin = group.origin.tab(this.life)
    this.election = new Election({ locks: this.origin.locks, name: 'leader' })
    void this.#live(this.#closed.signal)
  }

  get acts(): boolean {
    return !this.life.over && !this.life.frozen
  }

  get closed(): boolean {
    return this.#closed.signal.aborted
  }

  /** In good order. */
  close(): void {
    this.#closed.abort()
  }

  kill(): void {
    this.#group.log.push(`${this.name} is killed`)
    this.life.end()
  }

  freeze(what?: Freeze): void {
    this.#group.log.push(`${this.name} is frozen`)
    this.life.freeze(what)
  }

  thaw(): void {
    this.#group.log.push(`${this.name} is thawed`)
    this.life.thaw()
  }

  async #live(signal: AbortSignal): Promise<void> {
    const { life, origin, election } = this
    const channel = origin.openChannel('group')
    const chance = this.#group.chance.fork()
    const pulse = watch({
      env: { now: () => life.now() + this.skewMs, random: chance.real, sleep: life.sleep },
      signal,
      ask: () => {
        if (!this.leads && !life.over) channel.postMessage(ask)
      },
      onSilent: () => {
        if (this.leads) return
        this.silences++
        election.depose()
      },
    })
    const awake = answerWhenAwake({
      locks: origin.locks,
      env: { now: () => life.now() + this.skewMs },
      name: 'awake',
      signal,
      answer: () => {
        if (this.leads) channel.postMessage(answer)
      },
    })
    channel.onmessage = ({ data }) => {
      if (data === answer) pulse.heard()
      else if (this.leads) awake.asked()
    }
    await election.run(signal, async reign => {
      this.#group.log.push(`${this.name} leads`)
      this.leads = true
      channel.postMessage(answer)
      await fired(reign)
      this.leads = false
      this.#group.log.push(`${this.name} ends`)
      if (this.lingersMs > 0) await life.delay(this.lingersMs)
    })
    await pulse.over
    channel.close()
  }
}

/** Resolves when the signal has fired. */
export const fired = (signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
