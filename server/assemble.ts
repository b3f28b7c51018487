import type { Logger } from 'pino'
import type { Limits } from './limits.ts'
import type { Store } from './store/store.ts'
import { Streams } from './streams/streams.ts'
import { type Network, realNetwork } from './subscriptions/network.ts'
import type { SubscriptionSettings } from './subscriptions/settings.ts'
import { Subscriptions } from './subscriptions/subscriptions.ts'
import type { World } from './world.ts'
import { Causality } from './yjs/causality.ts'
import { Compactor } from './yjs/compactor.ts'
import { Documents } from './yjs/documents.ts'
import type { Offload } from './yjs/offload.ts'
import { Presence } from './yjs/presence.ts'
import { IndexedSnapshots } from './yjs/snapshot-index.ts'
import { Snapshots } from './yjs/snapshots.ts'

export interface Ingredients {
  readonly store: Store
  /** Where presence lives: in memory, it never touches the disk. */
  readonly presenceStore: Store
  readonly world: World
  readonly logger: Logger
  readonly limits: Limits
  readonly compactBytes: number
  readonly graceMs: number
  readonly offload: Offload
  /** Default: there are none. */
  readonly subscriptions?: SubscriptionSettings | undefined
  /** Where webhooks are sent. Default: the network. */
  readonly network?: Network | undefined
}

/** What a server is made of, put together. */
export const assemble = (ingredients: Ingredients) => {
  const { store, presenceStore, world, logger, limits, compactBytes, graceMs, offload } = ingredients
  const { readBytes, causalClients: clients, compactFailures: mostFailures } = limits
  const onExpired = (name: string, generation: number) => {
    documents.expired(name, generation).catch(error => {
      logger.error({ err: error }, 'what belonged to an expired document could not be removed')
    })
  }
  const onAppended = (name: string) => subscriptions?.appended(name)
  const streams = new Streams({ store, world, readBytes, onExpired, onAppended })
  const { subscriptions: settings, network = realNetwork } = ingredients
  const subscriptions = settings && new Subscriptions({ streams, world, logger, limits, network, settings })
  // Who has no subscriptions pays for no index.
  const indexed = settings && new IndexedSnapshots(streams, logger)
  const snapshots = indexed ?? new Snapshots(streams)
  const compactor = new Compactor({
    streams,
    snapshots,
    offload,
    world,
    logger,
    compactBytes,
    graceMs,
    mostFailures,
  })
  const presence = new Presence(new Streams({ store: presenceStore, world, readBytes }), limits, world)
  const causality = new Causality({ streams, snapshots, clients })
  const documents = new Documents({ streams, snapshots, compactor, causality, presence, limits })
  /** What the last process left to be done, before there are requests. Never rejects. */
  const recover = async () => indexed?.recover()
  return { streams, snapshots, compactor, presence, documents, subscriptions, recover }
}
export type Parts = ReturnType<typeof assemble>
