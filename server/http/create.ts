import { ContentType, ErrorCode, formatOffset, Header, Present } from '../../protocol/index.ts'
import type { Limits } from '../limits.ts'
import type { CreateCommand } from '../rules/create.ts'
import type { CreateOutcome } from '../rules/outcome.ts'
import type { StreamConfig } from '../rules/state.ts'
import type { Streams } from '../streams/streams.ts'
import { answer, Refusal, refuse } from './answer.ts'
import { readBody } from './body.ts'
import { type Exchange, rawTarget, type Verb } from './exchange.ts'
import { parseExpiresAt, parseTtl, wantsClosed } from './fields.ts'
import { streamName } from './target.ts'

/** PROTOCOL 5.1. */
export const create =
  (streams: Streams, limits: Limits): Verb =>
  async c => {
    const name = streamName(rawTarget(c), limits.nameBytes)
    return respondCreated(c, await streams.create(name, await parseCreate(c, limits.bodyBytes)))
  }

/** @throws Refusal for headers that PROTOCOL 5.1 does not allow */
export const parseCreate = async (c: Exchange, bodyBytes: number): Promise<CreateCommand> => ({
  config: parseConfig(c),
  closed: wantsClosed(c),
  body: await readBody(c, bodyBytes),
})

const parseConfig = (c: Exchange): StreamConfig => {
  const ttl = c.req.header(Header.ttl)
  const expiresAt = c.req.header(Header.expiresAt)
  if (ttl !== undefined && expiresAt !== undefined) {
    throw new Refusal({
      status: 400,
      code: ErrorCode.invalidRequest,
      message: `A stream has ${Header.ttl} or ${Header.expiresAt}, not both.`,
    })
  }
  return {
    contentType: c.req.header('Content-Type') ?? ContentType.binary,
    ...(ttl !== undefined && { ttlSeconds: parseTtl(ttl) }),
    ...(expiresAt !== undefined && { expiresAt: parseExpiresAt(expiresAt) }),
  }
}

export const respondCreated = (c: Exchange, outcome: CreateOutcome): Response => {
  if (outcome.kind === 'badBody') {
    return refuse(c, {
      status: 400,
      code: ErrorCode.invalidRequest,
      message: `The body is not valid JSON: ${outcome.reason}`,
    })
  }
  if (outcome.kind === 'mismatch') {
    return refuse(c, {
      status: 409,
      code: ErrorCode.configMismatch,
      message:
        'A stream with another content type, lifetime or closure status is here. Ask for what it has, or delete it first.',
      headers: outcome.state.closed ? { [Header.closed]: Present } : {},
    })
  }
  const { state, kind } = outcome
  const { generation, tail: position } = state
  return answer(c, kind === 'created' ? 201 : 200, {
    'Content-Type': state.config.contentType,
    [Header.nextOffset]: formatOffset({ generation, position }),
    ...(state.closed && { [Header.closed]: Present }),
    ...(kind === 'created' && { Location: c.req.url }),
  })
}
