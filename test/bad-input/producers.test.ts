import { expect, test } from 'vitest'
import { ContentType, ErrorCode, Header } from '../../protocol/index.ts'
import { closing, producer, stream } from '../http/fixture.ts'
import { type Asked, header, useArena, verdictOf } from './arena.ts'

const arena = useArena()
const text = { type: 'text/plain' }
const invalid = [400, ErrorCode.invalidRequest]
const batch = (epoch: number | string, seq: number | string, body = 'x'): Asked => ({
  ...text,
  body,
  headers: producer(epoch, seq),
})

/** A stream to which the producer has written `seq + 1` times in this epoch. */
const written = async (epoch: number, seq: number): Promise<string> => {
  const here = arena()
  const target = await here.stream()
  for (let at = 0; at <= seq; at++) {
    expect((await here.ask('POST', target, batch(epoch, at, `${at}`))).status).toBe(200)
  }
  return target
}

const refused = async (target: string, asked: Asked) => {
  const here = arena()
  return here.untouched(target, () => here.ask('POST', target, asked))
}

test.each([
  [[Header.producerId]],
  [[Header.producerEpoch]],
  [[Header.producerSeq]],
  [[Header.producerId, Header.producerEpoch]],
  [[Header.producerId, Header.producerSeq]],
  [[Header.producerEpoch, Header.producerSeq]],
])('[row 11] only %j of the producer headers is 400', async given => {
  const target = await arena().stream('abc')
  const all = producer(0, 0)
  const headers = Object.fromEntries(given.map(name => [name, all[name] ?? '']))
  expect(verdictOf(await refused(target, { ...text, body: 'x', headers }))).toEqual(invalid)
})

test('[row 12] an empty Producer-Id is 400', async () => {
  const target = await arena().stream('abc')
  expect(verdictOf(await refused(target, { ...text, body: 'x', headers: producer(0, 0, '') }))).toEqual(
    invalid,
  )
})

const noNumbers = ['-1', '1e3', '1abc', '0xyz', '', '01', '+1', '1.0', '0x1', ' ', '1 2', '१']

test.each(noNumbers)('[row 13] Producer-Epoch or Producer-Seq %j is 400', async value => {
  const target = await arena().stream('abc')
  const asWire = Buffer.from(value).toString('latin1')
  for (const headers of [producer(asWire, 0), producer(0, asWire)]) {
    expect(verdictOf(await refused(target, { ...text, body: 'x', headers }))).toEqual(invalid)
  }
})

test.each(['Producer-Epoch', 'Producer-Seq', 'Producer-Id'])(
  '[row 13] %s given twice is not taken for one',
  async name => {
    const target = await arena().stream('abc')
    const headers = { ...producer(0, 0), [name]: ['0', '0'] }
    const answer = await arena().ask('POST', target, { ...text, body: 'x', headers })
    // An id may be any text, so that two are one that nobody else has.
    if (name === Header.producerId) expect(answer.status).toBe(200)
    else expect(verdictOf(answer)).toEqual(invalid)
  },
)

test.each(['9007199254740992', '9'.repeat(20), '1'.repeat(400)])(
  '[row 14] Producer-Epoch or Producer-Seq %s is 400',
  async value => {
    const target = await arena().stream('abc')
    for (const asked of [batch(value, 0), batch(0, value)]) {
      expect(verdictOf(await refused(target, asked))).toEqual(invalid)
    }
  },
)

test('[row 14] the largest epoch there is counts', async () => {
  const target = await written(0, 0)
  expect((await arena().ask('POST', target, batch('9007199254740991', 0))).status).toBe(200)
})

test('[row 15] a stale epoch is 403 and told the current one', async () => {
  const target = await written(4, 1)
  for (const [epoch, seq] of [
    [3, 0],
    [3, 2],
    [0, 9],
  ] as const) {
    const answer = await refused(target, batch(epoch, seq))
    expect(verdictOf(answer)).toEqual([403, ErrorCode.producerFenced])
    expect(header(answer, Header.producerEpoch)).toBe('4')
  }
})

