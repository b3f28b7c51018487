import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import { Delivery } from '../../protocol/index.ts'
import type { Streams } from '../streams/streams.ts'
import type { World } from '../world.ts'
import type { Coverage } from './coverage.ts'
import { Glob } from './glob.ts'
import { joinFound } from './membership.ts'
import { recordStream, type SubscriptionKey, streamPrefix } from './names.ts'
import type { Subscription, Wake } from './record.ts'
import type { Found, Registry } from './registry.ts'
import { Slots } from './slots.ts'
import { matching, survey } from './survey.ts'
import type { Telling } from './telling.ts'
import { beginAttempt, doneAtOnce, failAttempt, type Moment, nextDue, settle, told } from './wake.ts'
import type { DeliveryResult } from './webhook.ts'

export interface RunnerParts {
  readonly streams: Streams
  readonly registry: Registry
  readonly coverage: Coverage
  readonly telling: Telling
  readonly world: World
  readonly logger: Logger
  readonly deliveries: number
  readonly deliveriesPerTarget: number
  readonly deliveryMs: number
  readonly wakeBytes: number
  /** Streams of one subscription. */
  readonly links: number
  readonly rescanMs: number
}

/** What this process is doing for one subscription. Losing it loses nothing: the store knows what is due. */
interface Care {
  readonly key: SubscriptionKey
  /** Paths that an append or a look around found. */
  readonly found: Set<string>
  /** Whether it is to be looked at whatever was found. */
  isCalled: boolean
  /** Whether the log knows that not all streams fit. */
  isFullSaid: boolean
  again: boolean
  tending: Promise<void> | undefined
  attempt: Promise<void> | undefined
  cancelTimer: () => void
}

/** After the store failed. */
const troubleMs = 5_000

/**
 * Sees to it that what is due happens: wakes after appends, attempts and retries, ends of leases. Everything it acts upon
 * is read from the store, so a restart, or another process, goes on where this one stopped.
 */
export class Runner {
  readonly #parts: RunnerParts
  readonly #slots: Slots
  readonly #cares = new Map<string, Care>()
  readonly #appended = new Set<string>()
  readonly #stopped = new AbortController()
  #closing = false
  #cancelFlush: (() => void) | undefined
  #cancelRescan: () => void = () => undefined
  #rescan: Promise<void> = Promise.resolve()

  constructor(parts: RunnerParts) {
    this.#parts = parts
    this.#slots = new Slots(parts.deliveries, parts.deliveriesPerTarget)
  }

  /** Takes up what the store says is due, now and from time to time. Resolves when it has looked at everything once. */
  start(): Promise<void> {
    const { world, rescanMs, logger } = this.#parts
    const next = () => {
      if (!this.#closing) this.#cancelRescan = world.after(rescanMs, run)
    }
    const run = () => {
      this.#rescan = this.#lookAround()
        .catch(error => logger.error({ err: error }, 'subscriptions could not be looked over'))
        .then(next)
    }
    run()
    return this.#rescan
  }

  /** An append was committed. Costs an entry in a set; a burst is looked at once. */
  appended(stream: string): void {
    if (this.#closing || this.#parts.coverage.isEmpty || !stream.startsWith(streamPrefix)) return
    this.#appended.add(stream)
    this.#cancelFlush ??= this.#parts.world.after(0, () => this.#flush())
  }

  #flush(): void {
    this.#cancelFlush = undefined
    for (const stream of this.#appended) {
      for (const { key, path } of this.#parts.coverage.concerns(stream)) void this.tend(key, path)
    }
    this.#appended.clear()
  }

  /** Does what is due for one subscription. Never rejects. */
  tend(key: SubscriptionKey, path?: string): Promise<void> {
    if (this.#closing) return Promise.resolve()
    const care = this.#careOf(key)
    if (path === undefined) care.isCalled = true
    else care.found.add(path)
    care.again = true
    care.tending ??= this.#run(care).finally(() => {
      care.tending = undefined
    })
    return care.tending
  }

  #careOf(key: SubscriptionKey): Care {
    const name = recordStream(key)
    const known = this.#cares.get(name)
    if (known) return known
    const care: Care = {
      key,
      found: new Set(),
      isCalled: false,
      isFullSaid: false,
      again: false,
      tending: undefined,
      attempt: undefined,
      cancelTimer: () => undefined,
    }
    this.#cares.set(name, care)
    return care
  }

