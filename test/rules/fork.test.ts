import { expect, test } from 'vitest'
import { ContentType, formatOffset } from '../../protocol/index.ts'
import type { Birth } from '../../server/rules/create.ts'
import {
  decideFork,
  decideForkAgain,
  type ForkCommand,
  type Found,
  locateFork,
  mustLookUp,
} from '../../server/rules/fork.ts'
import type { ForkRefusal } from '../../server/rules/outcome.ts'
import type { StreamConfig, StreamState } from '../../server/rules/state.ts'
import { forkOf, streamState, text, utf8 } from './states.ts'

const now = 1_000_000
const contentType = ContentType.binary
const zero = formatOffset({ generation: 0, position: 0 })
const token = (position: number, generation = 7) => formatOffset({ generation, position })
const source = streamState() // generation 7, bytes 0 to 10

const command = (changes: Partial<ForkCommand> = {}): ForkCommand => ({
  source: 'stream/source',
  subOffset: 0,
  lifetime: {},
  body: new Uint8Array(),
  closed: false,
  deepest: 64,
  ...changes,
})

const at = (position: number, append: Found['append'] = utf8('append')): Found => ({
  generation: 7,
  position,
  append,
})

/** The fork that is made of `source`. */
const born = (from: StreamState, wanted: ForkCommand, found?: Found): Birth => {
  const decision = decideFork(from, wanted, found, now)
  if (!decision || 'kind' in decision) throw new Error(`there is no fork but ${JSON.stringify(decision)}`)
  return decision
}

const refusal = (from: StreamState, wanted: ForkCommand, found?: Found): ForkRefusal => {
  const decision = decideFork(from, wanted, found, now)
  if (!decision || !('kind' in decision)) throw new Error('it was not refused')
  return decision
}

const again = (existing: StreamState, wanted: ForkCommand) => decideForkAgain(existing, wanted).kind

test.each<[string, Partial<ForkCommand>, string]>([
  ['the same', {}, 'exists'],
  ['another body', { body: utf8('new') }, 'exists'],
  ['another source', { source: 'stream/other' }, 'mismatch'],
  ['another sub-offset', { subOffset: 1 }, 'mismatch'],
  ['closed', { closed: true }, 'mismatch'],
])('[F5] a fork that is there, asked for with %s: %s', (_what, changes, kind) => {
  expect(again(forkOf(source, 4), command(changes))).toBe(kind)
})

test('[F5] a closed fork is there when closed is asked for, a stream that is no fork never', () => {
  expect(again(forkOf(source, 4, { closed: true }), command({ closed: true }))).toBe('exists')
  expect(again(streamState(), command())).toBe('mismatch')
})

test.each<[string, Partial<ForkCommand>, string]>([
  ['its fork point', { offset: token(4) }, 'exists'],
  ['another place of the source', { offset: token(5) }, 'mismatch'],
  ['its fork point in its own words', { offset: token(4, 8) }, 'mismatch'],
  ['the beginning', { offset: '-1' }, 'mismatch'],
  ['the zero token', { offset: zero }, 'mismatch'],
  ['nonsense for a place', { offset: 'x' }, 'mismatch'],
  ['its content type, written differently', { contentType: 'Application/Octet-Stream; a=b' }, 'exists'],
  ['another content type', { contentType: ContentType.json }, 'mismatch'],
  ['a lifetime it has not', { lifetime: { ttlSeconds: 1 } }, 'mismatch'],
])('[F6] a fork that is there, asked for with %s: %s', (_what, changes, kind) => {
  expect(again(forkOf(source, 4), command(changes))).toBe(kind)
})

test('[F6] a fork at the beginning is found by every name of it', () => {
  for (const offset of [undefined, '-1', zero, token(0)]) {
    expect(again(forkOf(source, 0), command({ offset }))).toBe('exists')
  }
})

