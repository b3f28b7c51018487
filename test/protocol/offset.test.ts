import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  formatOffset,
  namesSnapshot,
  type Place,
  parseOffset,
  parseSnapshotOffset,
  snapshotOffset,
} from '../../protocol/index.ts'
import { seed } from '../seeded.ts'
import { check } from './property.ts'
import { vectors } from './vectors.ts'

const { minted, refused, refusedSnapshots } = vectors<{
  minted: (Place & { token: string })[]
  refused: string[]
  refusedSnapshots: string[]
}>('offsets')

const number = fc.oneof(fc.nat(20), fc.maxSafeNat(), fc.constant(Number.MAX_SAFE_INTEGER))
const place = fc.record({ generation: number, position: number })

describe('offsets', () => {
  test.each(minted)('a place has one token: $token', ({ generation, position, token }) => {
    expect(formatOffset({ generation, position })).toBe(token)
    expect(parseOffset(token)).toEqual({ generation, position })
  })

  test('tokens in ascending order of place are in ascending order as strings', () => {
    const tokens = minted.map(({ token }) => token)
    expect([...tokens].sort()).toEqual(tokens)
  })

  test.each(refused)('a text that is no token of ours stands for no place: %j', text => {
    expect(parseOffset(text)).toBeUndefined()
  })

  test.each(refusedSnapshots)('a text that names no snapshot of ours stands for no place: %j', text => {
    expect(parseSnapshotOffset(text)).toBeUndefined()
  })

  test('a malformed name of a snapshot is still told from a plain offset', () => {
    expect(namesSnapshot('a_snapshot')).toBe(true)
    expect(namesSnapshot('0000000000000001_0000000000000002')).toBe(false)
    expect(namesSnapshot('snapshot')).toBe(false)
  })

  test(`every place comes back from its token, also as a snapshot's name (seed ${seed})`, () => {
    check(
      fc.property(place, there => {
        const token = formatOffset(there)
        expect(parseOffset(token)).toEqual(there)
        expect(parseSnapshotOffset(token)).toBeUndefined()
        expect(namesSnapshot(snapshotOffset(token))).toBe(true)
        expect(parseSnapshotOffset(snapshotOffset(token))).toEqual(there)
        expect(parseOffset(snapshotOffset(token))).toBeUndefined()
      }),
      500,
    )
  })

  test(`tokens compare as strings the way their places compare (seed ${seed})`, () => {
    check(
      fc.property(place, place, (a, b) => {
        const places = Math.sign(a.generation - b.generation || a.position - b.position)
        const [left, right] = [formatOffset(a), formatOffset(b)]
        expect(left < right ? -1 : left > right ? 1 : 0).toBe(places)
      }),
      500,
    )
  })

  test(`a text is refused unless it is the token of the place it stands for (seed ${seed})`, () => {
    const character = fc.constantFrom(...'0123456789_-+.eE xn\n٣')
    const near = fc.tuple(place, fc.nat(32), fc.option(character, { nil: '' }), fc.nat(2))
    const bent = near.map(([there, at, put, taken]) => {
      const token = formatOffset(there)
      return token.slice(0, at) + put + token.slice(at + taken)
    })
    const text = fc.oneof(bent, fc.string({ unit: character, minLength: 30, maxLength: 36 }), fc.string())
    check(
      fc.property(text, given => {
        const there = parseOffset(given)
        if (there !== undefined) expect(formatOffset(there)).toBe(given)
      }),
      2_000,
    )
  })
})
