import * as encoding from 'lib0/encoding'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import {
  readUpdate,
  snapshotLimits,
  UpdateError,
  type UpdateLimits,
  updateLimits,
} from '../../protocol/index.ts'
import {
  any,
  embed,
  format,
  garbage,
  json,
  nestedAny,
  nestedJson,
  type Struct,
  subdocument,
  text,
  update,
} from './handmade.ts'

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i))
const anyBytes = (value: unknown): Uint8Array =>
  encoding.encode(encoder => encoding.writeAny(encoder, value as Parameters<typeof encoding.writeAny>[1]))

/** An update with exactly `count` of what a limit counts. */
const sized: [keyof UpdateLimits, string, (count: number) => Uint8Array][] = [
  ['structs', 'in one client', count => update([{ client: 1, structs: times(count, () => garbage(1)) }])],
  [
    'structs',
    'over two clients',
    count =>
      update([
        { client: 2, structs: times(count - 2, () => garbage(1)) },
        { client: 1, structs: times(2, () => garbage(1)) },
      ]),
  ],
  [
    'clients',
    'with structs',
    count => update(times(count, i => ({ client: 99 - i, structs: [garbage(1)] }))),
  ],
  [
    'clients',
    'with deletions',
    count =>
      update(
        [],
        times(count, i => [99 - i, [0, 1]] as const),
      ),
  ],
  ['deleteRanges', 'of one client', count => update([], [[1, ...times(count, i => [2 * i, 1] as const)]])],
  [
    'deleteRanges',
    'over two clients',
    count =>
      update(
        [],
        [
          [2, ...times(count - 2, i => [2 * i, 1] as const)],
          [1, [0, 1], [2, 1]],
        ],
      ),
  ],
  [
    'rootNames',
    'each named twice',
    count => update([{ client: 1, structs: times(2 * count, i => text('x', `root ${i >> 1}`)) }]),
  ],
  [
    'subdocuments',
    'in one client',
    count => update([{ client: 1, structs: times(count, () => subdocument(anyBytes({}))) }]),
  ],
  ['nesting', 'of lists', count => update([{ client: 1, structs: [any(nestedAny(count, false))] }])],
  ['nesting', 'of objects', count => update([{ client: 1, structs: [any(nestedAny(count, true))] }])],
  ['nesting', 'of JSON lists', count => update([{ client: 1, structs: [embed(nestedJson(count, false))] }])],
  [
    'nesting',
    'of JSON objects',
    count => update([{ client: 1, structs: [format(nestedJson(count, true))] }]),
  ],
  [
    'nesting',
    'of old JSON',
    count => update([{ client: 1, structs: [json('1', nestedJson(count, false))] }]),
  ],
  [
    'nesting',
    'of options of a subdocument',
    count => update([{ client: 1, structs: [subdocument(nestedAny(count, true))] }]),
  ],
  ['clock', 'of garbage', count => update([{ client: 1, structs: [garbage(count - 1), garbage(1)] }])],
  ['clock', 'of text', count => update([{ client: 1, clock: count - 4, structs: [text('fo😀')] }])],
  ['clock', 'of a deletion', count => update([], [[1, [count - 2, 2]]])],
]

const accepted = (bytes: Uint8Array, limits: UpdateLimits): boolean => {
  try {
    readUpdate(bytes, limits)
    return true
  } catch (error) {
    expect(error).toBeInstanceOf(UpdateError)
    return false
  }
}

describe('limits of an update', () => {
  test.each(sized)('%s %s: one below and at the limit are read, one above is refused', (limit, _, make) => {
    const limits = { ...updateLimits, [limit]: 7 }
    expect([6, 7, 8].map(count => accepted(make(count), limits))).toEqual([true, true, false])
    expect(accepted(make(8), { ...snapshotLimits, [limit]: 8 })).toBe(true)
  })

  test('every limit has its case above', () => {
    expect([...new Set(sized.map(([limit]) => limit))].sort()).toEqual(Object.keys(updateLimits).sort())
  })

  test.each(sized.filter(([limit]) => limit === 'nesting'))(
    '%s %s as deep as allowed is read, kept and written again by Yjs',
    (_, __, make) => {
      const doc = new Y.Doc()
      Y.applyUpdate(doc, make(updateLimits.nesting))
      expect(() => readUpdate(Y.encodeStateAsUpdate(doc))).not.toThrow()
      expect(accepted(make(updateLimits.nesting + 1), updateLimits)).toBe(false)
    },
  )

  test.each(sized.filter(([limit]) => limit === 'nesting'))(
    '%s %s 100,000 deep is refused and overflows no stack',
    (_, __, make) => {
      expect(accepted(make(100_000), updateLimits)).toBe(false)
      expect(accepted(make(100_000), snapshotLimits)).toBe(false)
      expect(accepted(make(100_000), { ...updateLimits, nesting: 100_000 })).toBe(true)
    },
  )

  test('brackets inside JSON strings nest nothing', () => {
    const quoted = JSON.stringify(['['.repeat(2_000), '\\"{['.repeat(2_000), { '[[[': '"' }])
    const structs: Struct[] = [embed(quoted), format(quoted), json(quoted, 'undefined')]
    expect(accepted(update([{ client: 1, structs }]), updateLimits)).toBe(true)
  })

  test('a wide value is not a deep one', () => {
    const wide = times(5_000, () => [{ a: [] }])
    const structs = [any(anyBytes(wide)), embed(JSON.stringify(wide))]
    expect(accepted(update([{ client: 1, structs }]), updateLimits)).toBe(true)
  })

  test('a claimed count is refused before anything is counted, whatever the limits', () => {
    for (const count of [5, 1_000, 2 ** 31, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
      const claim = (before: readonly number[]) =>
        encoding.encode(encoder => {
          for (const number of [...before, count]) encoding.writeVarUint(encoder, number)
          for (const number of [1, 0, 0, 1]) encoding.writeVarUint(encoder, number)
        })
      for (const before of [[], [1], [0], [0, 1, 1]])
        expect(accepted(claim(before), snapshotLimits)).toBe(false)
    }
  })
})
