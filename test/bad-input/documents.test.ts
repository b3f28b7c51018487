import { expect, test } from 'vitest'
import * as Y from 'yjs'
import {
  ContentType,
  ErrorCode,
  Header,
  Live,
  Path,
  Query,
  Sentinel,
  updateLimits,
} from '../../protocol/index.ts'
import { closing } from '../http/fixture.ts'
import { any, garbage, nestedAny, subdocument, text, update } from '../protocol/handmade.ts'
import { docOf, framed, typing } from '../yjs/fixture.ts'
import { and, header, useArena, verdictOf } from './arena.ts'

const arena = useArena({ compactBytes: 200, limits: { snapshotGraceMs: 1 } })
const binary = { type: ContentType.binary }
const invalid = [400, ErrorCode.invalidRequest]
const get = (target: string, offset: string, more: Record<string, string> = {}) =>
  arena().ask('GET', and(target, { [Query.offset]: offset, ...more }))

/** A document with a snapshot. @returns where it is, and the offset the snapshot is named by */
const compacted = async (): Promise<{ target: string; snapshot: string }> => {
  const here = arena()
  const target = await here.document()
  await here.ask('POST', target, { ...binary, body: framed(...typing(30)) })
  for (;;) {
    const location = header(await get(target, Sentinel.snapshot), 'Location') ?? ''
    const snapshot = new URL(location, here.url).searchParams.get(Query.offset) ?? ''
    if (snapshot !== Sentinel.start) return { target, snapshot }
  }
}

test('[row 59] offset=snapshot of no document is 404', async () => {
  const here = arena()
  const target = `${Path.yjs}svc/${Path.documents}/${here.fresh()}`
  expect(verdictOf(await get(target, Sentinel.snapshot))).toEqual([404, ErrorCode.documentNotFound])
})

test('[row 59] offset=snapshot without a snapshot leads to the beginning, for five seconds and nobody else', async () => {
  const target = await arena().document(framed(...typing(1)))
  const answer = await get(target, Sentinel.snapshot)
  expect([answer.status, header(answer, 'Location')]).toEqual([307, `${target}?offset=-1`])
  expect(header(answer, 'Cache-Control')).toBe('private, max-age=5')
})

test('[row 60] a snapshot that never was, or is no more, is 404', async () => {
  const here = arena()
  const { target, snapshot } = await compacted()
  for (const offset of [
    snapshot.replace(/_\d+_/, `_${'1'.padStart(16, '0')}_`),
    snapshot.replace(/^\d+/, '9'.padStart(16, '0')),
  ]) {
    expect(verdictOf(await get(target, offset))).toEqual([404, ErrorCode.snapshotNotFound])
  }
  await here.ask('POST', target, { ...binary, body: framed(...typing(30, 10, 2)) })
  for (let status = 200; status !== 404; ) {
    const answer = await get(target, snapshot)
    status = answer.status
    if (status === 404) expect(verdictOf(answer)).toEqual([404, ErrorCode.snapshotNotFound])
    else expect(status).toBe(200)
    await get(target, Sentinel.snapshot)
  }
})

test.each([
  '_snapshot',
  '../1_snapshot',
  'a_snapshot_snapshot',
  '-1_snapshot',
  'now_snapshot',
  '1_snapshot',
  '\0_snapshot',
  '_snapshot_snapshot',
])('[row 61] offset=%j is 400', async offset => {
  const target = await arena().document(framed(...typing(1)))
  for (const more of [{}, { [Query.live]: Live.sse }, { [Query.live]: Live.longPoll }]) {
    expect(verdictOf(await get(target, offset, more))).toEqual(invalid)
  }
})

const good = typing(1)[0] ?? new Uint8Array()
const v2 = Y.encodeStateAsUpdateV2(docOf(good))
const letters = typing(4)

/** What neither a document takes nor a new one begins with. */
const refused = async (body: Uint8Array) => {
  const here = arena()
  const target = await here.document(framed(good))
  const answer = await here.untouched(target, () => here.ask('POST', target, { ...binary, body }))
  const other = `${Path.yjs}svc/${Path.documents}/${here.fresh()}`
  const born = await here.ask('PUT', other, { ...binary, body })
  expect(verdictOf(born)).toEqual(verdictOf(answer))
  expect((await here.ask('HEAD', other)).status).toBe(404)
  return answer
}

test.each([
  ['bytes without frames', new Uint8Array([200, 1, 2, 3])],
  ['a frame cut short', framed(good).subarray(0, -1)],
  ['a frame and half of another', new Uint8Array([...framed(good), 5, 1])],
  ['a length that never ends', new Uint8Array(20).fill(255)],
  ['a length beyond all bytes', new Uint8Array([255, 255, 255, 255, 15, 0])],
  ['an update without a frame', good],
])('[row 62] %s is 400 and not stored', async (_, body) => {
  expect(verdictOf(await refused(body))).toEqual(invalid)
})

test.each([
  ['alone', new Uint8Array([0])],
  ['among others', framed(good, new Uint8Array(), good)],
])('[row 63] an empty frame, %s, is 400 and nothing is stored', async (_, body) => {
  expect(verdictOf(await refused(body))).toEqual(invalid)
})

const many = (count: number, one: (at: number) => ReturnType<typeof garbage>) =>
  update([{ client: 1, structs: Array.from({ length: count }, (_, at) => one(at)) }])

