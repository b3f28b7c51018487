import { type Env, settleEnv } from '../client/index.ts'
import type { OpenLocalStore } from './local/local-store.ts'
import type { Channel, Locks } from './tabs/origin.ts'

/** Everything about the world that a test may want to decide: time, chance and network, and what a browser shares among tabs. */
export interface World extends Env {
  /** Undefined where there are none: then each tab stands alone. */
  readonly locks: Locks | undefined
  readonly openChannel: ((name: string) => Channel) | undefined
  /** Undefined where nothing can be kept. */
  readonly openLocal: OpenLocalStore | undefined
}

/** What a caller decides of the world, and the real one for the rest. */
export const settleWorld = (given: Partial<World> = {}): World => ({
  ...settleEnv(given),
  locks: 'locks' in given ? given.locks : realLocks(),
  openChannel: 'openChannel' in given ? given.openChannel : realChannel(),
  openLocal: 'openLocal' in given ? given.openLocal : realLocal(),
})

/** Node has channels too, and lately locks; but its programs are no tabs of one origin. */
const hasOrigin = (): boolean => typeof globalThis.location === 'object'

const realLocks = (): Locks | undefined => (hasOrigin() ? globalThis.navigator?.locks : undefined)

const realChannel = (): World['openChannel'] =>
  hasOrigin() && typeof BroadcastChannel === 'function' ? name => new TabChannel(name) : undefined

class TabChannel implements Channel {
  readonly #channel: BroadcastChannel
  onmessage: Channel['onmessage'] = null

  constructor(name: string) {
    this.#channel = new BroadcastChannel(name)
    this.#channel.onmessage = ({ data }) => this.onmessage?.({ data })
  }

  postMessage(message: unknown): void {
    this.#channel.postMessage(message)
  }

  close(): void {
    this.#channel.close()
  }
}

/** Loaded only where it is asked for: whoever keeps nothing does not download how. */
const realLocal = (): OpenLocalStore | undefined =>
  typeof indexedDB === 'object'
    ? async parts => (await import('./local/indexeddb.ts')).openIndexedDb(parts)
    : undefined
