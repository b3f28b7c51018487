import type { ErrorHandler } from 'hono'
import type { Logger } from 'pino'
import { ErrorCode } from '../../protocol/index.ts'
import { StoreFailure } from '../store/failure.ts'
import { Refusal, refuse } from './answer.ts'
import { type AppEnv, isAbandoned } from './exchange.ts'

/** What handlers throw becomes an answer here: a refusal its own, everything else a 5xx that tells the client nothing. */
export const onError =
  (logger: Logger): ErrorHandler<AppEnv> =>
  (error, c) => {
    if (error instanceof Refusal) return refuse(c, error.problem)
    if (isAbandoned(c)) return refuse(c, aborted)
    logger.error({ err: error, requestId: c.get('requestId') }, 'a request failed')
    return refuse(c, error instanceof StoreFailure && error.code === 'full' ? full : broken)
  }

/** Nobody reads this answer: the client left before its request was whole, and nothing was done. */
const aborted = {
  status: 400,
  code: ErrorCode.invalidRequest,
  message: 'The request ended before its body was whole. Nothing was stored.',
}

const full = {
  status: 507,
  code: ErrorCode.storageFull,
  message: 'The server has no room left. Nothing was stored; delete streams or enlarge the store.',
}

const broken = {
  status: 500,
  code: ErrorCode.internal,
  message:
    'The server could not do this. Whether it was stored is unknown: read the stream, or retry as a producer.',
}
