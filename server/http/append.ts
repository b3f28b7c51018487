import { ErrorCode, Header, Present, Query } from '../../protocol/index.ts'
import type { Limits } from '../limits.ts'
import type { AppendCommand } from '../rules/append.ts'
import type { AppendOutcome, Unplaced } from '../rules/outcome.ts'
import { offsetAt } from '../rules/parts.ts'
import type { ProducerBatch, StreamState } from '../rules/state.ts'
import type { Streams } from '../streams/streams.ts'
import { answer, type Headers, type Problem, refuse } from './answer.ts'
import { readBody } from './body.ts'
import { type Exchange, rawTarget, type Verb } from './exchange.ts'
import { parseProducer, wantsClosed } from './fields.ts'
import { deletedStream, missingStream } from './missing.ts'
import { unreadable } from './read.ts'
import { streamName } from './target.ts'

/** PROTOCOL 5.2 and 5.3. */
export const append =
  (streams: Streams, limits: Limits): Verb =>
  async c => {
    const name = streamName(rawTarget(c), limits.nameBytes)
    const command = await parseAppend(c, limits)
    return respondAppended(c, command, await streams.append(name, command), missingStream)
  }

/** @throws Refusal */
export const parseAppend = async (
  c: Exchange,
  { producerIdLength, bodyBytes }: Limits,
  most = bodyBytes,
): Promise<AppendCommand> => ({
  producer: parseProducer(c, producerIdLength),
  contentType: c.req.header('Content-Type'),
  seq: c.req.header(Header.seq),
  close: wantsClosed(c),
  body: await readBody(c, most),
})

const tailHeaders = (state: StreamState): Headers => ({
  [Header.nextOffset]: offsetAt(state, state.tail),
  ...(state.closed && { [Header.closed]: Present }),
})

const producerHeaders = ({ epoch, seq }: ProducerBatch): Headers => ({
  [Header.producerEpoch]: epoch.toString(),
  [Header.producerSeq]: seq.toString(),
})

export const respondAppended = (
  c: Exchange,
  command: AppendCommand,
  outcome: AppendOutcome,
  missing: Problem,
): Response => {
  switch (outcome.kind) {
    case 'appended':
      return answer(c, 204, tailHeaders(outcome.state))
    case 'accepted':
      // 200 tells a producer that this batch is new; closing alone appends nothing and stays 204.
      return answer(c, command.body.length > 0 ? 200 : 204, {
        ...tailHeaders(outcome.state),
        ...producerHeaders(outcome.producer),
      })
    case 'duplicate':
      return answer(c, 204, { ...tailHeaders(outcome.state), ...producerHeaders(outcome.producer) })
    case 'missing':
      return refuse(c, missing)
    case 'deleted':
      return refuse(c, deletedStream)
    default:
      return refuse(c, problem(outcome))
  }
}

type Refused = Exclude<AppendOutcome, { kind: 'appended' | 'accepted' | 'duplicate' | 'missing' | 'deleted' }>

const problem = (outcome: Refused): Problem => {
  switch (outcome.kind) {
    case 'closed':
      return {
        status: 409,
        code: ErrorCode.streamClosed,
        message: 'The stream is closed: nothing can be appended to it any more.',
        headers: tailHeaders(outcome.state),
      }
    case 'emptyBody':
      return {
        status: 400,
        code: ErrorCode.invalidRequest,
        message: `There is nothing to append. Send a body, or ${Header.closed}: ${Present} to close the stream.`,
      }
    case 'badBody':
      return {
        status: 400,
        code: ErrorCode.invalidRequest,
        message: `The body is not valid JSON: ${outcome.reason}`,
      }
    case 'noContentType':
      return {
        status: 400,
        code: ErrorCode.invalidRequest,
        message: 'An append needs a Content-Type equal to the stream’s.',
      }
    case 'wrongContentType':
      return {
        status: 409,
        code: ErrorCode.contentTypeMismatch,
        message: `This stream holds ${outcome.expected}. Append with that Content-Type.`,
        details: { expected: outcome.expected },
      }
    case 'seqRegression':
      return {
        status: 409,
        code: ErrorCode.sequenceRegression,
        message: `${Header.seq} must be greater, byte by byte, than the last one.`,
        details: { last: outcome.last },
      }
    case 'fenced':
      return {
        status: 403,
        code: ErrorCode.producerFenced,
        message: `A newer epoch of this producer has written. Go on with an epoch above ${outcome.epoch}, from sequence 0.`,
        headers: { [Header.producerEpoch]: outcome.epoch.toString() },
      }
    case 'badStart':
      return {
        status: 400,
        code: ErrorCode.invalidRequest,
        message: `A new ${Header.producerEpoch} starts with ${Header.producerSeq}: 0.`,
      }
    case 'gap':
      return {
        status: 409,
        code: ErrorCode.producerGap,
        message: `${Header.producerSeq} ${outcome.expected} has not arrived yet. Send it first.`,
        headers: {
          [Header.producerExpectedSeq]: outcome.expected.toString(),
          [Header.producerReceivedSeq]: outcome.received.toString(),
        },
      }
    case 'strayed':
      return strayed(outcome.why)
  }
}

/** As a read from there is refused; what is no offset here is told apart from what is wrong with the body. */
const strayed = (why: Unplaced): Problem => {
  const read = unreadable(why)
  return {
    ...read,
    code: why.kind === 'gone' ? read.code : ErrorCode.invalidOffset,
    message: `What was appended builds on ${Query.basis}. ${read.message} Nothing was stored.`,
  }
}
