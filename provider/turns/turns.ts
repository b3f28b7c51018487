import type { Env } from '../../client/index.ts'
import { Nudge } from '../nudge.ts'
import { firstSlot, holdSlot, isAwaited, type Slot, type SlotLocks } from './slot.ts'

/** A browser has six connections to a server over HTTP/1.1: these, two of the parent, and one for everything that is short. */
const slotCount = 3
/** Of a turn in which nothing is left to do, while others wait. */
const holdMs = 2_000
const lookAgainMs = 500
/** Of one in which the server does not answer. */
const patienceMs = 10_000
/** Of somebody in a hurry, in the line, before they take a turn from somebody else: it may be free. */
const hurriedMs = 100
/** The same for who lost a turn in that way: taken back at once, it would be of no use to either. */
const robbedMs = 500

export interface TurnParts {
  readonly locks: SlotLocks
  readonly env: Env
  /** What the connections lead to: pages of one browser share those of one origin. */
  readonly origin: string
  /** Whether everything was read. */
  isCaughtUp(): boolean
  /** Whether anything is left to send. */
  isUnsaved(): boolean
  isMultiplexed(): boolean
  /** The turn is over, and the next one is waited for. */
  onPause(): void
}

/** The locks as one page knows them. */
interface PageTurns {
  /** Who has a turn, by the name of the lock. */
  readonly holders: Map<string, Turns>
  /** Locks that somebody is just taking by force. */
  readonly wanted: Set<string>
}

const pages = new WeakMap<SlotLocks, PageTurns>()

/**
 * Lets few of many live connections be open at once, over all tabs of a browser, where it allows but few. Turns are taken in the
 * order they were asked for; who was edited gets one at once, from somebody who has nothing to do.
 */
export class Turns {
  readonly #parts: TurnParts
  readonly #names: readonly string[]
  readonly #page: PageTurns
  /** After an edit: how long to wait in the line before a turn is taken from somebody else, who may be done by then. */
  #hurriedMs: number | undefined
  readonly #edited = new Nudge()

  constructor(parts: TurnParts) {
    this.#parts = parts
    this.#names = Array.from(
      { length: slotCount },
      (_, slot) => `durable-streams-yjs 1 turn ${slot} ${parts.origin}`,
    )
    this.#page = pages.get(parts.locks) ?? { holders: new Map(), wanted: new Set() }
    pages.set(parts.locks, this.#page)
  }

  get isBusy(): boolean {
    return this.#parts.isUnsaved()
  }

  /** Something was edited. */
  hurry(): void {
    if ([...this.#page.holders.values()].includes(this)) return
    this.#hurriedMs ??= hurriedMs
    this.#edited.give()
  }

  /** Has `work` done in turns until `signal` fires; each ends with the signal that it is given. @throws what `work` throws */
  async run(signal: AbortSignal, work: (turn: AbortSignal) => Promise<void>): Promise<void> {
    this.#hurriedMs = this.#parts.isUnsaved() ? hurriedMs : undefined
    while (!signal.aborted) {
      if (this.#parts.isMultiplexed()) return work(signal)
      const slot = await this.#next(signal)
      if (slot) await this.#turn(slot, signal, work)
    }
  }

  async #turn(slot: Slot, signal: AbortSignal, work: (turn: AbortSignal) => Promise<void>): Promise<void> {
    const { isUnsaved, onPause } = this.#parts
    const { holders } = this.#page
    const turn = new AbortController()
    const end = () => turn.abort()
    const ends = [signal, slot.lost]
    for (const one of ends) one.addEventListener('abort', end)
    if (ends.some(({ aborted }) => aborted)) end()
    this.#hurriedMs = undefined
    holders.set(slot.name, this)
    try {
      void this.#watch(turn)
      await work(turn.signal)
    } finally {
      for (const one of ends) one.removeEventListener('abort', end)
      end()
      if (holders.get(slot.name) === this) holders.delete(slot.name)
      slot.release()
      if (slot.lost.aborted && isUnsaved()) this.#hurriedMs = robbedMs
      if (!signal.aborted) onPause()
    }
  }

  /** Ends a turn when others wait and nothing is left to do in it, or nothing can be done. */
  async #watch(turn: AbortController): Promise<void> {
    const { env, locks, isCaughtUp, isUnsaved } = this.#parts
    const began = env.now()
    for (let ms = holdMs; ; ms = lookAgainMs) {
      await env.sleep(ms, turn.signal)
      if (turn.signal.aborted) return
      const isDone = isCaughtUp() && !isUnsaved()
      if (!isDone && env.now() - began < patienceMs) continue
      if (await isAwaited(locks, this.#names)) turn.abort()
    }
  }

  /** Waits in the line, or takes a turn from somebody. Undefined when `signal` fired. */
  async #next(signal: AbortSignal): Promise<Slot | undefined> {
    const { locks } = this.#parts
    const { holders, wanted } = this.#page
    const queue = new AbortController()
    const leave = () => queue.abort()
    signal.addEventListener('abort', leave)
    if (signal.aborted) leave()
    const taking = this.#impatience(queue.signal).finally(leave)
    try {
      const slot = await firstSlot(locks, this.#names, queue.signal)
      leave()
      const name = await taking
      if (name === undefined) return slot
      // Somebody may have taken it again at once.
      const steal = () => holdSlot(locks, name, { steal: true }).catch(() => undefined)
      const taken = slot || signal.aborted ? slot : await steal()
      if (taken) holders.set(taken.name, this)
      wanted.delete(name)
      return taken
    } finally {
      signal.removeEventListener('abort', leave)
      leave()
    }
  }

  /** The lock to take by force, as soon as there is reason to and somebody to take it from; undefined when `signal` fired. */
  async #impatience(signal: AbortSignal): Promise<string | undefined> {
    const { env } = this.#parts
    while (!signal.aborted) {
      if (this.#hurriedMs === undefined) await this.#edited.wait(signal)
      await env.sleep(this.#hurriedMs ?? hurriedMs, signal)
      const name = signal.aborted ? undefined : this.#mostIdle()
      if (name === undefined) continue
      this.#page.wanted.add(name)
      return name
    }
    return undefined
  }

  /** The lock of somebody who has nothing to do, as far as is known of other pages; undefined when all here are busy. */
  #mostIdle(): string | undefined {
    const { holders, wanted } = this.#page
    const names = this.#names.filter(name => !wanted.has(name))
    const idle = names.find(name => holders.get(name)?.isBusy === false)
    const elsewhere = names.filter(name => !holders.has(name))
    return idle ?? elsewhere[Math.floor(this.#parts.env.random() * elsewhere.length)]
  }
}