test.each<[Partial<StreamConfig>, boolean, Partial<StreamConfig>, string]>([
  [{ ttlSeconds: 60 }, false, {}, 'exists'],
  [{ ttlSeconds: 60 }, false, { ttlSeconds: 60 }, 'exists'],
  [{ ttlSeconds: 60 }, true, { ttlSeconds: 60 }, 'exists'],
  [{ ttlSeconds: 60 }, true, {}, 'mismatch'],
  [{ ttlSeconds: 60 }, false, { ttlSeconds: 61 }, 'mismatch'],
  [{ expiresAt: 5 }, true, { expiresAt: 5 }, 'exists'],
  [{ expiresAt: 5 }, false, { ttlSeconds: 5 }, 'mismatch'],
])(
  '[F6] a fork that lasts %j, asked for by itself: %s, asked for again with %j: %s',
  (is, own, lifetime, kind) => {
    const fork = forkOf(source, 4, { config: { contentType, ...is } })
    const existing = { ...fork, ...(fork.origin && { origin: { ...fork.origin, ownLifetime: own } }) }
    expect(again(existing, command({ lifetime }))).toBe(kind)
  },
)

test('[F7] the fork point is where a read would begin, or the tail', () => {
  expect(locateFork(source, command())).toEqual({ kind: 'at', position: 10 })
  for (const offset of ['-1', zero, token(0)]) {
    expect(locateFork(source, command({ offset }))).toEqual({ kind: 'at', position: 0 })
  }
  expect(locateFork(source, command({ offset: token(4) }))).toEqual({ kind: 'at', position: 4 })
  for (const [offset, why] of [
    ['', { kind: 'malformed' }],
    [token(11), { kind: 'beyond' }],
    [token(3, 6), { kind: 'gone', reason: 'recreated' }],
  ] as const) {
    expect(refusal(source, command({ offset }))).toEqual({ kind: 'badPoint', why })
  }
})

test.each([
  [0, 0, false],
  [10, 0, false],
  [4, 0, true],
  [0, 1, true],
  [10, 1, true],
])(
  '[F8] that position %i, with sub-offset %i, is one: asked of the store: %s',
  (position, subOffset, asked) => {
    const wanted = command({ offset: token(position), subOffset })
    expect(mustLookUp(source, position, wanted)).toBe(asked)
    expect(decideFork(source, wanted, undefined, now) === undefined).toBe(asked)
  },
)

test('[F8] what the store said of another place, or of another life, decides nothing', () => {
  const wanted = command({ offset: token(4) })
  expect(decideFork(source, wanted, at(5), now)).toBeUndefined()
  expect(decideFork(source, wanted, { ...at(4), generation: 6 }, now)).toBeUndefined()
  expect(born(source, wanted, at(4)).state).toMatchObject({ start: 0, tail: 4 })
  expect(born(source, wanted, at(4, 'none')).state).toMatchObject({ start: 0, tail: 4 })
})

test.each([
  [undefined, true],
  ['APPLICATION/octet-stream;x=y', true],
  ['text/plain', false],
])('[F9] of a binary stream a fork of the type %s: %s', (type, fits) => {
  const decision = decideFork(source, command({ contentType: type }), undefined, now)
  if (fits) expect(decision).toMatchObject({ state: { config: { contentType } } })
  else expect(decision).toEqual({ kind: 'wrongContentType', expected: contentType })
})

test('[F10] a fork has so many sources at most', () => {
  const first = forkOf(source, 10)
  const second = forkOf(first, 10)
  expect(born(source, command({ deepest: 1 })).state.origin?.depth).toBe(1)
  expect(born(first, command({ deepest: 2 })).state.origin?.depth).toBe(2)
  expect(refusal(first, command({ deepest: 1 }))).toEqual({ kind: 'tooDeep', deepest: 1 })
  expect(refusal(second, command({ deepest: 2 }))).toEqual({ kind: 'tooDeep', deepest: 2 })
  expect(born(second, command({ deepest: 3 })).state.origin?.depth).toBe(3)
})

test('[F11] a place inside an append is no fork point', () => {
  for (const subOffset of [0, 1]) {
    expect(refusal(source, command({ offset: token(4), subOffset }), at(4, 'inside'))).toEqual({
      kind: 'badPoint',
      why: { kind: 'malformed' },
    })
  }
})

test.each([
  [1, 'a'],
  [5, 'appen'],
  [6, 'append'],
])('[F12] a sub-offset of %i takes %j, and the body follows', (subOffset, part) => {
  const birth = born(source, command({ offset: token(4), subOffset, body: utf8('body') }), at(4))
  expect(birth.records.map(text)).toEqual([part, 'body'])
  expect(birth.state).toMatchObject({ start: 0, tail: 4 + part.length + 4, origin: { subOffset } })
  const bare = born(source, command({ offset: token(4), subOffset }), at(4))
  expect(bare.records.map(text)).toEqual([part])
})

