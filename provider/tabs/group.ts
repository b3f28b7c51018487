import type { Awareness } from 'y-protocols/awareness'
import type { Offset } from '../../protocol/index.ts'
import type { Standing } from '../unsaved.ts'
import type { Problem, TabLink, TabsState } from './message.ts'
import { Nearby } from './nearby.ts'
import type { Channel } from './origin.ts'
import { Seat } from './seat.ts'
import type { SeatParts } from './seat-parts.ts'

export interface GroupParts extends Omit<SeatParts, 'channel' | 'nearby'> {
  openChannel(name: string): Channel
  readonly awareness: Awareness | undefined
  /** The origins of changes of the awareness that came from the server, and from other tabs. */
  readonly origin: unknown
  readonly nearby: unknown
  /** How many milliseconds ago others were heard: by this tab, and by its leader. */
  ages(): ReadonlyMap<number, number>
  onAges(ages: ReadonlyMap<number, number>): void
  /** An observer of the awareness threw. */
  onThrown(cause: unknown): void
  /** The state of this tab, which another one sends, is no JSON. */
  onUnsendable(client: number, cause: unknown): void
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
    const { awareness } = parts
    this.#parts = parts
    this.#nearby =
      awareness &&
      new Nearby({
        ...parts,
        awareness,
        onUnsendable: cause => {
          if (!this.tabs?.leading) parts.onUnsendable(awareness.clientID, cause)
        },
        say: (update, isNearby) => this.#seat?.presence(update, isNearby),
      })
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
