import { ContentType, ErrorCode, Header, Path, Present } from '../../protocol/index.ts'
import type { Limits } from '../limits.ts'
import type { CreateCommand } from '../rules/create.ts'
import type { ForkOutcome } from '../rules/outcome.ts'
import { offsetAt } from '../rules/parts.ts'
import type { Streams } from '../streams/streams.ts'
import { answer, type Problem, Refusal, refuse } from './answer.ts'
import { readBody } from './body.ts'
import { type Exchange, rawTarget, type Verb } from './exchange.ts'
import { parseLifetime, wantsClosed } from './fields.ts'
import { forkProblem, parseFork } from './fork.ts'
import { streamName } from './target.ts'

/** PROTOCOL 5.1, and 4.2 when a source is named. */
export const create =
  (streams: Streams, limits: Limits): Verb =>
  async c => {
    const name = streamName(rawTarget(c), limits.nameBytes)
    const outcome =
      c.req.header(Header.forkedFrom) === undefined
        ? await streams.create(name, await parseCreate(c, limits.bodyBytes))
        : await streams.fork(name, await parseFork(c, limits))
    return respondCreated(c, outcome)
  }

/** @throws Refusal for headers that PROTOCOL 5.1 does not allow, and for those of a fork */
export const parseCreate = async (c: Exchange, bodyBytes: number): Promise<CreateCommand> => {
  for (const header of [Header.forkedFrom, Header.forkOffset, Header.forkSubOffset]) {
    if (c.req.header(header) !== undefined) throw new Refusal(noFork(header))
  }
  return {
    config: { contentType: c.req.header('Content-Type') ?? ContentType.binary, ...parseLifetime(c) },
    closed: wantsClosed(c),
    body: await readBody(c, bodyBytes),
  }
}

const noFork = (header: string): Problem => ({
  status: 400,
  code: ErrorCode.invalidRequest,
  message: `${header} has no meaning here: only streams at ${Path.streams} are forked, and a fork names its source in ${Header.forkedFrom}.`,
})

export const respondCreated = (c: Exchange, outcome: ForkOutcome): Response => {
  if (outcome.kind === 'mismatch') {
    return refuse(c, {
      status: 409,
      code: ErrorCode.configMismatch,
      message:
        'A stream with another content type, lifetime, closure status or source is here. Ask for what it has, or delete it first.',
      headers: outcome.state.closed ? { [Header.closed]: Present } : {},
    })
  }
  if (!('state' in outcome)) return refuse(c, problem(outcome))
  const { state, kind } = outcome
  return answer(c, kind === 'created' ? 201 : 200, {
    'Content-Type': state.config.contentType,
    [Header.nextOffset]: offsetAt(state, state.tail),
    ...(state.closed && { [Header.closed]: Present }),
    ...(kind === 'created' && { Location: c.req.url }),
  })
}

const problem = (outcome: Exclude<ForkOutcome, { state: unknown }>): Problem => {
  switch (outcome.kind) {
    case 'badBody':
      return {
        status: 400,
        code: ErrorCode.invalidRequest,
        message: `The body is not valid JSON: ${outcome.reason}`,
      }
    case 'deleted':
      return {
        status: 409,
        code: ErrorCode.streamDeleted,
        message:
          'A deleted stream that forks still hold is here. Choose another path, or delete its forks first.',
      }
    default:
      return forkProblem(outcome)
  }
}