  async #run(care: Care): Promise<void> {
    while (care.again && !this.#closing) {
      care.again = false
      try {
        await this.#tend(care)
      } catch (error) {
        this.#trouble(care, error)
        return
      }
    }
  }

  #trouble(care: Care, error: unknown): void {
    const { logger, world } = this.#parts
    logger.error({ err: error, subscription: care.key }, 'a subscription could not be tended')
    this.#wait(care, world.now() + troubleMs)
  }

  #wait(care: Care, until: number): void {
    if (this.#closing) return
    const { world } = this.#parts
    care.cancelTimer()
    care.cancelTimer = world.after(Math.max(0, until - world.now()), () => void this.tend(care.key))
  }

  async #tend(care: Care): Promise<void> {
    const { registry, streams, coverage, world } = this.#parts
    const { key } = care
    const loaded = await registry.load(key)
    if (!loaded) {
      care.cancelTimer()
      coverage.delete(key)
      this.#cares.delete(recordStream(key))
      return
    }
    // Of two that look at once, the one with the older record must not have the last word.
    coverage.set(key, loaded.subscription)
    const { wake, links } = loaded.subscription
    const fresh = [...care.found].filter(path => !links.has(path))
    const isFull = links.size >= this.#parts.links
    const isNews = care.isCalled || fresh.length < care.found.size || !isFull
    care.found.clear()
    care.isCalled = false
    // Else every append to what does not fit would cost a look at all that does.
    if (!isNews) {
      this.#sayFull(care, fresh.length)
      return
    }
    const isBusy = wake !== undefined && !(wake.leaseUntil !== undefined && wake.leaseUntil <= world.now())
    // While a wake is in flight nothing can be issued: an append then costs no look at the other streams.
    const looked = isBusy ? fresh : [...links.keys(), ...fresh]
    const tails = await survey(streams, key.service, looked)
    const moment = this.#moment(tails)
    const subscription =
      isBusy && looked.length === 0
        ? loaded.subscription
        : await registry.change(key, loaded.incarnation, current => {
            const next = settle(this.#joined(care, current, looked, moment), moment)
            return { next, result: next }
          })
    if (subscription) this.#goOn(care, { incarnation: loaded.incarnation, subscription }, moment)
    else care.again = true
  }

  #joined(care: Care, current: Subscription, looked: readonly string[], moment: Moment): Subscription {
    const { links, left } = joinFound(current.links, looked, moment.tails, this.#parts.links)
    if (left > 0) this.#sayFull(care, left)
    return links === current.links ? current : { ...current, links }
  }

  /** Once from one look around to the next. */
  #sayFull(care: Care, left: number): void {
    if (care.isFullSaid) return
    care.isFullSaid = true
    this.#parts.logger.error(
      { subscription: care.key, left, limit: this.#parts.links },
      'a subscription covers more streams than it can hold: some will not wake it',
    )
  }

  #goOn(care: Care, found: Found, { tails }: Moment): void {
    const { wake, nextAttemptAt } = found.subscription
    const isDue = wake !== undefined && !wake.told && nextAttemptAt <= this.#parts.world.now()
    if (isDue && !care.attempt) {
      care.attempt = this.#attempt(care, found, wake).then(isOver => {
        care.attempt = undefined
        if (isOver) void this.tend(care.key)
      })
    }
    care.cancelTimer()
    const due = nextDue(found.subscription, tails)
    // An attempt under way tends when it is over.
    if (due !== undefined && !(isDue && due <= this.#parts.world.now())) this.#wait(care, due)
  }

  /**
   * One attempt of a subscription at a time. Never rejects.
   * @returns whether it was carried through, so that what follows can be looked at
   */
  async #attempt(care: Care, { incarnation, subscription }: Found, { id }: Wake): Promise<boolean> {
    const { registry, telling, world, deliveryMs } = this.#parts
    const { config } = subscription
    const target = config.type === Delivery.webhook ? new URL(config.webhookUrl ?? '').host : ''
    const leave = target === '' ? () => undefined : await this.#slots.take(target)
    try {
      if (this.#closing) return false
      const begun = await registry.change(care.key, incarnation, current => {
        const next =
          current.wake?.id === id ? beginAttempt(current, world.now(), deliveryMs, world.random()) : undefined
        return { next, result: next }
      })
      if (begun?.wake) {
        const found = { incarnation, subscription: begun }
        const result = await telling.tell(care.key, found, begun.wake, this.#stopped.signal)
        if (this.#stopped.signal.aborted) return false
        await this.#conclude(care.key, found, id, result)
      }
      return true
    } catch (error) {
      this.#trouble(care, error)
      return false
    } finally {
      leave()
    }
  }

  async #conclude(
    key: SubscriptionKey,
    { incarnation, subscription }: Found,
    wakeId: string,
    result: DeliveryResult,
  ): Promise<void> {
    const { registry, streams, world, logger } = this.#parts
    if (result.kind === 'failed') {
      const { reason } = result
      logger.warn({ subscription: key, wakeId, reason }, 'a worker could not be told of a wake')
      await registry.change(key, incarnation, current => ({
        next: failAttempt(current, reason, world.now(), world.random()),
        result: undefined,
      }))
      return
    }
    const links = result.done ? subscription.links.keys() : []
    const moment = this.#moment(await survey(streams, key.service, links))
    await registry.change(key, incarnation, current => ({
      next: (result.done ? doneAtOnce(current, wakeId, moment) : undefined) ?? told(current, wakeId),
      result: undefined,
    }))
  }

  #moment(tails: Moment['tails']): Moment {
    const { world, wakeBytes } = this.#parts
    return { now: world.now(), tails, wakeId: newWakeId(), wakeBytes }
  }

  async #lookAround(): Promise<void> {
    const { registry, coverage } = this.#parts
    const names = new Set<string>()
    for await (const key of registry.keys()) {
      if (this.#closing) return
      names.add(recordStream(key))
      const found = await registry.load(key)
      if (!found) continue
      coverage.set(key, found.subscription)
      await this.discover(key, found.subscription)
    }
    for (const key of coverage.strangers(names)) await this.tend(key)
  }

  /** Finds the streams that a pattern covers and that are not linked, and does what is due. */
  async discover(key: SubscriptionKey, { config, links }: Subscription): Promise<void> {
    const { streams, links: most } = this.#parts
    if (config.pattern !== undefined) {
      const care = this.#careOf(key)
      care.isFullSaid = false
      for await (const path of matching(streams, key.service, new Glob(config.pattern))) {
        if (path !== config.wakeStream && !links.has(path)) care.found.add(path)
        if (care.found.size > most) break
      }
    }
    await this.tend(key)
  }

  /** Ends timers, lets attempts under way finish within `ms` and cuts the others: they are made again after a restart. */
  async close(ms: number): Promise<void> {
    this.#closing = true
    this.#cancelRescan()
    this.#cancelFlush?.()
    for (const care of this.#cares.values()) care.cancelTimer()
    const cancelCut = this.#parts.world.after(ms, () =>
      this.#stopped.abort(new Error('the server is stopping')),
    )
    await this.#rescan
    for (const care of this.#cares.values()) await Promise.all([care.tending, care.attempt])
    cancelCut()
  }
}

/** Unique; nobody gains anything by guessing it. */
export const newWakeId = (): string => `w_${randomBytes(12).toString('hex')}`
