import type { MiddlewareHandler } from 'hono'
import { Delivery, SnapshotEvent } from '../../protocol/index.ts'
import type { Limits } from '../limits.ts'
import { type SubscriptionKey, streamOf } from '../subscriptions/names.ts'
import type { Seen, Subscriptions } from '../subscriptions/subscriptions.ts'
import { documentOfIndex, indexPath } from '../yjs/names.ts'
import { answer, refuse } from './answer.ts'
import { type AppEnv, type Exchange, rawTarget } from './exchange.ts'
import { type SnapshotKey, snapshotControl } from './snapshot-subscription-target.ts'
import { described, json, missingSubscription, type Subscribed, subscribeProblem } from './subscription.ts'
import { type Fields, invalid, isFields, parseSubscribing, readFields } from './subscription-body.ts'
import { notAllowed, nothing } from './subscription-routes.ts'

/**
 * YJS 5.11: webhooks that are told of new snapshots of a service's documents. Each is a subscription above all services
 * (PROTOCOL 6) to the indexes of those documents; what is here translates. Without `subscriptions` nothing is there.
 */
export const snapshotSubscriptions =
  (subscriptions: Subscriptions | undefined, limits: Limits): MiddlewareHandler<AppEnv> =>
  async (c, next) => {
    const target = snapshotControl(rawTarget(c), limits)
    if (!target) return next()
    if (!subscriptions || target.kind === 'nothing') return refuse(c, nothing)
    const shared = { subscriptions, limits }
    switch (c.req.method) {
      case 'PUT':
        return subscribe(c, shared, target)
      case 'GET':
      case 'HEAD':
        return describe(c, shared, target)
      case 'DELETE':
        await subscriptions.remove(deliveryKey(target))
        return answer(c, 204, {})
      default:
        return notAllowed(['GET', 'PUT', 'DELETE'])(c)
    }
  }

const encoded = (text: string): string => Buffer.from(text).toString('base64url')

/** Where the subscription really is. A service's own are counted apart from all others, by what the id begins with. */
const deliveryKey = ({ service, id }: SnapshotKey): SubscriptionKey => ({
  service: '',
  id: `yjs:${encoded(service)}:${encoded(id)}`,
})

const subscribe = async (
  c: Exchange,
  { subscriptions, limits }: Subscribed,
  key: SnapshotKey,
): Promise<Response> => {
  const fields = await readFields(c, limits.subscriptionBodyBytes)
  const { config, streams } = parseSubscribing(translated(fields, key.service, limits), '', limits)
  const outcome = await subscriptions.subscribe(deliveryKey(key), config, streams)
  if (outcome.kind !== 'created' && outcome.kind !== 'exists') return refuse(c, subscribeProblem(outcome))
  return json(c, outcome.kind === 'created' ? 201 : 200, await translatedBack(subscriptions, key, outcome))
}

const describe = async (c: Exchange, { subscriptions }: Subscribed, key: SnapshotKey): Promise<Response> => {
  const seen = await subscriptions.load(deliveryKey(key))
  return seen ? json(c, 200, await translatedBack(subscriptions, key, seen)) : refuse(c, missingSubscription)
}

const known = ['type', 'events', 'document_pattern', 'webhook', 'lease_ttl_ms', 'description']

/**
 * The body in the words of PROTOCOL 6.2.
 * @throws Refusal for fields, events and patterns that YJS 5.11 does not have
 */
const translated = (fields: Fields, service: string, limits: Limits): Fields => {
  const { events, document_pattern, webhook, ...rest } = fields
  refuseOthers(fields, known, 'A subscription to snapshots')
  if (isFields(webhook)) refuseOthers(webhook, ['url'], 'webhook')
  if (rest['type'] !== Delivery.webhook) throw invalid(`type must be "${Delivery.webhook}".`)
  if (!Array.isArray(events) || events.length === 0 || events.some(event => event !== SnapshotEvent)) {
    throw invalid(`events must be ["${SnapshotEvent}"]: there is no other.`)
  }
  return { ...rest, webhook, pattern: indexPath({ service, path: parsePattern(document_pattern, limits) }) }
}

const refuseOthers = (fields: Fields, names: readonly string[], what: string): void => {
  const other = Object.keys(fields).find(name => !names.includes(name))
  if (other === undefined) return
  throw invalid(`${what} has no field ${JSON.stringify(other.slice(0, 64))}. It takes ${names.join(', ')}.`)
}

const part = /^(\*|\*\*|[A-Za-z0-9_-]+)$/

/** Relative to the service's documents; slashes at its ends, and runs of them, do not count. */
const parsePattern = (value: unknown, { segmentLength, documentPathLength }: Limits): string => {
  const parts = typeof value === 'string' ? value.split('/').filter(Boolean) : []
  const pattern = parts.join('/')
  const fits = pattern.length <= documentPathLength && parts.every(one => one.length <= segmentLength)
  if (parts.length > 0 && fits && parts.every(one => part.test(one))) return pattern
  throw invalid(
    `document_pattern must be the path of documents below their service, such as projects/**: at most ${documentPathLength} characters, each segment *, ** or up to ${segmentLength} of A-Z a-z 0-9 _ -.`,
  )
}

/** The subscription as the owner of the service sees it. */
const translatedBack = async (subscriptions: Subscriptions, { service, id }: SnapshotKey, seen: Seen) => {
  const key = deliveryKey({ service, id })
  const covered = documentOfIndex(streamOf(key.service, seen.subscription.config.pattern ?? ''))
  return {
    ...(await described(subscriptions, key, seen)),
    id,
    subscription_id: id,
    delivery_subscription_id: key.id,
    service,
    events: [SnapshotEvent],
    document_pattern: covered?.path,
  }
}
