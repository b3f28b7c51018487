import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatOffset, parseOffset } from '../../protocol/index.ts'
import { locate } from '../../server/rules/locate.ts'
import { forkOf, streamState } from './states.ts'

const whole = streamState() // generation 7, bytes 0 to 10
const trimmed = streamState({ start: 4 })
const token = (position: number, generation = 7) => formatOffset({ generation, position })

test.each([
  ['[O1] no offset is the beginning', undefined, 0],
  ['[O1] -1 is the beginning', '-1', 0],
  ['[O1] the zero token is the beginning', token(0, 0), 0],
  ['[O2] now is the tail', 'now', 10],
  ['[O6] the first token is the beginning', token(0), 0],
  ['[O6] a token in between is its position', token(4), 4],
  ['[O6] the tail is a place', token(10), 10],
])('%s', (_name, offset, position) => {
  expect(locate(whole, offset)).toEqual({ kind: 'at', position })
})

test('[O1] the beginning of a stream whose beginning is not kept is gone', () => {
  for (const offset of [undefined, '-1', token(0, 0)]) {
    expect(locate(trimmed, offset)).toEqual({ kind: 'gone', reason: 'trimmed' })
  }
})

test.each([
  ['', 'an empty one'],
  ['0', 'a bare number'],
  ['-2', 'a negative number'],
  ['NOW', 'a sentinel in capitals'],
  ['snapshot', 'the sentinel of documents'],
  [`${token(4)}_snapshot`, 'the name of a snapshot'],
  [`${token(4)}\n`, 'a line break behind a token'],
  [` ${token(4)}`, 'a space before a token'],
  [`${token(4)},${token(5)}`, 'two tokens'],
  [token(4).slice(1), 'a digit too few'],
  [`0${token(4)}`, 'a digit too many'],
  [token(4).replace('_', '-'), 'another divider'],
  ['0000000000000007_00000000000000٤0', 'digits of another script'],
  ['../0000000000000004', 'a path'],
  ['\0', 'NUL'],
  [`9007199254740993_${'0'.repeat(16)}`, 'a number above 2^53 - 1'],
  ['x'.repeat(100_000), 'a very long one'],
])('[O3] %j is no offset: %s', offset => {
  expect(locate(whole, offset)).toEqual({ kind: 'malformed' })
})

test('[O4] a token of an earlier life of the path is gone, wherever it points', () => {
  for (const position of [0, 4, 10, 99]) {
    expect(locate(whole, token(position, 6))).toEqual({ kind: 'gone', reason: 'recreated' })
  }
})

test.each([
  ['after the tail', token(11)],
  ['far after the tail', token(2 ** 53 - 1)],
  ['of a life this path did not have yet', token(0, 8)],
])('[O5] a place %s is beyond', (_what, offset) => {
  expect(locate(whole, offset)).toEqual({ kind: 'beyond' })
})

test('[O7] of a trimmed stream the places before its start are gone, the start and those after are there', () => {
  expect(locate(trimmed, token(3))).toEqual({ kind: 'gone', reason: 'trimmed' })
  expect(locate(trimmed, token(4))).toEqual({ kind: 'at', position: 4 })
  expect(locate(trimmed, token(10))).toEqual({ kind: 'at', position: 10 })
})

const child = forkOf(streamState({ tail: 10 }), 6, { generation: 9, tail: 9 })
const grandchild = forkOf(child, 8, { generation: 12, tail: 12 })

test.each([
  [token(0), 0],
  [token(6), 6],
  [token(7, 9), 7],
  [token(8, 9), 8],
  [token(9, 12), 9],
  [token(12, 12), 12],
])('[O6] [O8] of a fork of a fork the token %s is position %i', (offset, position) => {
  expect(locate(grandchild, offset)).toEqual({ kind: 'at', position })
})

test.each([
  ['its own where the source has one', token(8, 12)],
  ['its own before its fork point', token(3, 12)],
  ['that of a source before its fork point', token(6, 9)],
  ['its own at the beginning', token(0, 12)],
])('[O8] a place of a fork has one token: not %s', (_what, offset) => {
  expect(locate(grandchild, offset)).toEqual({ kind: 'malformed' })
})

test.each([
  ['of the first source', token(7)],
  ['of the first source, which it has', token(10)],
  ['of the direct source, which it has', token(9, 9)],
])('[O9] a token %s past the place where it was left is beyond', (_what, offset) => {
  expect(locate(grandchild, offset)).toEqual({ kind: 'beyond' })
})

test('[O9] of a source that nothing is inherited from every token but the fork point is beyond', () => {
  const empty = forkOf(streamState(), 0, { generation: 9, tail: 3 })
  expect(locate(empty, token(0))).toEqual({ kind: 'at', position: 0 })
  expect(locate(empty, token(3))).toEqual({ kind: 'beyond' })
  expect(locate(empty, token(3, 9))).toEqual({ kind: 'at', position: 3 })
  const copy = forkOf(child, 6, { generation: 13, tail: 6 })
  expect(locate(copy, token(7, 9))).toEqual({ kind: 'beyond' })
})

test('[O4] of a fork a token that neither it nor a source has is of an earlier life', () => {
  for (const generation of [6, 8, 10, 11]) {
    expect(locate(grandchild, token(3, generation))).toEqual({ kind: 'gone', reason: 'recreated' })
  }
  expect(locate(grandchild, token(3, 13))).toEqual({ kind: 'beyond' })
})

test('[O7] of a fork of a trimmed stream the places before its start are gone', () => {
  const fork = forkOf(trimmed, 6, { generation: 9 })
  expect(locate(fork, token(3))).toEqual({ kind: 'gone', reason: 'trimmed' })
  expect(locate(fork, token(4))).toEqual({ kind: 'at', position: 4 })
  expect(locate(fork, '-1')).toEqual({ kind: 'gone', reason: 'trimmed' })
})

test('[O3] [O6] every text is answered, and only tokens of ours are places', () => {
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.stringMatching(/^[0-9_]{30,36}$/),
    fc.tuple(fc.nat(), fc.nat()).map(([generation, position]) => formatOffset({ generation, position })),
  )
  fc.assert(
    fc.property(texts, offset => {
      const found = locate(whole, offset)
      if (found.kind === 'at' && offset !== '-1' && offset !== 'now' && offset !== token(0, 0)) {
        expect(parseOffset(offset)).toEqual({ generation: 7, position: found.position })
      }
      if (found.kind === 'malformed') expect(parseOffset(offset)).toBeUndefined()
    }),
  )
})
