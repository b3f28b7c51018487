import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import {
  causalGap,
  encodeDeletes,
  isEmptyUpdate,
  Ranges,
  readUpdate,
  trimUpdate,
  UpdateError,
} from '../../protocol/index.ts'
import { fromHex, listed, toHex, vectors } from './vectors.ts'

interface Whole {
  readonly name: string
  readonly made: string
  readonly hex: string
  readonly structs: number[][]
  readonly deletes: number[][]
  readonly erased: number[][]
  readonly requires: number[][]
  readonly structsEnd: number
  readonly structCount: number
}
interface Broken {
  readonly name: string
  readonly hex: string
  readonly reason: string
  readonly yjs: 'throws' | 'reads'
}
const { whole, broken } = vectors<{ whole: Whole[]; broken: Broken[] }>('updates')

const named = (name: string): Uint8Array => {
  const vector = whole.find(each => each.name === name)
  if (!vector) throw new Error(`no vector ${name}`)
  return fromHex(vector.hex)
}

const refusal = (bytes: Uint8Array): UpdateError => {
  try {
    readUpdate(bytes)
  } catch (error) {
    if (error instanceof UpdateError) return error
    throw error
  }
  throw new Error(`accepted ${toHex(bytes)}`)
}

describe('readUpdate', () => {
  test.each(whole)('what Yjs decodes from an update is what its summary says: $name', vector => {
    const summary = readUpdate(fromHex(vector.hex))
    expect(listed(summary.structs)).toEqual(vector.structs)
    expect(listed(summary.deletes)).toEqual(vector.deletes)
    expect(listed(summary.erased)).toEqual(vector.erased)
    expect([...summary.requires].sort(([a], [b]) => a - b)).toEqual(vector.requires)
    expect(summary.structsEnd).toBe(vector.structsEnd)
    expect(summary.structCount).toBe(vector.structCount)
  })

  test.each(whole)('an update cut anywhere is refused: $name', ({ hex }) => {
    const bytes = fromHex(hex)
    for (let cut = 0; cut < bytes.length; cut++) refusal(bytes.slice(0, cut))
  })

  test.each(whole)('an update with anything behind it is refused: $name', ({ hex }) => {
    for (const more of ['00', '0000', '01', hex]) {
      expect(refusal(fromHex(hex + more)).reason).toContain('after the end of the update')
    }
  })

  test.each(whole)('an update that is a view into other bytes is read alone: $name', ({ hex }) => {
    const padded = fromHex(`ffff${hex}ffff`)
    expect(readUpdate(padded.subarray(2, -2))).toEqual(readUpdate(fromHex(hex)))
  })

  test.each(broken)('bytes that are no update are refused for the right reason: $name', ({ hex, reason }) => {
    const error = refusal(fromHex(hex))
    expect(error.reason).toContain(reason)
    expect(error.at).toBeLessThanOrEqual(hex.length / 2)
    expect(error.message).toBe(`${error.reason} (byte ${error.at})`)
  })

  test.each(broken)('what Yjs makes of refused bytes is what the vector says: $name', ({ hex, yjs }) => {
    const apply = () => Y.applyUpdate(new Y.Doc(), fromHex(hex))
    if (yjs === 'throws') expect(apply).toThrow()
    else expect(apply).not.toThrow()
  })

  test('a refusal keeps what caused it', () => {
    const vector = broken.find(({ reason }) => reason === 'not JSON')
    expect(refusal(fromHex(vector?.hex ?? '')).cause).toBeInstanceOf(SyntaxError)
  })
})

describe('isEmptyUpdate', () => {
  test.each([
    ['nothing', true],
    ['a client with no structs', true],
    ['a deletion alone', false],
    ['the first keystrokes', false],
    ['garbage up to clock 2^53 - 1', false],
  ])('whether an update changes anything: %s', (name, empty) => {
    expect(isEmptyUpdate(readUpdate(named(name)))).toBe(empty)
  })

  test('an update that only skips changes nothing', () => {
    expect(isEmptyUpdate(readUpdate(fromHex('010101000a0500')))).toBe(true)
  })
})

describe('encodeDeletes and trimUpdate', () => {
  test.each(whole.filter(({ made }) => !made.startsWith('by hand')))(
    'the deletions of an update encode to the bytes Yjs wrote: $name',
    ({ hex, structsEnd }) => {
      const { deletes } = readUpdate(fromHex(hex))
      expect(toHex(encodeDeletes(deletes))).toBe(hex.slice(2 * structsEnd))
    },
  )

  test('deletions are written with clients descending and clocks ascending', () => {
    const deletes = new Ranges()
    for (const [client, clock, length] of [
      [3, 9, 1],
      [200, 0, 300],
      [3, 1, 2],
    ] as const) {
      deletes.add(client, clock, length)
    }
    expect(toHex(encodeDeletes(deletes))).toBe('02c8010100ac02030201020901')
  })

  test('a trimmed update has the structs it had and the deletions it was given', () => {
    const bytes = named('overwritten map keys and collected garbage')
    const summary = readUpdate(bytes)
    const kept = new Ranges()
    kept.add(11, 0, 1)
    const trimmed = readUpdate(trimUpdate(bytes, summary, kept))
    expect(listed(trimmed.structs)).toEqual(listed(summary.structs))
    expect(listed(trimmed.deletes)).toEqual([[11, 0, 1]])
    expect(toHex(trimUpdate(bytes, summary, summary.deletes))).toBe(toHex(bytes))
  })

  test('a trimmed update shares no bytes with its original', () => {
    const bytes = named('the first keystrokes')
    expect(trimUpdate(bytes, readUpdate(bytes), new Ranges()).buffer).not.toBe(bytes.buffer)
  })
})

describe('causalGap', () => {
  const gap = (name: string, state: Record<number, number>) =>
    listed(causalGap(readUpdate(named(name)), client => state[client] ?? 0))

  test('a first update fits an empty document', () => {
    expect(gap('the first keystrokes', {})).toEqual([])
  })

  test('an update that starts past what the document holds lacks what lies between', () => {
    expect(gap('a keystroke after others', {})).toEqual([[1, 0, 2]])
    expect(gap('a keystroke after others', { 1: 1 })).toEqual([[1, 1, 1]])
    expect(gap('a keystroke after others', { 1: 2 })).toEqual([])
    expect(gap('a keystroke after others', { 1: 9 })).toEqual([])
  })

  test('a deletion lacks the content it deletes', () => {
    expect(gap('a deletion alone', {})).toEqual([[1, 0, 2]])
    expect(gap('a deletion alone', { 1: 2 })).toEqual([])
  })

  test('an update that refers to somebody else lacks all of theirs up to there', () => {
    expect(gap('an insertion between two characters of somebody else', {})).toEqual([[20, 0, 2]])
    expect(gap('an insertion between two characters of somebody else', { 20: 1 })).toEqual([[20, 1, 1]])
    expect(gap('an insertion between two characters of somebody else', { 20: 2 })).toEqual([])
  })

  test('what the update brings itself is not lacking', () => {
    expect(gap('two clients that refer to each other', {})).toEqual([])
    expect(gap('a map with every kind of any value', {})).toEqual([])
  })

  test('what a merge skips is lacking, and only that', () => {
    expect(gap('a merge with two gaps', {})).toEqual([
      [30, 1, 1],
      [30, 3, 2],
    ])
    expect(gap('a merge with two gaps', { 30: 3 })).toEqual([[30, 3, 2]])
    expect(gap('a merge with two gaps', { 30: 5 })).toEqual([])
  })
})
