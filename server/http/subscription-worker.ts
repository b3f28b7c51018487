import { type Delivery, ErrorCode } from '../../protocol/index.ts'
import type { SubscriptionKey } from '../subscriptions/names.ts'
import { answer, type Problem, Refusal, refuse } from './answer.ts'
import type { Exchange } from './exchange.ts'
import { json, missingSubscription, type Subscribed } from './subscription.ts'
import { parseWorker, parseWorkerRequest, readFields } from './subscription-body.ts'

/** What workers do: take a wake, say how far they are, give it back. */

/** PROTOCOL 7.2. */
export const claimWake = async (
  c: Exchange,
  { subscriptions, limits }: Subscribed,
  key: SubscriptionKey,
): Promise<Response> => {
  const worker = parseWorker(await readFields(c, limits.subscriptionBodyBytes), limits.workerLength)
  const outcome = await subscriptions.claim(key, worker)
  if (outcome.kind !== 'claimed') return refuse(c, problem(outcome))
  const { wakeId: wake_id, generation, token, streams, leaseMs: lease_ttl_ms } = outcome
  return json(c, 200, { wake_id, generation, token, streams, lease_ttl_ms })
}

/** PROTOCOL 7.1 for webhooks, 7.2 for pull-wake. */
export const acknowledgeWake = async (
  c: Exchange,
  { subscriptions, limits }: Subscribed,
  key: SubscriptionKey,
  type: Delivery,
): Promise<Response> => {
  const token = bearer(c)
  const fields = await readFields(c, limits.subscriptionBodyBytes)
  const request = parseWorkerRequest(fields, key.service, limits.nameBytes)
  const outcome = await subscriptions.acknowledge(key, type, token, request)
  if (outcome.kind !== 'acked') return refuse(c, problem(outcome))
  return json(c, 200, { ok: true, next_wake: outcome.nextWake })
}

/** PROTOCOL 7.2. */
export const releaseWake = async (
  c: Exchange,
  { subscriptions, limits }: Subscribed,
  key: SubscriptionKey,
): Promise<Response> => {
  const token = bearer(c)
  const fields = await readFields(c, limits.subscriptionBodyBytes)
  const request = parseWorkerRequest(fields, key.service, limits.nameBytes)
  const outcome = await subscriptions.release(key, token, request)
  return outcome.kind === 'released' ? answer(c, 204, {}) : refuse(c, problem(outcome))
}

/** PROTOCOL 12.9: in this header and nowhere else, because other places are logged. @throws Refusal */
const bearer = (c: Exchange): string => {
  const token = /^Bearer +([\w.~+/=-]+)$/i.exec(c.req.header('Authorization') ?? '')?.[1]
  if (token !== undefined) return token
  throw new Refusal(badToken)
}

const badToken: Problem = {
  status: 401,
  code: ErrorCode.tokenInvalid,
  message: 'This needs the token of the wake as "Authorization: Bearer <token>".',
  headers: { 'WWW-Authenticate': 'Bearer' },
}

type Refused =
  | { readonly kind: 'missing' | 'wrongType' | 'badToken' | 'expiredToken' | 'fenced' | 'noPendingWork' }
  | { readonly kind: 'alreadyClaimed'; readonly holder: string; readonly generation: number }
  | { readonly kind: 'badAck'; readonly path: string; readonly reason: string; readonly malformed: boolean }

const problem = (outcome: Refused): Problem => {
  switch (outcome.kind) {
    case 'missing':
      return missingSubscription
    case 'wrongType':
      return {
        status: 400,
        code: ErrorCode.invalidRequest,
        message:
          'This subscription is of the other kind: webhooks use callback, pull-wake uses claim, ack and release.',
      }
    case 'badToken':
      return badToken
    case 'expiredToken':
      return {
        status: 401,
        code: ErrorCode.tokenExpired,
        message: 'The token has expired. Wait for the next wake.',
        headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' },
      }
    case 'fenced':
      return {
        status: 409,
        code: ErrorCode.fenced,
        message: 'This wake is over: it was finished, released, or its lease ran out. Wait for the next one.',
      }
    case 'noPendingWork':
      return {
        status: 409,
        code: ErrorCode.noPendingWork,
        message: 'No stream of this subscription has anything new. Wait for the next wake event.',
      }
    case 'alreadyClaimed':
      return {
        status: 409,
        code: ErrorCode.alreadyClaimed,
        message: 'Another worker holds the lease. Wait for the next wake event.',
        details: { current_holder: outcome.holder, generation: outcome.generation },
      }
    case 'badAck':
      return {
        status: outcome.malformed ? 400 : 409,
        code: ErrorCode.invalidOffset,
        message: `The ack of ${JSON.stringify(outcome.path)} is refused: ${outcome.reason}. Nothing was acknowledged.`,
        details: { stream: outcome.path },
      }
  }
}
