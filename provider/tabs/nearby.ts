import {
  type Awareness,
  applyAwarenessUpdate,
  encodeAwarenessUpdate,
  removeAwarenessStates,
} from 'y-protocols/awareness'

export interface NearbyParts {
  readonly awareness: Awareness
  /** The origin of changes that came from the server. */
  readonly origin: unknown
  /** The origin of changes that came from other tabs. */
  readonly nearby: unknown
  /** How many milliseconds ago this tab heard of others, and another tab did. */
  ages(): ReadonlyMap<number, number>
  onAges(ages: ReadonlyMap<number, number>): void
  /** An observer of the awareness threw, when what it observed was done: no affair of the other tabs. */
  onThrown(cause: unknown): void
  /** This tab's own state is no JSON: others go on seeing the last one that was. */
  onUnsendable(cause: unknown): void
  /** `nearby`: it is about this tab, and not what the server said, which is asked for only where it is heard. */
  say(update: () => Uint8Array, nearby: boolean): void
}

interface Changes {
  readonly added: readonly number[]
  readonly updated: readonly number[]
  readonly removed: readonly number[]
}

/** Lets the tabs of one browser see each other, and those who follow see whom the leader sees. */
export class Nearby {
  readonly #parts: NearbyParts
  /** Whether the app has been told that this tab's own state cannot be sent. */
  #told = false

  constructor(parts: NearbyParts) {
    this.#parts = parts
    parts.awareness.on('update', this.#changed)
  }

  get client(): number {
    return this.#parts.awareness.clientID
  }

  /** This tab's own state, renewed: a first one, of clock 0, would be no news to those who never heard of it. */
  introduce(): Uint8Array | undefined {
    const { awareness } = this.#parts
    this.#change(() => awareness.setLocalState(awareness.getLocalState()))
    return this.encode([awareness.clientID])
  }

  /** The states of these clients, as far as they have one that can be sent; undefined when none has. */
  encode(clients: Iterable<number>): Uint8Array | undefined {
    const { awareness } = this.#parts
    const known = [...clients].filter(client => awareness.getStates().has(client) && this.#isSendable(client))
    return known.length > 0 ? encodeAwarenessUpdate(awareness, known) : undefined
  }

  /** Everybody known but these. */
  encodeOthers(clients: ReadonlySet<number>): Uint8Array | undefined {
    return this.encode([...this.#parts.awareness.getStates().keys()].filter(client => !clients.has(client)))
  }

  get ages(): ReadonlyMap<number, number> {
    return this.#parts.ages()
  }

  /** What the leader knows of the rest of the world. */
  meet(others: Uint8Array | undefined, ages: ReadonlyMap<number, number>): void {
    this.hear(others, false)
    this.#parts.onAges(ages)
  }

  hear(update: Uint8Array | undefined, isNearby: boolean): void {
    const { awareness, origin, nearby } = this.#parts
    if (update) this.#change(() => applyAwarenessUpdate(awareness, update, isNearby ? nearby : origin))
  }

  /** The tab of this client is no more. */
  remove(client: number): void {
    const { awareness, nearby } = this.#parts
    if (client !== awareness.clientID) this.#change(() => removeAwarenessStates(awareness, [client], nearby))
  }

  /** This tab leaves, and the others take it for gone: coming back must outdo that. */
  leave(): void {
    const { meta, clientID } = this.#parts.awareness
    const own = meta.get(clientID)
    if (own) meta.set(clientID, { ...own, clock: own.clock + 1 })
  }

  destroy(): void {
    this.#parts.awareness.off('update', this.#changed)
  }

  #change(change: () => void): void {
    try {
      change()
    } catch (cause) {
      this.#parts.onThrown(cause)
    }
  }

  /** What others show came as JSON. */
  #isSendable(client: number): boolean {
    const { awareness, onUnsendable } = this.#parts
    if (client !== awareness.clientID) return true
    try {
      JSON.stringify(awareness.getLocalState())
      this.#told = false
      return true
    } catch (cause) {
      if (!this.#told) onUnsendable(cause)
      this.#told = true
      return false
    }
  }

  readonly #changed = ({ added, updated, removed }: Changes, origin: unknown): void => {
    const { awareness, origin: remote, nearby, say } = this.#parts
    if (origin === nearby) return
    const clients = [...added, ...updated, ...removed]
    const own = awareness.clientID
    if (origin === remote) say(() => encodeAwarenessUpdate(awareness, clients), false)
    else if (clients.includes(own) && this.#isSendable(own))
      say(() => encodeAwarenessUpdate(awareness, [own]), true)
  }
}
