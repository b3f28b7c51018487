import { mediaType } from '../../protocol/index.ts'
import { touchedDeadline } from './expiry.ts'
import { locate } from './locate.ts'
import { toMessages } from './messages.ts'
import type { AppendOutcome } from './outcome.ts'
import { admit, type Seen } from './producer.ts'
import type { ProducerBatch, StreamState } from './state.ts'

export interface AppendCommand {
  readonly body: Uint8Array
  readonly contentType?: string | undefined
  /** PROTOCOL 5.2: Stream-Seq, compared byte by byte. */
  readonly seq?: string | undefined
  readonly producer?: ProducerBatch | undefined
  /** The offset up to which the sender had read the stream, as it was given. */
  readonly basis?: string | undefined
  /** PROTOCOL 5.3: close after this append, or with an empty body close alone. */
  readonly close: boolean
}

/** What the append leads to; `state` is there when something is to be written. */
export interface AppendDecision {
  readonly outcome: AppendOutcome
  readonly state?: StreamState
  readonly record?: Uint8Array
  readonly seen?: Seen
}

const refuse = (outcome: AppendOutcome): AppendDecision => ({ outcome })

const strayed = (state: StreamState, basis: string | undefined): AppendOutcome | undefined => {
  const place = basis === undefined ? undefined : locate(state, basis)
  if (!place || place.kind === 'at') return undefined
  return place.kind === 'gone' && place.reason === 'trimmed' ? undefined : { kind: 'strayed', why: place }
}

const isSameBatch = (a: ProducerBatch | undefined, b: ProducerBatch): boolean =>
  a !== undefined && a.id === b.id && a.epoch === b.epoch && a.seq === b.seq

const decideOnClosed = (
  state: StreamState,
  seen: Seen | undefined,
  { producer, close, body }: AppendCommand,
): AppendDecision => {
  if (producer) {
    if (isSameBatch(state.closedBy, producer)) return refuse({ kind: 'duplicate', state, producer })
    if (seen && producer.epoch < seen.epoch) return refuse({ kind: 'fenced', epoch: seen.epoch })
    return refuse({ kind: 'closed', state })
  }
  return refuse({ kind: close && body.length === 0 ? 'appended' : 'closed', state })
}

/** Byte-wise: UTF-16 order differs from it, but header values are Latin-1, where the two agree. */
const isBehind = (seq: string, last: string | undefined): boolean => last !== undefined && seq <= last

/**
 * PROTOCOL 5.2: one append against the stream it meets. The order of the questions is the precedence of 5.2.
 * - A1 A closed stream says so before anything else is asked, but for A13.
 * - A2 Closing it again without a body is done already.
 * - A3 So is the batch that closed it.
 * - A4 An older epoch is fenced there too.
 * - A5 Without a body there is nothing to append; only closing needs none.
 * - A6 A body has the stream's content type, parameters and case aside; without a body none is looked at.
 * - A7 A wrong content type comes before the producer and Stream-Seq.
 * - A8 The producer comes before Stream-Seq and the body: a duplicate is settled without looking at its body.
 * - A9 Stream-Seq grows, byte by byte.
 * - A10 JSON is looked at last; an array without messages is an empty body.
 * - A11 What is accepted lengthens the stream by what is stored, counts as use, and is remembered of its producer.
 * - A12 Closing is part of the same step, with a body or without.
 * - A13 First of all: an append that builds on what was read up to some offset is meant for the life of the path which has
 *   that offset. It is refused where a read from there is, but not because those bytes are not kept any more.
 */
export const decideAppend = (
  state: StreamState,
  seen: Seen | undefined,
  command: AppendCommand,
  now: number,
): AppendDecision => {
  const { body, contentType, producer, seq, close, basis } = command
  const stray = strayed(state, basis)
  if (stray) return refuse(stray)
  if (state.closed) return decideOnClosed(state, seen, command)
  const bare = body.length === 0
  if (bare && !close) return refuse({ kind: 'emptyBody' })
  if (!bare) {
    if (contentType === undefined) return refuse({ kind: 'noContentType' })
    if (mediaType(contentType) !== mediaType(state.config.contentType)) {
      return refuse({ kind: 'wrongContentType', expected: state.config.contentType })
    }
  }
  if (producer) {
    const verdict = admit(seen, producer)
    if (verdict === 'fenced') return refuse({ kind: 'fenced', epoch: seen?.epoch ?? 0 })
    if (verdict === 'badStart') return refuse({ kind: 'badStart' })
    if (verdict === 'gap')
      return refuse({ kind: 'gap', expected: (seen?.seq ?? -1) + 1, received: producer.seq })
    if (verdict === 'duplicate') {
      return refuse({ kind: 'duplicate', state, producer: { ...producer, seq: seen?.seq ?? producer.seq } })
    }
  }
  if (seq !== undefined && isBehind(seq, state.lastSeq)) {
    return refuse({ kind: 'seqRegression', last: state.lastSeq ?? '' })
  }
  const messages = toMessages(state.config.contentType, body)
  if (messages.kind === 'invalid') return refuse({ kind: 'badBody', reason: messages.reason })
  if (messages.kind === 'none' && !bare) return refuse({ kind: 'emptyBody' })
  const record = messages.kind === 'record' ? messages.bytes : undefined
  const next: StreamState = {
    ...state,
    tail: state.tail + (record?.length ?? 0),
    deadline: touchedDeadline(state, now),
    lastSeq: seq ?? state.lastSeq,
    closed: close,
    closedBy: close ? producer : undefined,
  }
  return {
    outcome: producer ? { kind: 'accepted', state: next, producer } : { kind: 'appended', state: next },
    state: next,
    ...(record && { record }),
    ...(producer && { seen: { epoch: producer.epoch, seq: producer.seq, at: now } }),
  }
}
