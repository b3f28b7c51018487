import { whenGone } from './life.ts'
import type { Tab } from './message.ts'
import type { Nearby } from './nearby.ts'
import type { Locks } from './origin.ts'

export interface RosterParts {
  readonly name: string
  readonly locks: Locks
  readonly nearby: Nearby | undefined
  /** A tab came or went. */
  onChange(): void
  /** The leader found that a tab is gone. */
  onGone(id: string): void
}

/** Of the lock that a tab holds for as long as it lives. */
export const lifeName = (group: string, tab: string): string => `${group}:tab:${tab}`

/** The other tabs of a group, as far as this one heard of them. */
export class Roster {
  readonly #parts: RosterParts
  readonly #others = new Map<string, number | undefined>()
  #reign: AbortSignal | undefined

  constructor(parts: RosterParts) {
    this.#parts = parts
  }

  get others(): readonly Tab[] {
    return [...this.#others].map(([id, client]) => ({ id, client }))
  }

  meet({ id, client }: Tab): void {
    const isNew = !this.#others.has(id)
    this.#others.set(id, client)
    if (!isNew) return
    if (this.#reign) this.#await(id, this.#reign)
    this.#parts.onChange()
  }

  /** It is gone, and with it who was there, unless that one is back already under another name. */
  forget(id: string): void {
    const client = this.#others.get(id)
    if (!this.#others.delete(id)) return
    const isBack = [...this.#others.values()].includes(client)
    if (client !== undefined && !isBack) this.#parts.nearby?.remove(client)
    this.#parts.onChange()
  }

  /** Until `reign` fires, learns of the end of every tab, however it comes. */
  guard(reign: AbortSignal): void {
    this.#reign = reign
    for (const id of this.#others.keys()) this.#await(id, reign)
  }

  #await(id: string, reign: AbortSignal): void {
    const { name, locks, onGone } = this.#parts
    void whenGone(locks, lifeName(name, id), reign).then(gone => {
      if (!gone || reign.aborted) return
      onGone(id)
      this.forget(id)
    })
  }
}
