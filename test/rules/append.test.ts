import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ContentType, formatOffset, Sentinel } from '../../protocol/index.ts'
import { type AppendCommand, type AppendDecision, decideAppend } from '../../server/rules/append.ts'
import type { Seen } from '../../server/rules/producer.ts'
import type { StreamState } from '../../server/rules/state.ts'
import { forkOf, streamState, text, utf8 } from './states.ts'

const now = 1_000_000
const producer = { id: 'p', epoch: 1, seq: 3 }
const seen: Seen = { epoch: 1, seq: 2, at: 0 }

const command = (changes: Partial<AppendCommand> = {}): AppendCommand => ({
  body: utf8('abc'),
  contentType: ContentType.binary,
  close: false,
  ...changes,
})

const kindOf = ({ outcome }: AppendDecision) => outcome.kind

describe('a closed stream', () => {
  const closed = streamState({ closed: true, closedBy: producer, lastSeq: 'm' })

  test.each<[string, Partial<AppendCommand>]>([
    ['a body', {}],
    ['another content type', { contentType: 'text/plain' }],
    ['no content type', { contentType: undefined }],
    ['an old Stream-Seq', { seq: 'a' }],
    ['nothing at all', { body: new Uint8Array() }],
    ['a body and the wish to close', { close: true }],
    ['a producer ahead of its turn', { producer: { ...producer, seq: 9 } }],
    ['the next batch of the producer that closed it', { producer: { ...producer, seq: 4 } }],
    ['an earlier batch of the producer that closed it', { producer: { ...producer, seq: 2 } }],
    ['another producer with the same numbers', { producer: { ...producer, id: 'q' } }],
    [
      'a producer that only wants to close',
      { producer: { ...producer, seq: 4 }, body: new Uint8Array(), close: true },
    ],
  ])('[A1] says so first, to %s', (_what, changes) => {
    expect(decideAppend(closed, seen, command(changes), now)).toEqual({
      outcome: { kind: 'closed', state: closed },
    })
  })

  test('[A1] says so before it looks at JSON', () => {
    const json = { ...closed, config: { contentType: ContentType.json } }
    const broken = command({ body: utf8('{'), contentType: ContentType.json })
    expect(kindOf(decideAppend(json, undefined, broken, now))).toBe('closed')
  })

  test('[A2] is closed again without a body, whatever the content type, and nothing is written', () => {
    for (const contentType of [undefined, ContentType.binary, 'text/plain']) {
      const again = command({ body: new Uint8Array(), close: true, contentType })
      expect(decideAppend(closed, undefined, again, now)).toEqual({
        outcome: { kind: 'appended', state: closed },
      })
    }
  })

  test('[A3] answers the batch that closed it as done, and nobody else', () => {
    const again = decideAppend(closed, seen, command({ producer, close: true }), now)
    expect(again).toEqual({ outcome: { kind: 'duplicate', state: closed, producer } })
    for (const other of [
      { ...producer, seq: 2 },
      { ...producer, epoch: 2 },
      { ...producer, id: '' },
    ]) {
      expect(kindOf(decideAppend(closed, seen, command({ producer: other, close: true }), now))).toBe(
        'closed',
      )
    }
  })

  test('[A4] still fences an older epoch', () => {
    const stale = command({ producer: { id: 'p', epoch: 0, seq: 3 } })
    expect(decideAppend(closed, seen, stale, now).outcome).toEqual({ kind: 'fenced', epoch: 1 })
  })
})

