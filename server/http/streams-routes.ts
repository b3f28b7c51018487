import { Hono } from 'hono'
import { ErrorCode, Live } from '../../protocol/index.ts'
import { refuse } from './answer.ts'
import { append } from './append.ts'
import { create } from './create.ts'
import { respondDescribed } from './describe.ts'
import { type AppEnv, queryOf, rawTarget, type Verb } from './exchange.ts'
import { missingStream, refuseAbsent } from './missing.ts'
import { type Reading, respondRead } from './read.ts'
import { parseRead } from './read-command.ts'
import { remove } from './remove.ts'
import { streamName } from './target.ts'

/** The plain protocol: a verb a file. */
export const streamRoutes = (reading: Omit<Reading, 'missing'>): Hono<AppEnv> => {
  const { streams, limits } = reading
  return new Hono<AppEnv>()
    .put('/*', create(streams, limits))
    .post('/*', append(streams, limits))
    .get('/*', read({ ...reading, missing: missingStream }))
    .delete('/*', remove(streams, limits))
    .all('/*', c => refuse(c, notAllowed))
}

/** Hono routes HEAD as GET and drops the body. */
const read =
  (reading: Reading): Verb =>
  async c => {
    const name = streamName(rawTarget(c), reading.limits.nameBytes)
    if (c.req.method === 'HEAD') {
      const state = await reading.streams.load(name)
      return state
        ? respondDescribed(c, state, missingStream)
        : refuseAbsent(c, reading.streams, name, missingStream)
    }
    return respondRead(c, reading, name, parseRead(queryOf(c), Live.longPoll))
  }

export const notAllowed = {
  status: 405,
  code: ErrorCode.methodNotAllowed,
  message:
    'A stream is created with PUT, appended to with POST, read with GET, looked at with HEAD, removed with DELETE.',
  headers: { Allow: 'GET, HEAD, PUT, POST, DELETE, OPTIONS' },
}
