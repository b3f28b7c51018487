import type { MiddlewareHandler } from 'hono'
import { Delivery, ErrorCode, Path, SubscriptionAction } from '../../protocol/index.ts'
import type { Limits } from '../limits.ts'
import type { Subscriptions } from '../subscriptions/subscriptions.ts'
import { type Problem, refuse } from './answer.ts'
import { type AppEnv, type Exchange, rawTarget } from './exchange.ts'
import {
  describeSubscription,
  linkStreams,
  publicKeys,
  type Subscribed,
  subscribe,
  unlinkStream,
  unsubscribe,
} from './subscription.ts'
import { type ControlTarget, controlTarget } from './subscription-target.ts'
import { acknowledgeWake, claimWake, releaseWake } from './subscription-worker.ts'

/**
 * The control API below the reserved segment, asked before any stream is looked for (PROTOCOL 6.1). Without
 * `subscriptions` nothing is there.
 */
export const subscriptionControl =
  (subscriptions: Subscriptions | undefined, limits: Limits): MiddlewareHandler<AppEnv> =>
  async (c, next) => {
    const target = controlTarget(rawTarget(c), limits.nameBytes)
    if (!target) return next()
    if (!subscriptions || target.kind === 'nothing') return refuse(c, nothing)
    const handlers = handlersOf({ subscriptions, limits }, target)
    const method = c.req.method === 'HEAD' ? 'GET' : c.req.method
    return (handlers[method] ?? notAllowed(Object.keys(handlers)))(c)
  }

type Handlers = Readonly<Record<string, (c: Exchange) => Response | Promise<Response>>>

const handlersOf = (shared: Subscribed, target: Exclude<ControlTarget, { kind: 'nothing' }>): Handlers => {
  switch (target.kind) {
    case 'keys':
      return { GET: c => publicKeys(c, shared) }
    case 'subscription':
      return {
        GET: c => describeSubscription(c, shared, target.key),
        PUT: c => subscribe(c, shared, target.key),
        DELETE: c => unsubscribe(c, shared, target.key),
      }
    case 'stream':
      return { DELETE: c => unlinkStream(c, shared, target.key, target.path) }
    case SubscriptionAction.streams:
      return { POST: c => linkStreams(c, shared, target.key) }
    case SubscriptionAction.callback:
      return { POST: c => acknowledgeWake(c, shared, target.key, Delivery.webhook) }
    case SubscriptionAction.claim:
      return { POST: c => claimWake(c, shared, target.key) }
    case SubscriptionAction.ack:
      return { POST: c => acknowledgeWake(c, shared, target.key, Delivery.pullWake) }
    case SubscriptionAction.release:
      return { POST: c => releaseWake(c, shared, target.key) }
  }
}

export const notAllowed =
  (methods: readonly string[]) =>
  (c: Exchange): Response => {
    const allowed = methods.flatMap(method => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
    return refuse(c, {
      status: 405,
      code: ErrorCode.methodNotAllowed,
      message: `This takes ${allowed.join(', ')}.`,
      headers: { Allow: [...allowed, 'OPTIONS'].join(', ') },
    })
  }

export const nothing: Problem = {
  status: 404,
  code: ErrorCode.notFound,
  message: `Nothing is served here. Streams are at ${Path.streams}; this part of it is reserved for subscriptions.`,
}
