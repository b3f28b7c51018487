import { Delivery } from '../../protocol/index.ts'
import {
  type Ack,
  type AckOutcome,
  ackTold,
  applyAcks,
  firstPending,
  type Links,
  listed,
  type Tails,
} from './links.ts'
import type { Subscription, Wake } from './record.ts'

/**
 * PROTOCOL 7: what becomes of a subscription, step by step. Nothing here waits, sends or stores.
 *
 * - W1 A wake is issued when work is pending, none is in flight and the schedule of retries allows it.
 * - W2 Each has a generation one above the last and an id of its own.
 * - W3 The lease of a webhook begins with the wake, that of pull-wake with the claim.
 * - W4 When a lease is over, so is its wake; pending work leads to another one.
 */

/** What a step that may issue a wake needs of the world. */
export interface Moment {
  readonly now: number
  readonly tails: Tails
  /** The id of the wake that may be issued. */
  readonly wakeId: string
  /** Bytes of the list of streams that a webhook is told. */
  readonly wakeBytes: number
}

const isOver = ({ leaseUntil }: Wake, now: number): boolean => leaseUntil !== undefined && leaseUntil <= now

const withoutWake = ({ wake: _, ...idle }: Subscription): Subscription => idle

const expire = (found: Subscription, now: number): Subscription =>
  found.wake && isOver(found.wake, now) ? withoutWake(found) : found

const issue = (found: Subscription, { now, tails, wakeId, wakeBytes }: Moment): Subscription => {
  if (found.wake || found.nextAttemptAt > now) return found
  const stream = firstPending(found.links, tails)
  if (stream === undefined) return found
  const { config, links } = found
  const isWebhook = config.type === Delivery.webhook
  return {
    ...found,
    generation: found.generation + 1,
    wake: {
      id: wakeId,
      stream,
      told: false,
      tails: isWebhook ? listed(links, tails, wakeBytes) : new Map(),
      ...(isWebhook && { leaseUntil: now + config.leaseMs }),
    },
  }
}

/** Where a subscription is when it is looked at: an old lease over, a new wake issued. The same object when nothing changed. */
export const settle = (found: Subscription, moment: Moment): Subscription =>
  issue(expire(found, moment.now), moment)

/** The next moment at which `settle`, or telling the worker, has something to do by itself; undefined: none. */
export const nextDue = ({ wake, links, nextAttemptAt }: Subscription, tails: Tails): number | undefined => {
  if (!wake) return firstPending(links, tails) === undefined ? undefined : nextAttemptAt
  const times = [wake.leaseUntil, wake.told ? undefined : nextAttemptAt].filter(time => time !== undefined)
  return times.length > 0 ? Math.min(...times) : undefined
}

/** PROTOCOL 7.1: from 1 s doubling up to 60 s, 20 % more or less by chance. */
export const retryDelay = (failures: number, random: number): number =>
  Math.round(Math.min(1_000 * 2 ** (failures - 1), 60_000) * (0.8 + 0.4 * random))

/**
 * W5 An attempt to tell the worker begins when it is due, and first writes down when to try again if nothing is heard of
 * it: whoever dies on the way, and whoever else looks meanwhile, finds a schedule.
 * @returns undefined when there is nothing to tell now
 */
export const beginAttempt = (
  found: Subscription,
  now: number,
  longestMs: number,
  random: number,
): Subscription | undefined => {
  const { wake, nextAttemptAt, failures } = found
  if (!wake || wake.told || isOver(wake, now) || nextAttemptAt > now) return undefined
  return { ...found, nextAttemptAt: now + longestMs + retryDelay(failures + 1, random) }
}

/**
 * W6 A failed attempt is counted, and the next one waits longer, also when that belongs to another wake by then; unless
 * the worker has answered in some other way since.
 */
export const failAttempt = (
  found: Subscription,
  failure: string,
  now: number,
  random: number,
): Subscription | undefined => {
  if (found.wake?.told === true || found.nextAttemptAt === 0) return undefined
  const failures = found.failures + 1
  return { ...found, failures, failure, nextAttemptAt: now + retryDelay(failures, random) }
}

const cleared = ({ failure: _, ...found }: Subscription): Subscription => ({
  ...found,
  failures: 0,
  nextAttemptAt: 0,
})