test('[F12] a sub-offset of more than there is is refused, so is any where nothing is', () => {
  expect(refusal(source, command({ offset: token(4), subOffset: 7 }), at(4))).toEqual({
    kind: 'badSubOffset',
  })
  expect(refusal(source, command({ offset: token(10), subOffset: 1 }), at(10, 'none'))).toEqual({
    kind: 'badSubOffset',
  })
})

test('[F12] of JSON a sub-offset takes messages', () => {
  const json = streamState({ config: { contentType: ContentType.json } })
  const append = utf8('{"a":1},{"b":[2,3]},"c,d"')
  const birth = born(json, command({ offset: token(4), subOffset: 2, body: utf8('[5,6]') }), at(4, append))
  expect(birth.records.map(text)).toEqual(['{"a":1},{"b":[2,3]}', '5,6'])
  expect(refusal(json, command({ offset: token(4), subOffset: 4 }), at(4, append))).toEqual({
    kind: 'badSubOffset',
  })
  expect(refusal(json, command({ body: utf8('{') }))).toMatchObject({ kind: 'badBody' })
  expect(born(json, command({ body: utf8('[]') })).records).toEqual([])
})

test.each<[Partial<StreamConfig>, Partial<StreamConfig>, Partial<StreamConfig>, number | undefined]>([
  [{}, {}, {}, undefined],
  [{}, { ttlSeconds: 5 }, { ttlSeconds: 5 }, now + 5_000],
  [{}, { expiresAt: now + 7 }, { expiresAt: now + 7 }, now + 7],
  [{ ttlSeconds: 60 }, {}, { ttlSeconds: 60 }, now + 60_000],
  [{ ttlSeconds: 60 }, { ttlSeconds: 5 }, { ttlSeconds: 5 }, now + 5_000],
  [{ ttlSeconds: 60 }, { expiresAt: now + 7 }, { expiresAt: now + 7 }, now + 7],
  [{ expiresAt: now + 9 }, {}, { expiresAt: now + 9 }, now + 9],
  [{ expiresAt: now + 9 }, { ttlSeconds: 5 }, { ttlSeconds: 5 }, now + 5_000],
  [{ expiresAt: now + 9 }, { expiresAt: now + 99 }, { expiresAt: now + 99 }, now + 99],
])('[F13] of a source that lasts %j a fork asked for with %j lasts %j', (is, lifetime, config, deadline) => {
  // How far the source's own deadline has slid says nothing about the fork's.
  const lasting = streamState({ config: { contentType, ...is }, deadline: now + 1 })
  const { state } = born(lasting, command({ lifetime }))
  expect(state.config).toEqual({ contentType, ...config })
  expect(state.deadline).toBe(deadline)
  expect(state.origin?.ownLifetime).toBe(Object.keys(lifetime).length > 0)
})

test('[F14] a fork of a closed stream is open, unless it is asked for closed, and begins its own Stream-Seq', () => {
  const closed = streamState({
    closed: true,
    closedBy: { id: 'p', epoch: 0, seq: 1 },
    lastSeq: '9',
    refs: 3,
  })
  const { state } = born(closed, command())
  expect(state).toMatchObject({ closed: false, refs: 0, deleted: false })
  expect(state).not.toHaveProperty('closedBy')
  expect(state).not.toHaveProperty('lastSeq')
  expect(born(closed, command({ closed: true })).state.closed).toBe(true)
})

test('[F1] [F14] a fork of a fork holds its direct source, whoever wrote what it inherits', () => {
  const child = forkOf(source, 6, { generation: 8, tail: 9 })
  expect(
    born(child, command({ source: 'stream/child', offset: token(6) }), { ...at(6), generation: 8 }).state,
  ).toEqual({
    start: 0,
    tail: 6,
    config: { contentType },
    deadline: undefined,
    closed: false,
    refs: 0,
    deleted: false,
    origin: {
      source: 'stream/child',
      generation: 8,
      depth: 2,
      root: 7,
      base: 6,
      inherited: [{ generation: 7, base: 0, from: 0, to: 6 }],
      subOffset: 0,
      ownLifetime: false,
    },
  })
})