test.each<[string, Uint8Array, number]>([
  ['cut short', framed(good.subarray(0, -1)), 0],
  ['with bytes behind', framed(new Uint8Array([...good, 0])), 0],
  ['in the V2 encoding', framed(v2), 0],
  ['of nonsense', framed(new Uint8Array([1, 2, 3])), 0],
  ['that claims four thousand million clients', framed(new Uint8Array([255, 255, 255, 255, 15, 0])), 0],
  [
    'with a delete range past 2^53',
    framed(new Uint8Array([0, 1, 1, 1, 0, 255, 255, 255, 255, 255, 255, 255, 31])),
    0,
  ],
  ['with too many structs', framed(many(updateLimits.structs + 1, () => garbage(1))), 0],
  ['with too many root types', framed(many(updateLimits.rootNames + 1, at => text('x', `${at}`))), 0],
  [
    'with too many subdocuments',
    framed(many(updateLimits.subdocuments + 1, () => subdocument(new Uint8Array([118, 0])))),
    0,
  ],
  ['with a value too deep', framed(many(1, () => any(nestedAny(updateLimits.nesting + 1, true)))), 0],
  ['behind good ones', framed(...letters.slice(0, 3), new Uint8Array([1, 2, 3]), ...letters.slice(3)), 3],
])(
  '[row 64] an update %s is 400, names the frame, and nothing of the request is stored',
  async (_, body, frame) => {
    const answer = await refused(body)
    expect(verdictOf(answer)).toEqual([400, ErrorCode.malformedUpdate])
    expect(JSON.parse(answer.text)).toMatchObject({ error: { frame } })
  },
)

test('[row 86] an update that skips ahead is 409 with what is missing, and fits once that came', async () => {
  const here = arena()
  const target = await here.document()
  const [first = good, second = good, third = good] = typing(3, 10, 77)
  const post = (body: Uint8Array) => here.ask('POST', target, { ...binary, body: framed(body) })
  const answer = await here.untouched(target, () => post(third))
  expect(verdictOf(answer)).toEqual([409, ErrorCode.causalGap])
  expect(JSON.parse(answer.text)).toMatchObject({
    error: { frame: 0, missing: [{ client: 77, clock: 0, length: 20 }], truncated: false },
  })
  for (const one of [first, second, third]) expect((await post(one)).status).toBe(204)
})

test('[row 86] an update that refers to what nobody has is 409', async () => {
  const here = arena()
  const target = await here.document()
  const body = framed(update([], [[5, [0, 3]]]))
  const answer = await here.untouched(target, () => here.ask('POST', target, { ...binary, body }))
  expect(verdictOf(answer)).toEqual([409, ErrorCode.causalGap])
  expect(JSON.parse(answer.text)).toMatchObject({ error: { missing: [{ client: 5, clock: 0, length: 3 }] } })
})

/** A document, and an append to it that says what it builds on, which must be refused. */
const posting = async (query: (tail: string) => string, remade = false) => {
  const here = arena()
  const target = await here.document(framed(good))
  const tail = header(await here.ask('HEAD', target), Header.nextOffset) ?? ''
  if (remade) {
    await here.ask('DELETE', target)
    await here.ask('PUT', target, { ...binary, body: framed(good) })
  }
  const asked = { ...binary, body: framed(...typing(1, 10, 9)) }
  return here.untouched(target, () => here.ask('POST', `${target}?${query(tail)}`, asked))
}

test.each(['basis=', 'basis=T&basis=T', 'basis=-1&basis=now'])(
  '[row 31] a POST with ?%s is 400',
  async query => {
    expect(verdictOf(await posting(tail => query.replaceAll('T', tail)))).toEqual(invalid)
  },
)

test.each([
  '0,0',
  '../1',
  '%00',
  '%0d%0aSet-Cookie:%20a=b',
  '-2',
  'abc',
  '1_1',
  'T_snapshot',
  'T_0',
  'T%20',
  '%ff',
])('[row 32] a POST with ?basis=%s is 400', async basis => {
  const answer = await posting(tail => `basis=${basis.replace('T', tail)}`)
  expect(verdictOf(answer)).toEqual([400, ErrorCode.invalidOffset])
  expect(Object.keys(answer.headers)).not.toContain('set-cookie')
})

test('[row 34] a POST that builds on what lies beyond the tail is 400', async () => {
  const later = (tail: string) => `${tail.slice(0, 17)}${`${Number(tail.slice(17)) + 1}`.padStart(16, '0')}`
  const nextLife = (tail: string) =>
    `${`${Number(tail.slice(0, 16)) + 1}`.padStart(16, '0')}${tail.slice(16)}`
  for (const place of [later, nextLife])
    expect(verdictOf(await posting(tail => `basis=${place(tail)}`))).toEqual([400, ErrorCode.invalidOffset])
})

test('[row 83] a POST that builds on an earlier life is 410 as a read is, though it would fit', async () => {
  const answer = await posting(tail => `basis=${tail}`, true)
  expect(verdictOf(answer)).toEqual([410, ErrorCode.offsetExpired])
  expect(JSON.parse(answer.text)).toMatchObject({ error: { reason: 'recreated' } })
})

test('[row 5] a closed document takes no more', async () => {
  const here = arena()
  const target = await here.document(framed(good))
  await here.ask('POST', target, { headers: closing })
  const answer = await here.untouched(target, () =>
    here.ask('POST', target, { ...binary, body: framed(...letters.slice(1)) }),
  )
  expect(verdictOf(answer)).toEqual([409, ErrorCode.streamClosed])
  expect(header(answer, Header.closed)).toBe('true')
})
