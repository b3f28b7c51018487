import type { MiddlewareHandler } from 'hono'
import { ErrorCode } from '../../protocol/index.ts'
import type { Limits } from '../limits.ts'
import { isIndexStream } from '../yjs/names.ts'
import { type Problem, refuse } from './answer.ts'
import { type AppEnv, rawTarget } from './exchange.ts'
import { streamName } from './target.ts'

const changing = new Set(['PUT', 'POST', 'DELETE'])

/** YJS 5.11: whoever wrote to the index of a document, or removed it, would wake its subscribers, or keep them asleep. */
export const keepIndexes =
  ({ nameBytes }: Limits): MiddlewareHandler<AppEnv> =>
  async (c, next) =>
    changing.has(c.req.method) && isIndexStream(streamName(rawTarget(c), nameBytes))
      ? refuse(c, indexKept)
      : next()

export const indexKept: Problem = {
  status: 403,
  code: ErrorCode.forbidden,
  message:
    'This is the index of a document, which the server alone writes. It can be read and subscribed to.',
}
