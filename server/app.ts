import { Hono } from 'hono'
import type { Logger } from 'pino'
import { ErrorCode, Path } from '../protocol/index.ts'
import { Allowances } from './access/allowances.ts'
import { Guard } from './access/guard.ts'
import type { Authorize } from './access/question.ts'
import { admit, confidential } from './http/access.ts'
import { answer, refuse } from './http/answer.ts'
import { cors } from './http/cors.ts'
import { documentRoutes } from './http/documents-routes.ts'
import { onError } from './http/errors.ts'
import { type AppEnv, targetOf } from './http/exchange.ts'
import { checkHead } from './http/head.ts'
import { keepIndexes } from './http/index-stream.ts'
import { requestLog } from './http/request-log.ts'
import { snapshotSubscriptions } from './http/snapshot-subscription.ts'
import { streamRoutes } from './http/streams-routes.ts'
import { subscriptionControl } from './http/subscription-routes.ts'
import { routeOf } from './http/target.ts'
import type { Limits } from './limits.ts'
import type { Streams } from './streams/streams.ts'
import type { Subscriptions } from './subscriptions/subscriptions.ts'
import type { World } from './world.ts'
import type { Documents } from './yjs/documents.ts'

export interface AppParts {
  readonly streams: Streams
  readonly documents: Documents
  /** Absent: their API is not there. */
  readonly subscriptions?: Subscriptions | undefined
  readonly limits: Limits
  readonly world: World
  readonly origins: readonly string[]
  readonly logger: Logger
  /** Whether the server takes requests: true until it drains. */
  readonly ready: () => boolean
  /** Who may do what under `/v1/`. Everybody everything when left out. */
  readonly authorize?: Authorize | undefined
  /** Proxies in front whose `X-Forwarded-For` is believed. Default 0. */
  readonly trustProxy?: number | undefined
  /** Answers what is neither protocol nor health: a web site beside the service. Never asked for an invalid path. */
  readonly site?: ((request: Request) => Response | Promise<Response>) | undefined
}

/** The whole server on one screen. Works without a socket too: `app.request(…)`. */
export const createApp = ({
  streams,
  documents,
  subscriptions,
  limits,
  world,
  origins,
  logger,
  ready,
  authorize,
  trustProxy = 0,
  site,
}: AppParts): Hono<AppEnv> => {
  const guard = authorize && new Guard({ authorize, limits, world, logger })
  const allowances = new Allowances(limits, world)
  return new Hono<AppEnv>({ getPath: (request, options) => routeOf(targetOf(request.url, options?.env)) })
    .use(requestLog(logger, world), cors(origins), confidential(guard !== undefined), checkHead(limits))
    .get('/healthz', c => answer(c, 200, { 'Cache-Control': 'no-store' }, 'alive\n'))
    .get('/readyz', c =>
      answer(c, ready() ? 200 : 503, { 'Cache-Control': 'no-store' }, ready() ? 'ready\n' : 'draining\n'),
    )
    .use('/v1/*', (c, next) => (ready() ? next() : Promise.resolve(refuse(c, stopping))))
    .use('/v1/*', admit({ guard, allowances, limits, world, trustProxy }))
    .use(`${Path.streams}*`, subscriptionControl(subscriptions, limits))
    .use(`${Path.streams}*`, keepIndexes(limits))
    .use(`${Path.yjs}*`, snapshotSubscriptions(subscriptions, limits))
    .route(Path.streams, streamRoutes({ streams, limits, world }))
    .route(Path.yjs, documentRoutes({ documents, limits, world }))
    .notFound(c => (site ? site(c.req.raw) : refuse(c, nothing)))
    .onError(onError(logger))
}

const stopping = {
  status: 503,
  code: ErrorCode.shuttingDown,
  message: 'This server is stopping. Try again in a moment.',
  headers: { 'Retry-After': '1', Connection: 'close' },
}

const nothing = {
  status: 404,
  code: ErrorCode.notFound,
  message: `Nothing is served here. Streams are at ${Path.streams}, Yjs documents at ${Path.yjs}.`,
}
