import { ContentType } from '../../protocol/index.ts'
import type { Streams } from '../streams/streams.ts'
import { keyOf, recordStream, recordsPrefix, type SubscriptionKey, scopeOf, servicePrefix } from './names.ts'
import { decodeSubscription, encodeSubscription, type Subscription } from './record.ts'

/** A subscription as it was loaded, and which incarnation of its name it is. */
export interface Found {
  readonly incarnation: number
  readonly subscription: Subscription
}

/** A step, and what it means to whoever asked for it. Nothing is written when `next` is left out or the same object. */
export interface Step<Result> {
  readonly next?: Subscription | undefined
  readonly result: Result
}

const note = 'subscription'
const page = 256

/** Subscriptions in the store: one internal stream each, its record in a note that is compared and set. */
export class Registry {
  readonly #streams: Streams

  constructor(streams: Streams) {
    this.#streams = streams
  }

  async load(key: SubscriptionKey): Promise<Found | undefined> {
    const found = await this.#streams.note(recordStream(key), note)
    if (!found?.bytes) return undefined
    return { incarnation: found.state.generation, subscription: decodeSubscription(found.bytes) }
  }

  /** @returns false when the name is taken */
  async create(key: SubscriptionKey, subscription: Subscription): Promise<boolean> {
    const outcome = await this.#streams.create(
      recordStream(key),
      { config: { contentType: ContentType.binary }, body: new Uint8Array(), closed: false },
      new Map([[note, encodeSubscription(subscription)]]),
    )
    return outcome.kind === 'created'
  }

  /**
   * Takes one incarnation of a subscription a step further. `step` may be asked more than once, if somebody else was
   * quicker; its last answer counts.
   * @returns undefined when that incarnation is no more
   */
  async change<Result>(
    key: SubscriptionKey,
    incarnation: number,
    step: (subscription: Subscription) => Step<Result>,
  ): Promise<Result | undefined> {
    let taken: Step<Result> | undefined
    await this.#streams.annotate(recordStream(key), incarnation, note, bytes => {
      if (!bytes) return undefined
      const found = decodeSubscription(bytes)
      taken = step(found)
      return taken.next && taken.next !== found ? encodeSubscription(taken.next) : undefined
    })
    return taken?.result
  }

  /** @returns whether there was one */
  async remove(key: SubscriptionKey): Promise<boolean> {
    return (await this.#streams.remove(recordStream(key))) !== undefined
  }

  /** Whether the service of a subscription, or the scope of its id there, has `most` subscriptions or more. */
  async isFull({ service, id }: SubscriptionKey, most: number): Promise<boolean> {
    const scope = scopeOf(id)
    let count = 0
    for await (const key of this.keys(`${servicePrefix(service)}${scope}`)) {
      if (scopeOf(key.id) === scope && ++count >= most) return true
    }
    return false
  }

  async *keys(prefix = recordsPrefix): AsyncGenerator<SubscriptionKey> {
    let after: string | undefined
    for (;;) {
      const names = await this.#streams.list(prefix, after, page)
      yield* names.map(keyOf)
      after = names.at(-1)
      if (names.length < page) return
    }
  }
}
