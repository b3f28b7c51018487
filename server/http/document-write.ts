import { ContentType, ErrorCode, Header, mediaType, Query, type Ranges } from '../../protocol/index.ts'
import type { Limits } from '../limits.ts'
import type { CausalGap } from '../yjs/causality.ts'
import type { FramesProblem } from '../yjs/frames.ts'
import { type Problem, Refusal, refuse } from './answer.ts'
import { parseAppend, respondAppended } from './append.ts'
import { parseCreate, respondCreated } from './create.ts'
import { documentName } from './document-target.ts'
import { type Exchange, queryOf, rawTarget } from './exchange.ts'
import { missingDocument } from './missing.ts'
import type { Yjs } from './yjs.ts'

/** YJS 5.4 and PROTOCOL 5.1: creates the document, with updates as its first content if there is a body. */
export const createDocument =
  ({ documents, limits }: Yjs) =>
  async (c: Exchange): Promise<Response> => {
    const name = documentName(rawTarget(c), limits)
    const command = await parseCreate(c, limits.bodyBytes)
    if (mediaType(command.config.contentType) !== ContentType.binary) throw new Refusal(notBinary)
    const outcome = await documents.create(name, command)
    return isUnfit(outcome) ? refuse(c, problem(outcome, limits)) : respondCreated(c, outcome)
  }

/**
 * YJS 5.4: appends updates, each in a frame. With `basis`, the offset up to which their sender had read, only to the life of the
 * document that has that offset: an edit that builds on nothing would otherwise be taken by a later one.
 */
export const appendDocument =
  ({ documents, limits }: Yjs) =>
  async (c: Exchange): Promise<Response> => {
    const name = documentName(rawTarget(c), limits)
    const basis = parseBasis(queryOf(c))
    const asked = await parseAppend(c, limits)
    // The published provider closes its producer, and with it what it writes to, whenever it disconnects.
    const byWriter = asked.close && asked.producer !== undefined
    if (byWriter && asked.body.length === 0) throw new Refusal(notForWriters)
    const command = { ...asked, basis, close: asked.close && !byWriter }
    const outcome = await documents.append(name, command)
    return isUnfit(outcome)
      ? refuse(c, problem(outcome, limits))
      : respondAppended(c, command, outcome, missingDocument)
  }

/** @throws Refusal for one that is empty or given twice */
const parseBasis = (query: URLSearchParams): string | undefined => {
  const given = query.getAll(Query.basis)
  const [basis] = given
  if (given.length > 1 || basis === '') throw new Refusal(notOneBasis)
  return basis
}

type Unfit = FramesProblem | CausalGap

const isUnfit = (outcome: { readonly kind: string }): outcome is Unfit =>
  ['notFrames', 'emptyFrame', 'tooMany', 'malformed', 'causalGap'].includes(outcome.kind)

const notBinary: Problem = {
  status: 400,
  code: ErrorCode.invalidRequest,
  message: `A document is ${ContentType.binary}. Create it with that Content-Type or none.`,
}

const notOneBasis: Problem = {
  status: 400,
  code: ErrorCode.invalidRequest,
  message: `${Query.basis} is one offset that the server answered in ${Header.nextOffset}. Leave it out when nothing was read.`,
}

const notForWriters: Problem = {
  status: 400,
  code: ErrorCode.invalidRequest,
  message: `A document is not closed by one of its writers leaving. To close it for everybody, send ${Header.closed} without ${Header.producerId}.`,
}

const problem = (found: Unfit, { framesPerPost, gapRanges }: Limits): Problem => {
  switch (found.kind) {
    case 'notFrames':
    case 'emptyFrame':
      return {
        status: 400,
        code: ErrorCode.invalidRequest,
        message: `Each update goes behind its length as a lib0 variable-length integer, and none is empty: ${found.message}. Nothing was stored.`,
      }
    case 'tooMany':
      return {
        status: 400,
        code: ErrorCode.invalidRequest,
        message: `One request holds at most ${framesPerPost} updates, this one has ${found.count}. Merge them or send several requests. Nothing was stored.`,
      }
    case 'malformed':
      return {
        status: 400,
        code: ErrorCode.malformedUpdate,
        message: `Frame ${found.index} is not a Yjs update in the V1 encoding: ${found.message}. Nothing was stored.`,
        details: { frame: found.index },
      }
    case 'causalGap':
      return {
        status: 409,
        code: ErrorCode.causalGap,
        message: `Frame ${found.index} builds on content that the document does not hold. Send what is missing, or a whole state, first. Nothing was stored.`,
        details: { frame: found.index, ...listed(found.missing, gapRanges) },
      }
  }
}

/** Clocks from `clock` on, `length` of them, of each client; of a longer list the first. */
const listed = (missing: Ranges, most: number) => {
  const ranges = [...missing]
  return { missing: ranges.slice(0, most), truncated: ranges.length > most }
}
