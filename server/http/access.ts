import type { MiddlewareHandler } from 'hono'
import { originOf } from '../access/address.ts'
import { type Allowances, allowanceKey } from '../access/allowances.ts'
import type { Guard, Ruling } from '../access/guard.ts'
import { Pass } from '../access/pass.ts'
import type { Limits } from '../limits.ts'
import type { World } from '../world.ts'
import { accessProblem, tooOften } from './access-problem.ts'
import { type Asked, askedBy } from './access-question.ts'
import { refuse } from './answer.ts'
import { type AppEnv, type Exchange, rawTarget } from './exchange.ts'

export interface AccessParts {
  /** Undefined where everybody may do everything. */
  readonly guard: Guard | undefined
  readonly allowances: Allowances
  readonly limits: Limits
  readonly world: World
  /** Proxies in front whose `X-Forwarded-For` is believed. */
  readonly trustProxy: number
}

/** Caches are told that answers depend on who asks: on every answer, refusals of every kind too. */
export const confidential =
  (isGuarded: boolean): MiddlewareHandler<AppEnv> =>
  (c, next) => {
    c.set('confidential', isGuarded)
    if (isGuarded) {
      const { Vary, ...common } = c.get('common')
      c.set('common', { ...common, Vary: Vary === undefined ? 'Authorization' : `Authorization, ${Vary}` })
    }
    return next()
  }

/**
 * Lets a request in, or says why not: before anything is looked up, so that who may not know of a path is told the same
 * whether something is there or not.
 */
export const admit =
  ({ guard, allowances, limits, world, trustProxy }: AccessParts): MiddlewareHandler<AppEnv> =>
  async (c, next) => {
    const peer = c.env?.incoming?.socket?.remoteAddress
    const address = originOf(peer, c.req.header('X-Forwarded-For'), trustProxy)
    let ask: (() => Promise<Ruling>) | undefined
    if (guard) {
      const asked = askedBy(c, limits)
      ask = () => rule(guard, c, asked, address)
      // Checking credentials is work too: an address that keeps sending bad ones is not listened to for a while.
      const strangersWaitMs = allowances.requests.wait(allowanceKey(undefined, address), 1)
      if (strangersWaitMs > 0) return refuse(c, tooOften(strangersWaitMs))
    }
    const ruling = ask ? await ask() : everything
    const key = allowanceKey('caller' in ruling ? ruling.caller : undefined, address)
    const waitMs = allowances.requests.take(key, 1)
    if (waitMs > 0) return refuse(c, tooOften(waitMs))
    if (ruling.kind !== 'allowed') return refuse(c, accessProblem(ruling))
    const { expiresAt } = ruling
    c.set('pass', new Pass({ key, expiresAt, ask, allowances, limits, world }))
    return next()
  }

const everything: Ruling & { readonly kind: 'allowed' } = {
  kind: 'allowed',
  caller: undefined,
  expiresAt: Number.POSITIVE_INFINITY,
}

/** All that is asked must be allowed; the permission ends with the first that does. */
const rule = async (guard: Guard, c: Exchange, asked: readonly Asked[], address: string): Promise<Ruling> => {
  const { method } = c.req
  const request = { method, url: rawTarget(c), headers: c.req.raw.headers }
  let whole = everything
  for (const one of asked) {
    const ruling = await guard.ask({ ...one, request, address })
    if (ruling.kind !== 'allowed') return ruling
    const expiresAt = Math.min(whole.expiresAt, ruling.expiresAt)
    whole = { kind: 'allowed', caller: whole.caller ?? ruling.caller, expiresAt }
  }
  return whole
}
