import { Delivery } from '../../protocol/index.ts'
import type { StreamState } from '../../server/rules/state.ts'
import type { Tails } from '../../server/subscriptions/links.ts'
import { cursorAt, type Link, type Subscription } from '../../server/subscriptions/record.ts'
import type { Moment } from '../../server/subscriptions/wake.ts'
import { streamState } from '../rules/states.ts'

export const start = 1_000_000

/** Streams by path, each by its tail, or as it is. */
export const tailsOf = (streams: Readonly<Record<string, number | Partial<StreamState>>>): Tails =>
  new Map(
    Object.entries(streams).map(([path, given]) => [
      path,
      streamState(typeof given === 'number' ? { tail: given } : given),
    ]),
  )

/** A link to the stream of `streamState`, processed up to a position. */
export const linkAt = (position?: number, changes: Partial<Link> = {}): Link => ({
  explicit: false,
  ...(position !== undefined && { at: cursorAt(streamState(), position) }),
  ...changes,
})

export const linksOf = (links: Readonly<Record<string, number>>): ReadonlyMap<string, Link> =>
  new Map(Object.entries(links).map(([path, position]) => [path, linkAt(position)]))

/** An idle pull-wake subscription of one stream, `a`, processed up to 0; or what a test makes of it. */
export const subscriptionOf = (changes: Partial<Subscription> = {}): Subscription => ({
  config: { type: Delivery.pullWake, pattern: '*', wakeStream: 'wake', leaseMs: 30_000 },
  hash: 'hash',
  createdAt: start,
  links: linksOf({ a: 0 }),
  generation: 0,
  failures: 0,
  nextAttemptAt: 0,
  ...changes,
})

export const webhookOf = (changes: Partial<Subscription> = {}): Subscription =>
  subscriptionOf({
    config: {
      type: Delivery.webhook,
      pattern: '*',
      webhookUrl: 'https://hooks.example.org/',
      leaseMs: 30_000,
    },
    ...changes,
  })

/** Now, with ten bytes in `a`. */
export const moment = (changes: Partial<Moment> = {}): Moment => ({
  now: start,
  tails: tailsOf({ a: 10 }),
  wakeId: 'w_new',
  wakeBytes: 10_000,
  ...changes,
})
