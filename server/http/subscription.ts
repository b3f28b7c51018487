import { ContentType, ErrorCode, SubscriptionStatus } from '../../protocol/index.ts'
import type { Limits } from '../limits.ts'
import { describeLink } from '../subscriptions/links.ts'
import { keysUrl, type SubscriptionKey } from '../subscriptions/names.ts'
import type { Seen, SubscribeOutcome, Subscriptions } from '../subscriptions/subscriptions.ts'
import { answer, type Headers, type Problem, refuse } from './answer.ts'
import type { Exchange } from './exchange.ts'
import { parseStreams, parseSubscribing, readFields } from './subscription-body.ts'

/** What the handlers of the subscription API share. */
export interface Subscribed {
  readonly subscriptions: Subscriptions
  readonly limits: Limits
}

export const json = (c: Exchange, status: number, value: unknown, headers: Headers = {}): Response =>
  answer(
    c,
    status,
    { 'Cache-Control': 'no-store', ...headers, 'Content-Type': ContentType.json },
    JSON.stringify(value),
  )

/** PROTOCOL 6.2. */
export const subscribe = async (
  c: Exchange,
  { subscriptions, limits }: Subscribed,
  key: SubscriptionKey,
): Promise<Response> => {
  const fields = await readFields(c, limits.subscriptionBodyBytes)
  const { config, streams } = parseSubscribing(fields, key.service, limits)
  const outcome = await subscriptions.subscribe(key, config, streams)
  if (outcome.kind !== 'created' && outcome.kind !== 'exists') return refuse(c, subscribeProblem(outcome))
  return json(c, outcome.kind === 'created' ? 201 : 200, await described(subscriptions, key, outcome))
}

/** PROTOCOL 6.3. */
export const describeSubscription = async (
  c: Exchange,
  { subscriptions }: Subscribed,
  key: SubscriptionKey,
): Promise<Response> => {
  const seen = await subscriptions.load(key)
  return seen ? json(c, 200, await described(subscriptions, key, seen)) : refuse(c, missingSubscription)
}

/** PROTOCOL 6.3. One that is not there is gone as well. */
export const unsubscribe = async (
  c: Exchange,
  { subscriptions }: Subscribed,
  key: SubscriptionKey,
): Promise<Response> => {
  await subscriptions.remove(key)
  return answer(c, 204, {})
}

/** PROTOCOL 6.4. */
export const linkStreams = async (
  c: Exchange,
  { subscriptions, limits }: Subscribed,
  key: SubscriptionKey,
): Promise<Response> => {
  const { streams } = await readFields(c, limits.subscriptionBodyBytes)
  const outcome = await subscriptions.link(key, parseStreams(streams, key.service, limits.nameBytes))
  if (outcome.kind === 'missing') return refuse(c, missingSubscription)
  return outcome.kind === 'linked' ? answer(c, 204, {}) : refuse(c, subscribeProblem(outcome))
}

/** PROTOCOL 6.4. */
export const unlinkStream = async (
  c: Exchange,
  { subscriptions }: Subscribed,
  key: SubscriptionKey,
  path: string,
): Promise<Response> =>
  (await subscriptions.unlink(key, path)) ? answer(c, 204, {}) : refuse(c, missingSubscription)

/** The keys that webhooks are signed with (RFC 7517). Kept by receivers for a while; a rotation leaves them a day. */
export const publicKeys = async (c: Exchange, { subscriptions }: Subscribed): Promise<Response> =>
  answer(
    c,
    200,
    { 'Content-Type': ContentType.keySet, 'Cache-Control': 'public, max-age=300' },
    JSON.stringify({ keys: await subscriptions.publicKeys() }),
  )

/** The subscription as its owner sees it. What signs and what was handed to workers is not in it. */
export const described = async (
  subscriptions: Subscriptions,
  key: SubscriptionKey,
  { subscription, tails }: Seen,
) => {
  const { config, links, createdAt, failures, failure } = subscription
  const { webhookUrl } = config
  return {
    id: key.id,
    subscription_id: key.id,
    service_id: key.service === '' ? null : key.service,
    type: config.type,
    pattern: config.pattern ?? null,
    streams: [...links].map(([path, link]) => describeLink(path, link, tails.get(path)?.generation)),
    webhook:
      webhookUrl === undefined
        ? null
        : { url: webhookUrl, signing: await signing(subscriptions, key.service) },
    wake_stream: config.wakeStream ?? null,
    lease_ttl_ms: config.leaseMs,
    created_at: new Date(createdAt).toISOString(),
    status: failures > 0 ? SubscriptionStatus.failed : SubscriptionStatus.active,
    ...(failures > 0 && { failure }),
    description: config.description ?? null,
  }
}

/** How a receiver verifies what it is sent. */
const signing = async (subscriptions: Subscriptions, service: string) => {
  const [key] = await subscriptions.publicKeys()
  return { alg: 'ed25519', kid: key?.kid, jwks_url: keysUrl(subscriptions.publicUrl, service) }
}

export const missingSubscription: Problem = {
  status: 404,
  code: ErrorCode.subscriptionNotFound,
  message: 'There is no such subscription. Create it with PUT.',
}

type Refused = Exclude<SubscribeOutcome, { kind: 'created' | 'exists' }>

export const subscribeProblem = (outcome: Refused): Problem => {
  switch (outcome.kind) {
    case 'mismatch':
      return {
        status: 409,
        code: ErrorCode.subscriptionExists,
        message:
          'A subscription with another configuration is here. Ask for what it has, or delete it first.',
      }
    case 'urlRejected':
      return {
        status: 400,
        code: ErrorCode.webhookUrlRejected,
        message: `The webhook URL is rejected: ${outcome.reason}. Give an https URL of a public host without credentials.`,
      }
    case 'tooManySubscriptions':
      return {
        status: 409,
        code: ErrorCode.subscriptionLimit,
        message: `This service has ${outcome.limit} subscriptions, which is all it may have. Delete one first.`,
        details: { limit: outcome.limit },
      }
    case 'tooManyStreams':
      return {
        status: 409,
        code: ErrorCode.subscriptionLimit,
        message: `A subscription holds at most ${outcome.limit} streams. Choose a narrower pattern, or several subscriptions.`,
        details: { limit: outcome.limit },
      }
  }
}
