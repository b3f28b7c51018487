import { expect, test } from 'vitest'
import { ContentType } from '../../protocol/index.ts'
import { type CreateCommand, decideCreate } from '../../server/rules/create.ts'
import { forkOf, streamState, text, utf8 } from './states.ts'

const now = 1_000_000

const command = (changes: Partial<CreateCommand> = {}): CreateCommand => ({
  config: { contentType: ContentType.binary },
  body: new Uint8Array(),
  closed: false,
  ...changes,
})

test('[C1] a new stream begins at 0 with what was asked for', () => {
  expect(decideCreate(undefined, command(), now)).toEqual({
    state: {
      start: 0,
      tail: 0,
      config: { contentType: ContentType.binary },
      closed: false,
      refs: 0,
      deleted: false,
    },
    records: [],
  })
})

test('[C1] a body is the first record, and with closure the only one', () => {
  const birth = decideCreate(undefined, command({ body: utf8('abc'), closed: true }), now)
  expect(birth).toMatchObject({ state: { start: 0, tail: 3, closed: true }, records: [utf8('abc')] })
})

test('[C2] the same again is there already, whatever the body says', () => {
  const existing = streamState()
  for (const body of ['', 'abc', '{']) {
    expect(decideCreate(existing, command({ body: utf8(body) }), now)).toEqual({
      kind: 'exists',
      state: existing,
    })
  }
})

test('[C2] a fork is not what is asked for without a source', () => {
  const fork = forkOf(streamState(), 4)
  expect(decideCreate(fork, command({ config: fork.config }), now)).toEqual({ kind: 'mismatch', state: fork })
})

test.each([
  [false, false, 'exists'],
  [true, true, 'exists'],
  [true, false, 'mismatch'],
  [false, true, 'mismatch'],
])('[C3] a stream that is closed=%s, asked for as closed=%s: %s', (is, asked, kind) => {
  const existing = streamState({ closed: is })
  expect(decideCreate(existing, command({ closed: asked }), now)).toEqual({ kind, state: existing })
})

test.each([
  ['text/plain', 'TEXT/PLAIN', 'exists'],
  ['text/plain', 'text/plain; charset=utf-8', 'exists'],
  ['text/plain;charset=latin1', 'text/plain', 'exists'],
  ['text/plain', 'text/html', 'mismatch'],
])('[C4] a stream of %s, asked for as %s: %s', (is, asked, kind) => {
  const existing = streamState({ config: { contentType: is } })
  expect(decideCreate(existing, command({ config: { contentType: asked } }), now)).toMatchObject({ kind })
})

test.each([
  [{ ttlSeconds: 60 }, { ttlSeconds: 60 }, 'exists'],
  [{ ttlSeconds: 60 }, { ttlSeconds: 61 }, 'mismatch'],
  [{ ttlSeconds: 0 }, {}, 'mismatch'],
  [{ ttlSeconds: 60 }, {}, 'mismatch'],
  [{}, { ttlSeconds: 60 }, 'mismatch'],
  [{ expiresAt: 5 }, { expiresAt: 5 }, 'exists'],
  [{ expiresAt: 5 }, { expiresAt: 6 }, 'mismatch'],
  [{ expiresAt: 5 }, { ttlSeconds: 5 }, 'mismatch'],
])('[C5] a stream with the lifetime %j, asked for with %j: %s', (is, asked, kind) => {
  const contentType = ContentType.binary
  // How far a sliding deadline has moved says nothing about what was asked for.
  const existing = streamState({ config: { contentType, ...is }, deadline: 123 })
  expect(decideCreate(existing, command({ config: { contentType, ...asked } }), now)).toMatchObject({ kind })
})

test.each([
  ['[]', 0, undefined],
  [' [ ] ', 0, undefined],
  ['', 0, undefined],
  ['[1,[2]]', 5, '1,[2]'],
  ['{"a":1}', 7, '{"a":1}'],
])('[C6] the JSON body %j makes a stream of %i bytes', (body, tail, record) => {
  const json = command({ config: { contentType: ContentType.json }, body: utf8(body) })
  const birth = decideCreate(undefined, json, now)
  expect(birth).toMatchObject({ state: { tail } })
  expect('records' in birth ? text(birth.records[0]) : undefined).toBe(record ?? '')
})

test('[C6] a body that is not JSON makes no JSON stream', () => {
  const json = command({ config: { contentType: ContentType.json }, body: utf8('{') })
  expect(decideCreate(undefined, json, now)).toMatchObject({ kind: 'badBody' })
})

test('[C7] the deadline is the one the configuration gives now', () => {
  const contentType = ContentType.binary
  const deadlineOf = (config: Partial<CreateCommand['config']>) =>
    decideCreate(undefined, command({ config: { contentType, ...config } }), now)
  expect(deadlineOf({ ttlSeconds: 2 })).toMatchObject({ state: { deadline: now + 2_000 } })
  expect(deadlineOf({ ttlSeconds: 0 })).toMatchObject({ state: { deadline: now } })
  expect(deadlineOf({ expiresAt: 3 })).toMatchObject({ state: { deadline: 3 } })
})
