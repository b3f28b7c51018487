import type { MiddlewareHandler } from 'hono'
import type { Logger } from 'pino'
import type { World } from '../world.ts'
import { type AppEnv, rawTarget } from './exchange.ts'
import { pathOf } from './target.ts'

/** Gives each request an id and logs it once, at debug level: method, path, status, time. Never a body, a query or a token. */
export const requestLog = (logger: Logger, world: World): MiddlewareHandler<AppEnv> => {
  let count = 0
  const process = Math.floor(world.random() * 2 ** 32).toString(36)
  return async (c, next) => {
    const requestId = `${process}-${(count++).toString(36)}`
    c.set('requestId', requestId)
    c.set('common', {})
    const began = world.steady()
    await next()
    if (!logger.isLevelEnabled('debug')) return
    const { method } = c.req
    const ms = Math.round(world.steady() - began)
    logger.debug({ requestId, method, path: pathOf(rawTarget(c)), status: c.res.status, ms }, 'request')
  }
}
