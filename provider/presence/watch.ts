import { type Awareness, removeAwarenessStates } from 'y-protocols/awareness'
import type { Env } from '../../client/index.ts'
import { Attendance } from './attendance.ts'
import type { Word } from './incoming.ts'
import { limits } from './limits.ts'
import { SteadyClock } from './steady-clock.ts'

export interface WatchParts {
  readonly awareness: Awareness
  readonly env: Env
  /** Of the removal of those whom the server hears no more: as if it had said so, so that other tabs are told as well. */
  readonly origin: unknown
  /** What the application's observers threw. */
  onThrown(cause: unknown): void
}

/**
 * Sees to it that who is silent for too long is gone, and that this client is not silent for too long. In place of what
 * an awareness does about that by itself, which goes by the wall clock and by timers alone: setting the one removes
 * everybody or nobody, and browsers hold the others back.
 */
export class Watch {
  readonly #parts: WatchParts
  readonly #clock: SteadyClock
  readonly #attendance = new Attendance()
  readonly #end = new AbortController()
  /** While it fires not, this client has to be renewed also when nobody else is there. */
  #session: AbortSignal | undefined
  /** When this client last spoke. */
  #spoke: { readonly wall: number; readonly steady: number; readonly patienceMs: number }
  /** When the sleep under way should be over, by the wall clock. */
  #alarm: number | undefined
  /** Ends that sleep. */
  #nap = new AbortController()
  /** Whether the last one was over too late: timers are held back. */
  #overslept = false

  constructor(parts: WatchParts) {
    this.#parts = parts
    this.#clock = new SteadyClock(parts.env)
    this.#spoke = this.#now()
  }

  /** Others whose presence is minded here. */
  get others(): readonly number[] {
    return this.#attendance.clients
  }

  /** How many milliseconds ago each of the others was heard. */
  get ages(): ReadonlyMap<number, number> {
    return this.#attendance.ages(this.#clock.read())
  }

  /** From now on. @returns the others that were not heard since, once */
  silentFromNow(): () => readonly number[] {
    return this.#attendance.silentFromNow()
  }

  /** Others that were heard, so many milliseconds ago. */
  hear(words: Iterable<Pick<Word, 'client' | 'ageMs'>>): void {
    const { meta } = this.#parts.awareness
    const now = this.#clock.read()
    let oldest = 0
    for (const { client, ageMs } of words) {
      oldest = Math.max(oldest, ageMs)
      this.#attendance.hear(client, now - ageMs)
      const known = meta.get(client)
      // From now on it times out here: the awareness itself never finds it outdated.
      if (known) meta.set(client, { ...known, lastUpdated: Number.POSITIVE_INFINITY })
    }
    this.#keep(limits.goneMs - oldest)
  }

  /** What was last heard of another was said no later than so many milliseconds ago. */
  date(client: number, ageMs: number): void {
    this.#attendance.date(client, this.#clock.read() - ageMs)
    this.#keep(limits.goneMs - ageMs)
  }

  leave(clients: Iterable<number>): void {
    const now = this.#clock.read()
    for (const client of clients) this.#attendance.leave(client, now)
  }

  /** Others that the server has forgotten, perhaps with everything else: who says nothing soon is gone. */
  suspect(clients: Iterable<number>): void {
    const now = this.#clock.read()
    for (const client of clients) this.#attendance.suspect(client, now)
    this.#keep(limits.graceMs)
  }

  /** Removes others and their clocks: who did not change meanwhile comes back with the same one. */
  drop(clients: readonly number[]): void {
    const { awareness } = this.#parts
    this.#remove(clients)
    for (const client of clients) {
      this.#attendance.forget(client)
      awareness.meta.delete(client)
    }
  }

  /** Whether timers end late by far, as those of a hidden page. */
  get timersAreHeld(): boolean {
    return this.#overslept || this.#isLate()
  }

  /** This client spoke. */
  spoke(): void {
    this.#spoke = this.#now()
  }

  /** Says again how this client is, under a later clock. */
  renew(): void {
    const { awareness, onThrown } = this.#parts
    try {
      awareness.setLocalState(awareness.getLocalState())
    } catch (cause) {
      onThrown(cause)
    }
  }

  /** Something arrived: where timers are held back, the occasion to look. */
  arrived(): void {
    if (this.timersAreHeld) this.#look()
  }

  /** Minds this client until `session` fires, and the others for as long as there are any. */
  during(session: AbortSignal): void {
    this.#session = session
    this.#keep(limits.napMs)
  }

  /** Leaves the others to the awareness. */
  destroy(): void {
    const { awareness, env } = this.#parts
    this.#end.abort()
    this.#nap.abort()
    for (const client of this.others) {
      const known = awareness.meta.get(client)
      if (known) awareness.meta.set(client, { ...known, lastUpdated: env.now() })
    }
  }

  #now() {
    const { env, awareness } = this.#parts
    const crowded = Math.min(awareness.states.size * limits.renewEarlyPerClientMs, limits.renewMs)
    // A fifth more or less: hidden pages do not all answer in one instant.
    const patienceMs = Math.max(limits.renewEarlyMs, crowded) * (0.8 + 0.4 * env.random())
    return { wall: env.now(), steady: this.#clock.read(), patienceMs }
  }

  /** Something may be due in so many milliseconds. */
  #keep(ms: number): void {
    if (this.#end.signal.aborted) return
    if (this.#alarm === undefined) void this.#sleepAndLook()
    else if (this.#parts.env.now() + ms < this.#alarm) this.#nap.abort()
  }

  async #sleepAndLook(): Promise<void> {
    const { env } = this.#parts
    for (;;) {
      const isOn = this.#session !== undefined && !this.#session.aborted
      const next = this.#attendance.next(this.#clock.read()) ?? (isOn ? limits.napMs : undefined)
      if (next === undefined) break
      const napMs = Math.min(limits.napMs, Math.max(limits.dozeMs, next))
      this.#alarm = env.now() + napMs
      this.#nap = new AbortController()
      await env.sleep(napMs, this.#nap.signal)
      if (this.#end.signal.aborted) break
      if (!this.#nap.signal.aborted) this.#overslept = this.#isLate()
      this.#look()
    }
    this.#alarm = undefined
    this.#overslept = false
  }

  #look(): void {
    const { awareness } = this.#parts
    const now = this.#clock.read()
    const { gone, missing, forgotten } = this.#attendance.due(now)
    if (missing.length > 0) this.drop(missing)
    if (gone.length > 0) {
      this.#remove(gone)
      this.leave(gone)
    }
    for (const client of forgotten) {
      this.#attendance.forget(client)
      if (!awareness.states.has(client)) awareness.meta.delete(client)
    }
    this.#renewAfter(this.timersAreHeld ? this.#spoke.patienceMs : limits.renewMs)
  }

  #isLate(): boolean {
    return this.#alarm !== undefined && this.#parts.env.now() > this.#alarm + limits.lateMs
  }

  /** Renews this client when that is long ago by either clock: once too often harms nobody. */
  #renewAfter(ms: number): void {
    const { awareness, env } = this.#parts
    const { wall, steady } = this.#spoke
    if (Math.max(Math.abs(env.now() - wall), this.#clock.read() - steady) < ms) return
    this.spoke()
    if (awareness.getLocalState() !== null) this.renew()
  }

  #remove(clients: readonly number[]): void {
    const { awareness, origin, onThrown } = this.#parts
    try {
      removeAwarenessStates(awareness, [...clients], origin)
    } catch (cause) {
      onThrown(cause)
    }
  }
}