/** W7 A worker that was told is not told again of the same wake, and the count of failures ends. */
export const told = (found: Subscription, wakeId: string): Subscription => {
  const { wake } = found
  return wake?.id === wakeId ? { ...cleared(found), wake: { ...wake, told: true } } : cleared(found)
}

/** W8 A webhook that is done at once acknowledges what it was told; new work leads to another wake. */
export const doneAtOnce = (found: Subscription, wakeId: string, moment: Moment): Subscription | undefined => {
  const { wake, links } = found
  if (wake?.id !== wakeId || isOver(wake, moment.now)) return undefined
  return issue({ ...withoutWake(cleared(found)), links: ackTold(links, wake.tails) }, moment)
}

export type ClaimOutcome =
  | { readonly kind: 'claimed'; readonly next: Subscription; readonly wake: Wake }
  | { readonly kind: 'alreadyClaimed'; readonly holder: string; readonly generation: number }
  | { readonly kind: 'noPendingWork'; readonly next: Subscription }

/**
 * PROTOCOL 7.2.
 * - W9 One worker holds the lease; another one is told who, and the generation.
 * - W10 Without pending work there is nothing to claim, and a wake that nobody held is over: new work gets a new event.
 * - W11 A claim needs no wake event: pending work that was not announced yet, or is not due to be, gets its wake here.
 */
export const claim = (found: Subscription, worker: string, moment: Moment): ClaimOutcome => {
  const { now, tails } = moment
  const open = expire(found, now)
  if (open.wake?.holder !== undefined) {
    return { kind: 'alreadyClaimed', holder: open.wake.holder, generation: open.generation }
  }
  const { wake, ...issued } = issue(cleared(open), moment)
  if (!wake || firstPending(open.links, tails) === undefined) {
    return { kind: 'noPendingWork', next: open.wake ? withoutWake(open) : open }
  }
  const held: Wake = { ...wake, told: true, holder: worker, leaseUntil: now + issued.config.leaseMs }
  return { kind: 'claimed', next: { ...issued, wake: held }, wake: held }
}

/** What a worker says its request belongs to. */
export interface Credentials {
  /** Of the token, which was verified before. */
  readonly tokenGeneration: number
  readonly generation: number
  readonly wakeId: string
}

/** W12 A request counts for the wake in flight alone: generation and id match, and its lease is not over (7.3). */
const isCurrent = ({ wake, generation }: Subscription, given: Credentials, now: number): boolean =>
  wake?.leaseUntil !== undefined &&
  wake.leaseUntil > now &&
  wake.id === given.wakeId &&
  generation === given.generation &&
  generation === given.tokenGeneration

export type AckRequestOutcome =
  | { readonly kind: 'acked'; readonly next: Subscription; readonly nextWake: boolean }
  | Exclude<AckOutcome, { kind: 'acked' }>
  | { readonly kind: 'fenced' }

/**
 * PROTOCOL 7.1 and 7.2, for webhooks and pull-wake alike.
 * - W13 Acknowledging without being done extends the lease.
 * - W14 Being done ends it; if work is pending then, the next wake is issued in the same step.
 * - W15 A worker that answers has been told, whatever became of the attempt to tell it.
 */
export const acknowledge = (
  found: Subscription,
  credentials: Credentials,
  acks: readonly Ack[],
  done: boolean,
  moment: Moment,
): AckRequestOutcome => {
  const { wake } = found
  if (!wake || !isCurrent(found, credentials, moment.now)) return { kind: 'fenced' }
  const acked = applyAcks(found.links, moment.tails, acks)
  if (acked.kind !== 'acked') return acked
  const links: Links = acked.links
  if (done) {
    const next = issue({ ...withoutWake(cleared(found)), links }, moment)
    return { kind: 'acked', next, nextWake: next.wake !== undefined }
  }
  const extended: Wake = { ...wake, told: true, leaseUntil: moment.now + found.config.leaseMs }
  return { kind: 'acked', next: { ...cleared(found), links, wake: extended }, nextWake: false }
}

/** W16 Giving the lease back acknowledges nothing; pending work is announced again. Undefined: fenced. */
export const release = (
  found: Subscription,
  credentials: Credentials,
  moment: Moment,
): Subscription | undefined =>
  isCurrent(found, credentials, moment.now) ? issue(withoutWake(found), moment) : undefined
