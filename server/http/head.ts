import type { MiddlewareHandler } from 'hono'
import { ErrorCode } from '../../protocol/index.ts'
import type { Limits } from '../limits.ts'
import { type Problem, refuse } from './answer.ts'
import { type AppEnv, rawTarget } from './exchange.ts'
import { pathOf, segmentsOf } from './target.ts'

/**
 * Refuses a request by its head, before anything else looks at it: a path that is none, a host named twice, too many
 * header lines. Node would leave out those past its own count, without a word.
 */
export const checkHead =
  ({ headerCount }: Pick<Limits, 'headerCount'>): MiddlewareHandler<AppEnv> =>
  async (c, next) => {
    const names = (c.env?.incoming?.rawHeaders ?? []).filter((text, at) => at % 2 === 0 && text[0] !== ':')
    if (names.length > headerCount) return refuse(c, tooManyHeaders(headerCount))
    if (names.filter(name => name.toLowerCase() === 'host').length > 1) return refuse(c, twoHosts)
    // Where the root was asked for, or a path that is none.
    if (c.req.path === '/') segmentsOf(pathOf(rawTarget(c)))
    return next()
  }

export const tooManyHeaders = (limit: number): Problem => ({
  status: 431,
  code: ErrorCode.headTooLarge,
  message: `A request has at most ${limit} header lines. Send fewer.`,
  headers: { Connection: 'close' },
  details: { limit },
})

/** RFC 9112 3.2. */
const twoHosts: Problem = {
  status: 400,
  code: ErrorCode.invalidRequest,
  message: 'A request names its host once.',
  headers: { Connection: 'close' },
}
