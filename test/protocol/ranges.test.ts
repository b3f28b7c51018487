import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Range, Ranges } from '../../protocol/index.ts'
import { seed } from '../seeded.ts'
import { check } from './property.ts'
import { listed } from './vectors.ts'

const of = (...list: readonly (readonly [number, number, number])[]): Ranges => {
  const ranges = new Ranges()
  for (const [client, clock, length] of list) ranges.add(client, clock, length)
  return ranges
}

/** The same set the slow way: one string per clock. */
const clocks = (list: Iterable<Range>): Set<string> => {
  const set = new Set<string>()
  for (const { client, clock, length } of list) {
    for (let at = clock; at < clock + length; at++) set.add(`${client}:${at}`)
  }
  return set
}

const range = fc.record({ client: fc.constantFrom(3, 1, 2 ** 32 - 1), clock: fc.nat(60), length: fc.nat(6) })
const few = fc.array(range, { maxLength: 6 })
const many = fc.array(range, { minLength: 20, maxLength: 60, size: 'max' })
const list = fc.oneof(few, many)

const filled = (ranges: readonly Range[]) =>
  of(...ranges.map(({ client, clock, length }) => [client, clock, length] as const))

/** Sorted, and neither overlapping nor touching. */
const expectTidy = (ranges: Ranges) => {
  const all = [...ranges]
  for (const [index, { client, clock, length }] of all.entries()) {
    const before = all[index - 1]
    expect(length).toBeGreaterThan(0)
    if (!before) continue
    expect(before.client).toBeLessThanOrEqual(client)
    if (before.client === client) expect(before.clock + before.length).toBeLessThan(clock)
  }
}

describe('ranges', () => {
  test('a new set is empty', () => {
    const ranges = new Ranges()
    expect(ranges.isEmpty).toBe(true)
    expect(listed(ranges)).toEqual([])
    expect(ranges.clients()).toEqual([])
    expect(ranges.contiguous(1)).toBe(0)
    expect(ranges.covers(1, 0, 1)).toBe(false)
  })

  test.each<[string, [number, number, number][], number[][]]>([
    [
      'at the end, touching',
      [
        [1, 0, 2],
        [1, 2, 3],
      ],
      [[1, 0, 5]],
    ],
    [
      'at the end, apart',
      [
        [1, 0, 2],
        [1, 3, 1],
      ],
      [
        [1, 0, 2],
        [1, 3, 1],
      ],
    ],
    [
      'in front, touching',
      [
        [1, 4, 2],
        [1, 2, 2],
      ],
      [[1, 2, 4]],
    ],
    [
      'in front, apart',
      [
        [1, 4, 2],
        [1, 0, 1],
      ],
      [
        [1, 0, 1],
        [1, 4, 2],
      ],
    ],
    [
      'between two, apart',
      [
        [1, 0, 1],
        [1, 8, 1],
        [1, 4, 1],
      ],
      [
        [1, 0, 1],
        [1, 4, 1],
        [1, 8, 1],
      ],
    ],
    [
      'between two, joining them',
      [
        [1, 0, 2],
        [1, 4, 2],
        [1, 2, 2],
      ],
      [[1, 0, 6]],
    ],
    [
      'over several',
      [
        [1, 1, 1],
        [1, 3, 1],
        [1, 5, 1],
        [1, 9, 1],
        [1, 2, 5],
      ],
      [
        [1, 1, 6],
        [1, 9, 1],
      ],
    ],
    [
      'inside another',
      [
        [1, 0, 9],
        [1, 3, 2],
      ],
      [[1, 0, 9]],
    ],
    [
      'across the end',
      [
        [1, 0, 3],
        [1, 2, 3],
      ],
      [[1, 0, 5]],
    ],
    [
      'of no length',
      [
        [1, 0, 2],
        [1, 7, 0],
      ],
      [[1, 0, 2]],
    ],
    [
      'of another client',
      [
        [2, 0, 1],
        [1, 0, 1],
      ],
      [
        [1, 0, 1],
        [2, 0, 1],
      ],
    ],
  ])('a range is joined with its neighbours: %s', (_, added, expected) => {
    expect(listed(of(...added))).toEqual(expected)
  })

  test.each([
    [-1, 1],
    [0, -1],
    [Number.MAX_SAFE_INTEGER, 1],
    [0, Number.POSITIVE_INFINITY],
    [Number.NaN, 1],
    [0, Number.NaN],
  ])('a range from %s of length %s is refused', (clock, length) => {
    const ranges = new Ranges()
    expect(() => ranges.add(1, clock, length)).toThrow(RangeError)
    expect(ranges.isEmpty).toBe(true)
  })

  test('the run that begins at clock 0 is the state of a client', () => {
    const ranges = of([1, 0, 4], [1, 6, 2], [2, 1, 5])
    expect(ranges.contiguous(1)).toBe(4)
    expect(ranges.contiguous(2)).toBe(0)
    ranges.add(1, 4, 2)
    expect(ranges.contiguous(1)).toBe(8)
  })

  test('the largest clock there is can be held', () => {
    const ranges = of([1, Number.MAX_SAFE_INTEGER - 1, 1])
    expect(ranges.covers(1, Number.MAX_SAFE_INTEGER - 1, 1)).toBe(true)
  })

  test('a clone does not change with its original, nor the other way round', () => {
    const original = of([1, 0, 1])
    const copy = original.clone()
    original.add(1, 5, 1)
    copy.add(2, 0, 1)
    expect(listed(original)).toEqual([
      [1, 0, 1],
      [1, 5, 1],
    ])
    expect(listed(copy)).toEqual([
      [1, 0, 1],
      [2, 0, 1],
    ])
  })

  test('a set that took all of another does not change with it', () => {
    const source = of([1, 0, 1])
    const target = new Ranges()
    target.addAll(source)
    const missing = new Ranges().missingFrom(source)
    source.add(1, 1, 1)
    expect(listed(target)).toEqual([[1, 0, 1]])
    expect(listed(missing)).toEqual([[1, 0, 1]])
  })

  test(`a set holds what was added and nothing else, in order and tidy (seed ${seed})`, () => {
    check(
      fc.property(list, added => {
        const ranges = filled(added)
        expect(clocks(ranges)).toEqual(clocks(added))
        expect(ranges.isEmpty).toBe(clocks(added).size === 0)
        expect([...ranges].flatMap(({ client }) => client)).toEqual(
          ranges.clients().flatMap(client => ranges.of(client).map(() => client)),
        )
        expectTidy(ranges)
      }),
      500,
    )
  })

  test(`adding all of another set is the union (seed ${seed})`, () => {
    check(
      fc.property(list, list, (ours, theirs) => {
        const ranges = filled(ours)
        ranges.addAll(filled(theirs))
        expect(clocks(ranges)).toEqual(clocks([...ours, ...theirs]))
        expectTidy(ranges)
      }),
      500,
    )
  })

  test(`what is missing from another set is the difference (seed ${seed})`, () => {
    check(
      fc.property(list, list, (ours, theirs) => {
        const held = clocks(ours)
        const missing = filled(ours).missingFrom(filled(theirs))
        expect(clocks(missing)).toEqual(new Set([...clocks(theirs)].filter(clock => !held.has(clock))))
        expectTidy(missing)
      }),
      500,
    )
  })

  test(`a range is covered when every clock of it is held (seed ${seed})`, () => {
    check(
      fc.property(list, range, (added, asked) => {
        const held = clocks(added)
        const all = [...clocks([asked])].every(clock => held.has(clock))
        expect(filled(added).covers(asked.client, asked.clock, asked.length)).toBe(all)
      }),
      1_000,
    )
  })
})
