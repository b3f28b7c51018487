import type { Place } from '../../protocol/index.ts'
import { placeAt } from '../rules/parts.ts'
import type { StreamState } from '../rules/state.ts'
import type { SubscriptionConfig } from './config.ts'

/** A place in one stream: the position, whose stream it is, and the words the wire has for it. */
export interface Cursor extends Place {
  /** Of the stream; that of the token is another one where a fork has it of its source. */
  readonly incarnation: number
}

export const cursorAt = (state: StreamState, position: number): Cursor => ({
  ...placeAt(state, position),
  incarnation: state.generation,
})

/** One stream of a subscription (PROTOCOL 6.1). */
export interface Link {
  /** Asked for by name; it may be covered by the pattern as well. */
  readonly explicit: boolean
  /** Everything before it was processed; absent: nothing was. */
  readonly at?: Cursor | undefined
}

/** One wake in flight (PROTOCOL 7). Times are milliseconds since 1970. */
export interface Wake {
  readonly id: string
  /** A stream with pending work when it was issued: what a wake event names. */
  readonly stream: string
  /** Whether the worker has been told: the webhook took it, the wake event is in its stream. */
  readonly told: boolean
  /** The worker that holds the lease of a pull-wake subscription. */
  readonly holder?: string | undefined
  readonly leaseUntil?: number | undefined
  /** The tails that a webhook is told, and that it acknowledges by being done at once. */
  readonly tails: ReadonlyMap<string, Cursor>
}

/** Everything there is to know of a subscription. It lives in the store and nowhere else. */
export interface Subscription {
  readonly config: SubscriptionConfig
  readonly hash: string
  readonly createdAt: number
  readonly links: ReadonlyMap<string, Link>
  /** PROTOCOL 7.3: the fencing counter, of the last wake. */
  readonly generation: number
  readonly wake?: Wake | undefined
  /** Attempts to tell the worker that failed in a row. */
  readonly failures: number
  /** When the next attempt, or the next wake, may begin at the earliest. */
  readonly nextAttemptAt: number
  /** Why the last attempt failed. */
  readonly failure?: string | undefined
}

type StoredCursor = readonly [incarnation: number, position: number, generation: number]

const store = ({ incarnation, position, generation }: Cursor): StoredCursor => [
  incarnation,
  position,
  generation,
]
const restore = ([incarnation, position, generation]: StoredCursor): Cursor => ({
  incarnation,
  position,
  generation,
})

interface Stored extends Omit<Subscription, 'links' | 'wake'> {
  readonly links: readonly (readonly [path: string, explicit: 0 | 1, at?: StoredCursor])[]
  readonly wake?: Omit<Wake, 'tails'> & { readonly tails: readonly (readonly [path: string, StoredCursor])[] }
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export const encodeSubscription = ({ links, wake, ...rest }: Subscription): Uint8Array => {
  const stored: Stored = {
    ...rest,
    links: [...links].map(([path, { explicit, at }]) =>
      at ? [path, explicit ? 1 : 0, store(at)] : [path, explicit ? 1 : 0],
    ),
    ...(wake && {
      wake: {
        ...wake,
        tails: [...wake.tails].map(([path, cursor]) => [path, store(cursor)]),
      },
    }),
  }
  return encoder.encode(JSON.stringify(stored))
}

export const decodeSubscription = (bytes: Uint8Array): Subscription => {
  const { links, wake, ...rest } = JSON.parse(decoder.decode(bytes)) as Stored
  return {
    ...rest,
    links: new Map(
      links.map(([path, explicit, at]) => [
        path,
        { explicit: explicit === 1, ...(at && { at: restore(at) }) },
      ]),
    ),
    ...(wake && {
      wake: {
        ...wake,
        tails: new Map(wake.tails.map(([path, cursor]) => [path, restore(cursor)])),
      },
    }),
  }
}