test('[row 16] a new epoch that does not begin at 0 is 400', async () => {
  const target = await written(0, 1)
  for (const seq of [1, 2, 7]) expect(verdictOf(await refused(target, batch(1, seq)))).toEqual(invalid)
  expect((await arena().ask('POST', target, batch(1, 0))).status).toBe(200)
})

test('[row 17] a gap in the sequence is 409 and says what is missing', async () => {
  const target = await written(0, 1)
  const answer = await refused(target, batch(0, 5))
  expect(verdictOf(answer)).toEqual([409, ErrorCode.producerGap])
  expect([header(answer, Header.producerExpectedSeq), header(answer, Header.producerReceivedSeq)]).toEqual([
    '2',
    '5',
  ])
})

test('[row 18] a sequence number used before is 204 and appends nothing, whatever the body', async () => {
  const target = await written(0, 2)
  for (const [seq, body] of [
    [2, '2'],
    [2, 'another'],
    [0, 'x'],
  ] as const) {
    const answer = await refused(target, batch(0, seq, body))
    expect([answer.status, header(answer, Header.producerSeq)]).toEqual([204, '2'])
  }
})

test('[row 19] a producer nobody knows that begins at 5 is 409, expected 0', async () => {
  const target = await arena().stream('abc')
  const answer = await refused(target, batch(0, 5))
  expect(verdictOf(answer)).toEqual([409, ErrorCode.producerGap])
  expect([header(answer, Header.producerExpectedSeq), header(answer, Header.producerReceivedSeq)]).toEqual([
    '0',
    '5',
  ])
})

test('[row 20] a producer nobody knows that begins in epoch 3 at 2 is 400', async () => {
  const target = await arena().stream('abc')
  expect(verdictOf(await refused(target, batch(3, 2)))).toEqual(invalid)
})

test('[row 21] a stale epoch on a closed stream is 403', async () => {
  const here = arena()
  const target = await written(2, 0)
  await here.ask('POST', target, { headers: closing })
  const answer = await refused(target, batch(1, 0))
  expect(verdictOf(answer)).toEqual([403, ErrorCode.producerFenced])
  expect(header(answer, Header.producerEpoch)).toBe('2')
})

test('[row 22] the batch that closed the stream is 204 again, and every other one 409', async () => {
  const here = arena()
  const target = await written(0, 0)
  const last: Asked = { ...text, body: 'end', headers: { ...producer(0, 1), ...closing } }
  expect((await here.ask('POST', target, last)).status).toBe(200)
  const again = await refused(target, last)
  expect([again.status, header(again, Header.closed)]).toEqual([204, 'true'])
  for (const asked of [
    batch(0, 2),
    batch(1, 0),
    { ...text, body: 'end', headers: { ...producer(0, 1, 'other'), ...closing } },
  ]) {
    const answer = await refused(target, asked)
    expect(answer.status).toBe(409)
    expect(header(answer, Header.closed)).toBe('true')
  }
})

test('[row 23] what is wrong in two ways has the answer of the first', async () => {
  const here = arena()
  const json = { type: ContentType.json }
  const target = await here.stream('[]', json)
  const headers = producer(0, 0)
  expect(verdictOf(await here.ask('POST', stream(here.fresh()), { ...text, body: 'x', headers }))).toEqual([
    404,
    ErrorCode.streamNotFound,
  ])
  expect(verdictOf(await refused(target, { ...text, body: 'x', headers }))).toEqual([
    409,
    ErrorCode.contentTypeMismatch,
  ])
  for (const body of ['', '{', '[]']) {
    expect(verdictOf(await refused(target, { ...json, body, headers }))).toEqual(invalid)
  }
  expect((await here.ask('POST', target, { ...json, body: '[1]', headers })).status).toBe(200)
})
