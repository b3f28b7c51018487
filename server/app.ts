import { Hono } from 'hono'
import type { Logger } from 'pino'
import { ErrorCode, Path } from '../protocol/index.ts'
import { answer, refuse } from './http/answer.ts'
import { cors } from './http/cors.ts'
import { documentRoutes } from './http/documents-routes.ts'
import { onError } from './http/errors.ts'
import { type AppEnv, rawTarget } from './http/exchange.ts'
import { requestLog } from './http/request-log.ts'
import { streamRoutes } from './http/streams-routes.ts'
import { pathOf, segmentsOf } from './http/target.ts'
import type { Limits } from './limits.ts'
import type { Streams } from './streams/streams.ts'
import type { World } from './world.ts'
import type { Documents } from './yjs/documents.ts'

export interface AppParts {
  readonly streams: Streams
  readonly documents: Documents
  readonly limits: Limits
  readonly world: World
  readonly origins: readonly string[]
  readonly logger: Logger
  /** Whether the server takes requests: true until it drains. */
  readonly ready: () => boolean
  /** Answers what is neither protocol nor health: a web site beside the service. */
  readonly site?: ((request: Request) => Response | Promise<Response>) | undefined
}

/** The whole server on one screen. Works without a socket too: `app.request(…)`. */
export const createApp = ({
  streams,
  documents,
  limits,
  world,
  origins,
  logger,
  ready,
  site,
}: AppParts): Hono<AppEnv> =>
  new Hono<AppEnv>({ strict: false })
    .use(requestLog(logger, world), cors(origins))
    .get('/healthz', c => answer(c, 200, { 'Cache-Control': 'no-store' }, 'alive\n'))
    .get('/readyz', c =>
      answer(c, ready() ? 200 : 503, { 'Cache-Control': 'no-store' }, ready() ? 'ready\n' : 'draining\n'),
    )
    .use('/v1/*', async (c, next) => {
      segmentsOf(pathOf(rawTarget(c)))
      return ready() ? next() : refuse(c, stopping)
    })
    .route(Path.streams, streamRoutes({ streams, limits, world }))
    .route(Path.yjs, documentRoutes({ documents, limits, world }))
    .notFound(c => (site ? site(c.req.raw) : refuse(c, nothing)))
    .onError(onError(logger))

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
