import { ContentType, ErrorCode, mediaType, type Ranges } from '../../protocol/index.ts'
import type { CausalGap } from '../yjs/causality.ts'
import type { FramesProblem } from '../yjs/frames.ts'
import { type Problem, Refusal, refuse } from './answer.ts'
import { parseAppend, respondAppended } from './append.ts'
import { parseCreate, respondCreated } from './create.ts'
import { documentName } from './document-target.ts'
import { type Exchange, rawTarget } from './exchange.ts'
import { missingDocument } from './missing.ts'
import type { Yjs } from './yjs.ts'

/** YJS 5.4 and PROTOCOL 5.1: creates the document, with updates as its first content if there is a body. */
export const createDocument =
  ({ documents, limits }: Yjs) =>
  async (c: Exchange): Promise<Response> => {
    const name = documentName(rawTarget(c))
    const command = await parseCreate(c, limits.bodyBytes)
    if (mediaType(command.config.contentType) !== ContentType.binary) throw new Refusal(notBinary)
    const outcome = await documents.create(name, command)
    return isUnfit(outcome) ? refuse(c, problem(outcome, limits.framesPerPost)) : respondCreated(c, outcome)
  }

/** YJS 5.4: appends updates, each in a frame. */
export const appendDocument =
  ({ documents, limits }: Yjs) =>
  async (c: Exchange): Promise<Response> => {
    const name = documentName(rawTarget(c))
    const command = await parseAppend(c, limits.bodyBytes)
    const outcome = await documents.append(name, command)
    return isUnfit(outcome)
      ? refuse(c, problem(outcome, limits.framesPerPost))
      : respondAppended(c, command, outcome, missingDocument)
  }

type Unfit = FramesProblem | CausalGap

const isUnfit = (outcome: { readonly kind: string }): outcome is Unfit =>
  ['notFrames', 'emptyFrame', 'tooMany', 'malformed', 'causalGap'].includes(outcome.kind)

const notBinary: Problem = {
  status: 400,
  code: ErrorCode.invalidRequest,
  message: `A document is ${ContentType.binary}. Create it with that Content-Type or none.`,
}

const problem = (found: Unfit, framesPerPost: number): Problem => {
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
        details: { frame: found.index, ...listed(found.missing) },
      }
  }
}

/** Of a longer list the first are enough to go on: what follows them is asked for again. */
const mostListed = 100

/** Clocks from `clock` on, `length` of them, of each client. */
const listed = (missing: Ranges) => {
  const ranges = [...missing]
  return { missing: ranges.slice(0, mostListed), truncated: ranges.length > mostListed }
}
