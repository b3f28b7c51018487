import { ErrorCode, Header, Path, Sentinel } from '../../protocol/index.ts'
import type { Limits } from '../limits.ts'
import type { ForkCommand } from '../rules/fork.ts'
import type { ForkRefusal } from '../rules/outcome.ts'
import { isIndexStream } from '../yjs/names.ts'
import { type Problem, Refusal } from './answer.ts'
import { readBody } from './body.ts'
import type { Exchange } from './exchange.ts'
import { parseLifetime, parseSubOffset, wantsClosed } from './fields.ts'
import { indexKept } from './index-stream.ts'
import { unreadable } from './read.ts'
import { segmentsOf, streamName } from './target.ts'

const invalid = (message: string): Refusal =>
  new Refusal({ status: 400, code: ErrorCode.invalidRequest, message })

/**
 * PROTOCOL 4.2: a creation that names a source.
 * @throws Refusal for headers that PROTOCOL 4.2 and 5.1 do not allow, and for a source that can be none
 */
export const parseFork = async (c: Exchange, limits: Limits): Promise<ForkCommand> => {
  const offset = c.req.header(Header.forkOffset)
  const subOffset = parseSubOffset(c)
  if (subOffset > 0 && offset === undefined) {
    throw invalid(`${Header.forkSubOffset} counts from a ${Header.forkOffset}. Name one.`)
  }
  return {
    source: sourceName(c.req.header(Header.forkedFrom) ?? '', limits.nameBytes),
    // The tail is where a fork begins that does not say where, now and when it is asked for again.
    offset: offset === Sentinel.tail ? undefined : offset,
    subOffset,
    contentType: c.req.header('Content-Type') || undefined,
    lifetime: parseLifetime(c),
    closed: wantsClosed(c),
    deepest: limits.forkDepth,
    body: await readBody(c, limits.bodyBytes),
  }
}

const streamsPath = segmentsOf(Path.streams)

/** The store's name of a source, from the path of its URL. */
export const sourceName = (path: string, nameBytes: number): string => {
  if (!path.startsWith('/') || /[?#]/.test(path)) {
    throw invalid(
      `${Header.forkedFrom} is the path of the source's URL alone, such as ${Path.streams}source.`,
    )
  }
  const segments = segmentsOf(path)
  if (!streamsPath.every((segment, at) => segments[at] === segment)) throw new Refusal(missingSource)
  const name = streamName(path, nameBytes)
  if (isIndexStream(name)) throw new Refusal(indexKept)
  return name
}

const missingSource: Problem = {
  status: 404,
  code: ErrorCode.streamNotFound,
  message: `There is no stream at the path in ${Header.forkedFrom}. Name one at ${Path.streams} of this server.`,
}

type Refused = Exclude<ForkRefusal, { kind: 'badBody' }>

export const forkProblem = (refused: Refused): Problem => {
  switch (refused.kind) {
    case 'sourceMissing':
      return missingSource
    case 'sourceDeleted':
      return {
        status: 409,
        code: ErrorCode.streamDeleted,
        message: 'The source was deleted; it is kept for the forks it has. Fork one of those.',
      }
    case 'wrongContentType':
      return {
        status: 409,
        code: ErrorCode.contentTypeMismatch,
        message: `The source holds ${refused.expected}, and so does every fork of it. Name that Content-Type or none.`,
        details: { expected: refused.expected },
      }
    case 'tooDeep':
      return {
        status: 409,
        code: ErrorCode.forkTooDeep,
        message: `A fork has at most ${refused.deepest} sources behind it. Fork one nearer to the first.`,
        details: { limit: refused.deepest },
      }
    case 'badSubOffset':
      return {
        status: 400,
        code: ErrorCode.invalidRequest,
        message: `${Header.forkSubOffset} is more than the append at the fork point has: bytes, or of JSON messages.`,
      }
    case 'badPoint':
      return unreadable(refused.why)
  }
}