describe('an open stream', () => {
  const open = streamState({ lastSeq: 'm' })

  test('[A5] refuses an append without a body, unless it closes', () => {
    const empty = command({ body: new Uint8Array() })
    expect(decideAppend(open, undefined, empty, now)).toEqual({ outcome: { kind: 'emptyBody' } })
    expect(kindOf(decideAppend(open, seen, { ...empty, producer }, now))).toBe('emptyBody')
  })

  test.each([
    ['the same', 'text/html', 'text/html', 'appended'],
    ['another case', 'text/html', 'TEXT/Html', 'appended'],
    ['parameters on the append', 'text/html', 'text/html; charset=utf-8', 'appended'],
    ['parameters on the stream', 'text/html;charset=utf-8', 'text/html', 'appended'],
    ['another type', 'text/html', 'text/plain', 'wrongContentType'],
    ['a type that begins the same', 'text/html', 'text/html5', 'wrongContentType'],
    ['none', 'text/html', undefined, 'noContentType'],
  ])('[A6] compares content types without case and parameters: %s', (_what, stream, append, kind) => {
    const state = streamState({ config: { contentType: stream } })
    const decision = decideAppend(state, undefined, command({ contentType: append }), now)
    expect(kindOf(decision)).toBe(kind)
    if (kind !== 'appended') expect(decision).toEqual({ outcome: decision.outcome })
  })

  test('[A6] asks for no content type where there is no body', () => {
    for (const contentType of [undefined, 'text/plain']) {
      const close = command({ body: new Uint8Array(), close: true, contentType })
      expect(kindOf(decideAppend(open, undefined, close, now))).toBe('appended')
    }
  })

  test('[A7] looks at the content type before the producer and Stream-Seq', () => {
    const wrong = command({ contentType: 'text/plain', seq: 'a', producer: { ...producer, seq: 9 } })
    expect(decideAppend(open, seen, wrong, now)).toEqual({
      outcome: { kind: 'wrongContentType', expected: ContentType.binary },
    })
  })

  test.each([
    [
      { ...producer, epoch: 0 },
      { kind: 'fenced', epoch: 1 },
    ],
    [{ ...producer, epoch: 2 }, { kind: 'badStart' }],
    [
      { ...producer, seq: 5 },
      { kind: 'gap', expected: 3, received: 5 },
    ],
    [
      { ...producer, seq: 0 },
      { kind: 'duplicate', state: open, producer: { ...producer, seq: 2 } },
    ],
  ])('[A8] refuses %j before it looks at Stream-Seq, and writes nothing', (batch, outcome) => {
    expect(decideAppend(open, seen, command({ producer: batch, seq: 'a' }), now)).toEqual({ outcome })
  })

  test('[A8] expects sequence 0 of a producer it never saw', () => {
    const decision = decideAppend(open, undefined, command({ producer: { id: 'p', epoch: 0, seq: 5 } }), now)
    expect(decision.outcome).toEqual({ kind: 'gap', expected: 0, received: 5 })
  })

  test('[A8] settles a duplicate without looking at its body', () => {
    const json = streamState({ config: { contentType: ContentType.json } })
    const broken = command({
      body: utf8('{'),
      contentType: ContentType.json,
      producer: { ...producer, seq: 1 },
    })
    expect(kindOf(decideAppend(json, seen, broken, now))).toBe('duplicate')
  })

  test.each([
    ['m', 'seqRegression'],
    ['l', 'seqRegression'],
    ['', 'seqRegression'],
    ['M', 'seqRegression'],
    ['10', 'seqRegression'],
    ['m0', 'appended'],
    ['n', 'appended'],
    ['\u00e9', 'appended'],
  ])('[A9] takes Stream-Seq %j after "m" byte by byte: %s', (seq, kind) => {
    const decision = decideAppend(open, undefined, command({ seq }), now)
    expect(kindOf(decision)).toBe(kind)
    if (kind === 'seqRegression') expect(decision).toEqual({ outcome: { kind, last: 'm' } })
    else expect(decision.state?.lastSeq).toBe(seq)
  })

  test('[A9] takes "10" for less than "2": the values are text', () => {
    const after = streamState({ lastSeq: '2' })
    expect(kindOf(decideAppend(after, undefined, command({ seq: '10' }), now))).toBe('seqRegression')
  })

  test('[A9] keeps the last Stream-Seq through appends that carry none', () => {
    expect(decideAppend(open, undefined, command(), now).state?.lastSeq).toBe('m')
  })

  test('[A9] takes any first Stream-Seq, also an empty one', () => {
    expect(kindOf(decideAppend(streamState(), undefined, command({ seq: '' }), now))).toBe('appended')
  })

  test.each([
    ['{', 'badBody'],
    ['', 'appended'],
    ['[]', 'emptyBody'],
    [' [ ] ', 'emptyBody'],
    ['[1,2]', 'appended'],
  ])('[A10] of JSON %j says %s, after everything else', (body, kind) => {
    const json = streamState({ config: { contentType: ContentType.json }, lastSeq: 'm' })
    const close = body === ''
    const sent = command({ body: utf8(body), contentType: ContentType.json, close })
    expect(kindOf(decideAppend(json, undefined, sent, now))).toBe(kind)
    const behind = decideAppend(json, seen, { ...sent, seq: 'a', producer }, now)
    expect(kindOf(behind)).toBe('seqRegression')
  })

  test('[A11] grows by exactly what is stored, and the deadline moves', () => {
    const config = { contentType: ContentType.json, ttlSeconds: 10 }
    const state = streamState({ config, deadline: now + 1 })
    const decision = decideAppend(
      state,
      undefined,
      { ...command(), body: utf8(' [1, 2]\n'), contentType: 'application/json' },
      now,
    )
    expect(text(decision.record)).toBe('1, 2')
    expect(decision.state).toMatchObject({ tail: 14, closed: false })
    expect(decision.state?.deadline).toBeGreaterThanOrEqual(now + 10_000)
    expect(decision.outcome).toEqual({ kind: 'appended', state: decision.state })
    expect(decision.seen).toBeUndefined()
  })

  test('[A11] remembers the batch it accepted, and when', () => {
    const decision = decideAppend(open, seen, command({ producer }), now)
    expect(decision.outcome).toEqual({ kind: 'accepted', state: decision.state, producer })
    expect(decision.seen).toEqual({ epoch: 1, seq: 3, at: now })
  })

  test.each([
    ['a body', utf8('abc'), 13],
    ['nothing', new Uint8Array(), 10],
  ])('[A12] is closed with %s, once and for good', (_what, body, tail) => {
    const decision = decideAppend(open, seen, command({ body, close: true, producer }), now)
    expect(decision.state).toMatchObject({ tail, closed: true, closedBy: producer })
    expect(decision.record).toEqual(body.length > 0 ? body : undefined)
    const closed = decision.state ?? open
    expect(kindOf(decideAppend(closed, decision.seen, command(), now))).toBe('closed')
  })

  test('[A12] closed by nobody in particular has no batch that is told "done"', () => {
    expect(decideAppend(open, undefined, command({ close: true }), now).state?.closedBy).toBeUndefined()
  })
})

