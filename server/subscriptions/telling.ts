import { ContentType, Delivery, ReservedSegment } from '../../protocol/index.ts'
import type { AppendOutcome } from '../rules/outcome.ts'
import type { Streams } from '../streams/streams.ts'
import type { World } from '../world.ts'
import type { Keys } from './keys.ts'
import { describeTold } from './links.ts'
import { callbackUrl, type SubscriptionKey, streamOf } from './names.ts'
import type { Wake } from './record.ts'
import type { Found } from './registry.ts'
import { issueToken } from './token.ts'
import type { DeliveryResult, Webhooks } from './webhook.ts'

export interface TellingParts {
  readonly streams: Streams
  readonly world: World
  readonly keys: Keys
  readonly webhooks: Webhooks
  /** The address that links in wakes begin with. */
  readonly publicUrl: () => string
}

/** One attempt to tell a worker of a wake, by webhook or by an event in a stream. */
export class Telling {
  readonly #parts: TellingParts

  constructor(parts: TellingParts) {
    this.#parts = parts
  }

  /** @throws StoreFailure */
  tell(key: SubscriptionKey, found: Found, wake: Wake, stopped: AbortSignal): Promise<DeliveryResult> {
    const { type, webhookUrl = '' } = found.subscription.config
    return type === Delivery.webhook
      ? this.#call(webhookUrl, key, found, wake, stopped)
      : this.#announce(key, found, wake)
  }

  /** PROTOCOL 7.1. What is told is what the wake was issued with, at every attempt. */
  async #call(
    url: string,
    key: SubscriptionKey,
    { incarnation, subscription }: Found,
    { id, tails }: Wake,
    stopped: AbortSignal,
  ): Promise<DeliveryResult> {
    const { keys, world, webhooks, publicUrl } = this.#parts
    const { generation, links } = subscription
    const { tokenSecret } = await keys.ring()
    const body = {
      subscription_id: key.id,
      wake_id: id,
      generation,
      streams: describeTold(links, tails),
      callback_url: callbackUrl(publicUrl(), key),
      callback_token: issueToken(tokenSecret, { incarnation, generation }, world.now()),
    }
    return webhooks.deliver(url, JSON.stringify(body), stopped)
  }

  /**
   * PROTOCOL 7.2. Written as an idempotent producer whose epoch is the generation: an attempt that is repeated after a
   * crash adds no second event.
   */
  async #announce(
    key: SubscriptionKey,
    { incarnation, subscription }: Found,
    { stream }: Wake,
  ): Promise<DeliveryResult> {
    const { streams, world } = this.#parts
    const { generation, config } = subscription
    const event = { type: 'wake', subscription_id: key.id, stream, generation, ts: world.now() }
    const outcome = await streams.append(streamOf(key.service, config.wakeStream ?? ''), {
      body: Buffer.from(JSON.stringify(event)),
      contentType: ContentType.json,
      close: false,
      producer: { id: `${ReservedSegment}/${incarnation}`, epoch: generation, seq: 0 },
    })
    const failure = failureOf(outcome)
    return failure === undefined
      ? { kind: 'delivered', done: false }
      : { kind: 'failed', reason: `the wake stream ${failure}` }
  }
}

const failureOf = ({ kind }: AppendOutcome): string | undefined => {
  switch (kind) {
    // Fenced: a later wake was announced already.
    case 'appended':
    case 'accepted':
    case 'duplicate':
    case 'fenced':
      return undefined
    case 'missing':
      return 'is not there'
    case 'closed':
      return 'is closed'
    case 'wrongContentType':
      return `is not ${ContentType.json}`
    default:
      return `takes no wake event (${kind})`
  }
}
