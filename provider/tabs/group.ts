import type { Awareness } from 'y-protocols/awareness'
import type { Env } from '../../client/index.ts'
import type { Offset } from '../../protocol/index.ts'
import type { Cue } from '../phase.ts'
import type { Replica } from '../replica.ts'
import type { Standing } from '../unsaved.ts'
import type { Problem, TabLink } from './message.ts'
import { Nearby } from './nearby.ts'
import type { Channel, Locks } from './origin.ts'
import { Seat, type TabsState } from './seat.ts'

export interface GroupParts {
  /** Of the origin's locks and channel: one for all tabs that share the document. */
  readonly name: string
  readonly locks: Locks
  openChannel(name: string): Channel
  readonly env: Env
  readonly replica: Replica
  readonly awareness: Awareness | undefined
  /** The origins of changes of the awareness that came from the server, and from other tabs. */
  readonly origin: unknown
  readonly nearby: unknown
  /** How the link to the server is doing, as the leader says. */
  onCue(cue: Cue): void
  /** Another tab sends for this one from now on. */
  onFollow(): void
  /** The leader met this, and tries again. */
  onProblem(problem: Problem): void
  /** How the leader's sending goes: as known here, and when it changed. */
  standing(): Standing
  onStanding(standing: Standing): void
  /** Who is in the group, or who leads it, changed. */
  onTabs(): void
  /** What must not happen. */
  onDefect(cause: unknown): void
}

/**
 * The tabs of one origin that have the same document open. One leads: it talks to the server, and tells the others what it
 * read and what was acknowledged. All tell each other what they edit and who they are. A tab that leads for the first time
 * has everything that another one had, so it goes on from there.
 */
export class Group {
  readonly #parts: GroupParts
  readonly #nearby: Nearby | undefined
  #seat: Seat | undefined

  constructor(parts: GroupParts) {
    const { awareness, origin, nearby } = parts
    this.#parts = parts
    const say = (update: Uint8Array, isNearby: boolean) => this.#seat?.presence(update, isNearby)
    this.#nearby = awareness && new Nearby({ awareness, origin, nearby, say })
  }

  /**
   * Takes part until `signal` fires; `lead` works while this tab leads.
   * @throws what `lead` throws; ProviderError DOCUMENT_RESET when the leader has another life of the document
   */
  async run(signal: AbortSignal, lead: (reign: AbortSignal) => Promise<void>): Promise<void> {
    const channel = this.#open()
    if (!channel) return lead(signal)
    const seat = new Seat({ ...this.#parts, nearby: this.#nearby, channel })
    this.#take(seat)
    try {
      await seat.run(signal, lead)
    } finally {
      if (this.#seat === seat) this.#take(undefined)
    }
  }

  #take(seat: Seat | undefined): void {
    this.#seat = seat
    this.#parts.onTabs()
  }

  /** Undefined where the browser has channels, but none for this page: it may not keep anything. */
  #open(): Channel | undefined {
    const { name, openChannel } = this.#parts
    try {
      return openChannel(name)
    } catch {
      return undefined
    }
  }

  /** Undefined while not in the group. */
  get tabs(): TabsState | undefined {
    return this.#seat?.tabs
  }

  /** Something was edited here. */
  edit(update: Uint8Array): void {
    this.#seat?.edit(update)
  }

  /** The leader read this, and what follows is at `next`. */
  read(updates: readonly Uint8Array[], next: Offset): void {
    this.#seat?.tell({ kind: 'read', updates, next })
  }

  /** The server keeps this now. */
  held(updates: readonly Uint8Array[]): void {
    if (updates.length > 0) this.#seat?.tell({ kind: 'held', updates })
  }

  /** The server keeps less than was thought. */
  lacking(): void {
    this.#seat?.tell({ kind: 'lacking', ledger: this.#parts.replica.ledger.encode() })
  }

  problem({ code, message, condition, ranges, bytes }: Problem): void {
    this.#seat?.tell({ kind: 'problem', problem: { code, message, condition, ranges, bytes } })
  }

  standing(standing: Standing): void {
    this.#seat?.tell({ kind: 'standing', standing })
  }

  link(link: TabLink): void {
    this.#seat?.setLink(link)
  }

  destroy(): void {
    this.#nearby?.destroy()
  }
}