describe('what was read up to an offset', () => {
  const here = streamState({ start: 4 }) // generation 7, bytes 4 to 10
  const token = (position: number, generation = 7) => formatOffset({ generation, position })
  const fork = forkOf(streamState(), 6, { generation: 9, tail: 12 })
  const recreated = { kind: 'gone', reason: 'recreated' }
  const closed = streamState({ closed: true, closedBy: producer })

  test.each([
    ['the tail', here, token(10)],
    ['a place before it', here, token(6)],
    ['what is trimmed by now', here, token(2)],
    ['the beginning', here, Sentinel.start],
    ['the beginning, by another server', here, token(0, 0)],
    ['the tail, whatever it is', here, Sentinel.tail],
    ['what a fork shares with its source', fork, token(6)],
    ['what a fork has for itself', fork, token(11, 9)],
    ['nothing', here, undefined],
  ])('[A13] is followed by an append: %s', (_what, state, basis) => {
    expect(kindOf(decideAppend(state, undefined, command({ basis }), now))).toBe('appended')
  })

  test.each([
    ['another life', here, token(6, 6), recreated],
    ['another life, longer than this one', here, token(99, 6), recreated],
    ['a source past the point where the fork left it', fork, token(8), { kind: 'beyond' }],
    ['a source of none of its sources', fork, token(6, 5), recreated],
    ['what is not there yet', here, token(11), { kind: 'beyond' }],
    ['a life to come', here, token(6, 8), { kind: 'beyond' }],
    ['a snapshot', here, `${token(6)}_snapshot`, { kind: 'malformed' }],
    ['no offset', here, '6', { kind: 'malformed' }],
  ])('[A13] is not, and nothing is written: %s', (_what, state, basis, why) => {
    expect(decideAppend(state, undefined, command({ basis }), now)).toEqual({
      outcome: { kind: 'strayed', why },
    })
  })

  test.each<[string, StreamState, Partial<AppendCommand>]>([
    ['a closed stream', closed, {}],
    ['the batch that closed it', closed, { producer }],
    ['a gap of its producer', here, { producer: { ...producer, seq: 9 } }],
    ['a fenced producer', here, { producer: { ...producer, epoch: 0 } }],
    ['a batch that is known here', here, { producer: { ...producer, seq: 2 } }],
    ['another content type', here, { contentType: 'text/plain' }],
    ['no body', here, { body: new Uint8Array() }],
  ])('[A13] is asked before %s', (_what, state, changes) => {
    const outcome = (generation: number) =>
      kindOf(decideAppend(state, seen, command({ ...changes, basis: token(6, generation) }), now))
    expect([outcome(6), outcome(7)]).toEqual(['strayed', expect.not.stringMatching('strayed')])
  })

  test('[A13] and a batch that is known here stays a duplicate', () => {
    const again = command({ producer: { ...producer, seq: 2 }, basis: token(6) })
    expect(kindOf(decideAppend(here, seen, again, now))).toBe('duplicate')
  })
})

test('[A1] [A11] of any run of appends, the tail is the sum of the records and closing is the end', () => {
  const step = fc.record({
    body: fc.uint8Array({ maxLength: 5 }),
    close: fc.boolean(),
    seq: fc.option(fc.string({ maxLength: 2, unit: 'grapheme-ascii' }), { nil: undefined }),
    producer: fc.option(fc.record({ id: fc.constant('p'), epoch: fc.nat(2), seq: fc.nat(3) }), {
      nil: undefined,
    }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), steps => {
      let state = streamState({ tail: 0 })
      let last: Seen | undefined
      let stored = 0
      for (const changes of steps) {
        const before = state
        const decision = decideAppend(state, last, command(changes), now)
        state = decision.state ?? state
        last = decision.seen ?? last
        stored += decision.record?.length ?? 0
        expect(state.tail).toBe(stored)
        if (before.closed) expect(state).toBe(before)
        if (decision.record) expect(decision.state).toBeDefined()
      }
    }),
  )
})
