import type { Logger } from 'pino'
import { Delivery } from '../../protocol/index.ts'
import type { Limits } from '../limits.ts'
import type { Streams } from '../streams/streams.ts'
import type { World } from '../world.ts'
import { configHash, type SubscriptionConfig } from './config.ts'
import { Coverage } from './coverage.ts'
import { Glob } from './glob.ts'
import { Keys } from './keys.ts'
import { type Ack, describeTold, listed, type Tails } from './links.ts'
import { addExplicit, atTails, removeExplicit } from './membership.ts'
import type { SubscriptionKey } from './names.ts'
import type { Network } from './network.ts'
import type { Subscription } from './record.ts'
import { Registry } from './registry.ts'
import { newWakeId, Runner } from './runner.ts'
import type { SubscriptionSettings } from './settings.ts'
import type { PublicKey } from './signature.ts'
import { matching, survey } from './survey.ts'
import { Telling } from './telling.ts'
import { issueToken, readToken } from './token.ts'
import { acknowledge, type Credentials, claim, type Moment, release } from './wake.ts'
import { Webhooks } from './webhook.ts'

export interface SubscriptionsParts {
  readonly streams: Streams
  readonly world: World
  readonly logger: Logger
  readonly limits: Limits
  readonly network: Network
  readonly settings: SubscriptionSettings
}

/** A subscription, and its streams as they are. */
export interface Seen {
  readonly subscription: Subscription
  readonly tails: Tails
}

export type SubscribeOutcome =
  | ({ readonly kind: 'created' } & Seen)
  | ({ readonly kind: 'exists' } & Seen)
  | { readonly kind: 'mismatch' }
  | { readonly kind: 'tooManySubscriptions'; readonly limit: number }
  | { readonly kind: 'tooManyStreams'; readonly limit: number }
  | { readonly kind: 'urlRejected'; readonly reason: string }

export type LinkOutcome =
  | { readonly kind: 'linked' }
  | { readonly kind: 'missing' }
  | { readonly kind: 'tooManyStreams'; readonly limit: number }

/** Why a worker's request was refused before it was looked at. */
export type Barred = { readonly kind: 'missing' | 'wrongType' | 'badToken' | 'expiredToken' }

export interface WorkerRequest {
  readonly wakeId: string
  readonly generation: number
  readonly acks: readonly Ack[]
  readonly done: boolean
}

/** Service-scoped subscriptions (PROTOCOL 6 and 7). Every method throws StoreFailure when the store fails. */
export class Subscriptions {
  readonly #parts: SubscriptionsParts
  readonly #registry: Registry
  readonly #coverage = new Coverage()
  readonly #keys: Keys
  readonly #webhooks: Webhooks
  readonly #runner: Runner
  #publicUrl: string

  constructor(parts: SubscriptionsParts) {
    const { streams, world, logger, limits, network, settings } = parts
    this.#parts = parts
    this.#publicUrl = settings.publicUrl ?? ''
    this.#registry = new Registry(streams)
    this.#keys = new Keys(streams, world, settings.keyLifeMs)
    this.#webhooks = new Webhooks({
      network,
      world,
      keys: this.#keys,
      allowed: settings.allowed,
      timeoutMs: limits.webhookMs,
      answerBytes: limits.webhookAnswerBytes,
      urlLength: limits.webhookUrlLength,
    })
    this.#runner = new Runner({
      streams,
      world,
      logger,
      registry: this.#registry,
      coverage: this.#coverage,
      telling: new Telling({
        streams,
        world,
        keys: this.#keys,
        webhooks: this.#webhooks,
        publicUrl: () => this.#publicUrl,
      }),
      deliveries: limits.webhooksAtOnce,
      deliveriesPerTarget: limits.webhooksPerTarget,
      deliveryMs: limits.webhookMs,
      wakeBytes: limits.wakeBytes,
      links: limits.streamsPerSubscription,
      rescanMs: limits.subscriptionRescanMs,
    })
  }

  /** The address that links in answers and wakes begin with. */
  get publicUrl(): string {
    return this.#publicUrl
  }

  /**
   * Takes up what was due when the last process stopped.
   * @param listeningAt the address of links unless a public one was set
   */
  start(listeningAt: string): Promise<void> {
    const { settings, logger } = this.#parts
    this.#publicUrl = settings.publicUrl ?? listeningAt
    if (/\/\/(0\.0\.0\.0|\[::\])[:/]/.test(this.#publicUrl)) {
      logger.warn({ url: this.#publicUrl }, 'links in wakes lead nowhere: set the public URL of this server')
    }
    return this.#runner.start()
  }

  close(ms: number): Promise<void> {
    return this.#runner.close(ms)
  }

  /** To be told of every commit that gave a stream bytes to read. */
  appended(name: string): void {
    this.#runner.appended(name)
  }

  /** The keys that sign webhooks, the present one first. */
  async publicKeys(): Promise<readonly PublicKey[]> {
    return (await this.#keys.ring()).published
  }

  /** PROTOCOL 6.2: creates a subscription, or says what is there. */
  async subscribe(
    key: SubscriptionKey,
    config: SubscriptionConfig,
    paths: readonly string[],
  ): Promise<SubscribeOutcome> {
    const hash = configHash(config, paths)
    const { limits, world } = this.#parts
    for (;;) {
      const existing = await this.load(key)
      if (existing)
        return existing.subscription.hash === hash ? { kind: 'exists', ...existing } : { kind: 'mismatch' }
      if (await this.#registry.isFull(key, limits.subscriptionsPerService)) {
        return { kind: 'tooManySubscriptions', limit: limits.subscriptionsPerService }
      }
      if (config.webhookUrl !== undefined) {
        const verdict = await this.#webhooks.check(config.webhookUrl)
        if ('rejected' in verdict) return { kind: 'urlRejected', reason: verdict.rejected }
      }
      const { links, tails } = await this.#backfill(key.service, config, paths)
      if (links.size > limits.streamsPerSubscription) {
        return { kind: 'tooManyStreams', limit: limits.streamsPerSubscription }
      }
      const subscription: Subscription = {
        config,
        hash,
        createdAt: world.now(),
        links,
        generation: 0,
        failures: 0,
        nextAttemptAt: 0,
      }
      if (!(await this.#registry.create(key, subscription))) continue
      this.#coverage.set(key, subscription)
      // What began between the look at the streams and now is found by a second look.
      await this.#runner.discover(key, subscription)
      return { kind: 'created', subscription, tails }
    }
  }

  /** PROTOCOL 6.2: what exists is linked at its tail, so that nothing old is replayed. */
  async #backfill(service: string, { pattern, wakeStream }: SubscriptionConfig, paths: readonly string[]) {
    const { streams, limits } = this.#parts
    const most = limits.streamsPerSubscription
    const covered: string[] = []
    if (pattern !== undefined) {
      for await (const path of matching(streams, service, new Glob(pattern))) {
        if (path !== wakeStream) covered.push(path)
        if (covered.length > most) break
      }
    }
    const tails = await survey(streams, service, new Set([...paths, ...covered]))
    return { links: addExplicit(atTails(covered, tails), paths, tails), tails }
  }

  async load(key: SubscriptionKey): Promise<Seen | undefined> {
    const found = await this.#registry.load(key)
    if (!found) return undefined
    const { subscription } = found
    return { subscription, tails: await this.#survey(key, subscription.links.keys()) }
  }

  /** PROTOCOL 6.3. Requests of workers that are on their way find nothing. */
  async remove(key: SubscriptionKey): Promise<boolean> {
    const removed = await this.#registry.remove(key)
    await this.#runner.tend(key)
    return removed
  }

  /** PROTOCOL 6.4. */
  async link(key: SubscriptionKey, paths: readonly string[]): Promise<LinkOutcome> {
    const limit = this.#parts.limits.streamsPerSubscription
    const tails = await this.#survey(key, paths)
    const kind = await this.#relink(key, current => {
      const links = addExplicit(current.links, paths, tails)
      return links.size > limit && links.size > current.links.size ? undefined : links
    })
    return kind === 'refused' ? { kind: 'tooManyStreams', limit } : { kind }
  }

  /** PROTOCOL 6.4. @returns false when there is no such subscription */
  async unlink(key: SubscriptionKey, path: string): Promise<boolean> {
    const kind = await this.#relink(key, ({ links, config }) =>
      removeExplicit(links, path, config.pattern === undefined ? undefined : new Glob(config.pattern)),
    )
    return kind === 'linked'
  }

  async #relink(
    key: SubscriptionKey,
    change: (current: Subscription) => Subscription['links'] | undefined,
  ): Promise<'linked' | 'missing' | 'refused'> {
    const found = await this.#registry.load(key)
    const changed =
      found &&
      (await this.#registry.change(key, found.incarnation, current => {
        const links = change(current)
        const next = links && { ...current, links }
        return { next, result: next ?? ('refused' as const) }
      }))
    if (changed === undefined) return 'missing'
    if (changed === 'refused') return changed
    await this.#runner.tend(key)
    return 'linked'
  }

  /** PROTOCOL 7.2. */
  async claim(key: SubscriptionKey, worker: string) {
    const found = await this.#registry.load(key)
    if (!found) return { kind: 'missing' } as const
    if (found.subscription.config.type !== Delivery.pullWake) return { kind: 'wrongType' } as const
    const { world, limits } = this.#parts
    const { tokenSecret } = await this.#keys.ring()
    const moment = await this.#moment(key, found.subscription)
    const outcome = await this.#registry.change(key, found.incarnation, current => {
      const result = claim(current, worker, moment)
      return { next: result.kind === 'alreadyClaimed' ? undefined : result.next, result }
    })
    if (!outcome) return { kind: 'missing' } as const
    void this.#runner.tend(key)
    if (outcome.kind !== 'claimed') return outcome
    const { next, wake } = outcome
    const { generation } = next
    return {
      kind: 'claimed',
      wakeId: wake.id,
      generation,
      token: issueToken(tokenSecret, { incarnation: found.incarnation, generation }, world.now()),
      streams: describeTold(next.links, listed(next.links, moment.tails, limits.wakeBytes)),
      leaseMs: next.config.leaseMs,
    } as const
  }

  /** PROTOCOL 7.1 for webhooks, 7.2 for pull-wake. */
  async acknowledge(key: SubscriptionKey, type: Delivery, token: string, request: WorkerRequest) {
    const entered = await this.#enter(key, type, token, request)
    if ('kind' in entered) return entered
    const { incarnation, credentials, moment } = entered
    const outcome = await this.#registry.change(key, incarnation, current => {
      const result = acknowledge(current, credentials, request.acks, request.done, moment)
      return { next: result.kind === 'acked' ? result.next : undefined, result }
    })
    if (!outcome) return { kind: 'missing' } as const
    void this.#runner.tend(key)
    return outcome
  }

  /** PROTOCOL 7.2. */
  async release(
    key: SubscriptionKey,
    token: string,
    request: Pick<WorkerRequest, 'wakeId' | 'generation'>,
  ): Promise<Barred | { readonly kind: 'released' } | { readonly kind: 'fenced' }> {
    const entered = await this.#enter(key, Delivery.pullWake, token, request)
    if ('kind' in entered) return entered
    const { incarnation, credentials, moment } = entered
    const outcome = await this.#registry.change(key, incarnation, current => {
      const next = release(current, credentials, moment)
      return { next, result: next ? ('released' as const) : ('fenced' as const) }
    })
    void this.#runner.tend(key)
    return { kind: outcome ?? 'missing' }
  }

  /** What every request with a token has to pass first. */
  async #enter(
    key: SubscriptionKey,
    type: Delivery,
    token: string,
    { wakeId, generation }: Pick<WorkerRequest, 'wakeId' | 'generation'>,
  ): Promise<
    Barred | { readonly incarnation: number; readonly credentials: Credentials; readonly moment: Moment }
  > {
    const found = await this.#registry.load(key)
    if (!found) return { kind: 'missing' }
    const { incarnation, subscription } = found
    if (subscription.config.type !== type) return { kind: 'wrongType' }
    const { tokenSecret } = await this.#keys.ring()
    const verdict = readToken(tokenSecret, token, incarnation, this.#parts.world.now())
    if (verdict === 'invalid') return { kind: 'badToken' }
    if (verdict === 'expired') return { kind: 'expiredToken' }
    const credentials = { tokenGeneration: verdict.generation, generation, wakeId }
    return { incarnation, credentials, moment: await this.#moment(key, subscription) }
  }

  async #moment(key: SubscriptionKey, { links }: Subscription): Promise<Moment> {
    const { world, limits } = this.#parts
    const tails = await this.#survey(key, links.keys())
    return { now: world.now(), tails, wakeId: newWakeId(), wakeBytes: limits.wakeBytes }
  }

  #survey({ service }: SubscriptionKey, paths: Iterable<string>): Promise<Tails> {
    return survey(this.#parts.streams, service, paths)
  }
}
