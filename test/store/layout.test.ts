import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  dueKey,
  endOf,
  numberKey,
  readDueName,
  readNumber,
  readPosition,
  recordKey,
  sealBytes,
  sealGarbage,
  sealNamed,
  unsealGarbage,
  unsealNamed,
  unsealRecord,
} from '../../server/store/lmdb-layout.ts'
import { byteOrder, nameBytes } from '../../server/store/name.ts'

const position = fc.maxSafeNat()
const order = Math.sign

test('record keys sort by generation, then position, and read back', () => {
  fc.assert(
    fc.property(position, position, position, position, (a, b, c, d) => {
      const compared = Buffer.compare(recordKey(a, b), recordKey(c, d))
      expect(compared).toBe(a === c ? order(b - d) : order(a - c))
      expect([readNumber(recordKey(a, b)), readPosition(recordKey(a, b))]).toEqual([a, b])
      expect(readNumber(numberKey(a))).toBe(a)
    }),
  )
})

test('due keys sort as their numbers, then by name, and read back', () => {
  const due = fc.double({ noNaN: true })
  fc.assert(
    fc.property(due, due, fc.string({ unit: 'grapheme', minLength: 1 }), (a, b, name) => {
      const key = dueKey(a, Buffer.from(name))
      const compared = Buffer.compare(key, dueKey(b, Buffer.from(name)))
      expect(compared).toBe(a === b ? 0 : a < b ? -1 : 1)
      expect(readDueName(key)).toBe(name)
    }),
    { examples: [[0, -0, 'a']] },
  )
})

test('the end of a prefix is above everything that begins with it, and no more', () => {
  expect(endOf(Buffer.from('ab'))).toEqual(Buffer.from('ac'))
  expect(endOf(Buffer.of(1, 0xff, 0xff))).toEqual(Buffer.of(2))
  expect(endOf(Buffer.of(0xff))).toBeUndefined()
  expect(endOf(Buffer.alloc(0))).toBeUndefined()
})

test('byteOrder is the order of the bytes', () => {
  const name = fc.string({ unit: 'binary' })
  fc.assert(
    fc.property(name, name, (a, b) => {
      expect(order(byteOrder(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
    }),
    { examples: [['\u{1f600}', '\u{ffee}']] },
  )
})

test('nameBytes takes 1 to 1,000 bytes of well-formed text', () => {
  expect(nameBytes('é'.repeat(500))).toHaveLength(1_000)
  for (const name of ['', `${'é'.repeat(500)}x`, '\ud83d', 'a\ude00b'])
    expect(() => nameBytes(name)).toThrow(RangeError)
  expect(nameBytes('\u{1f600}')).toHaveLength(4)
})

// Format 1, once and for all: what one version wrote the next must read.
test('the bytes of format 1 are these', () => {
  const key = recordKey(2 ** 40 + 1, 258)
  expect(key.toString('hex')).toBe('00000100000000010000000000000102')
  expect(dueKey(1_700_000_000_000, Buffer.from('a')).toString('hex')).toBe('c278bcfe5680000061')
  // The checksum of '123456789' is CBF43926 by definition of CRC-32; here '12345' is the key.
  expect(sealBytes(Buffer.from('12345'), Buffer.from('6789')).toString('hex')).toBe('cbf4392636373839')
  const state = { revision: { generation: 7, version: 3 }, start: 5, tail: 300, due: 1.5 }
  expect(sealNamed(Buffer.from('name'), state, Buffer.from('head')).subarray(4).toString('hex')).toBe(
    '00000000000000070000000000000003000000000000000500000000000' + '0012c3ff800000000000068656164',
  )
  expect(sealGarbage(numberKey(7), { until: 300, gone: true }).subarray(4).toString('hex')).toBe(
    '000000000000012c01',
  )
})

test('a state reads back as it was written', () => {
  const numbers = fc.record({ generation: position, version: position, start: position, tail: position })
  const due = fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }))
  fc.assert(
    fc.property(numbers, due, fc.uint8Array(), ({ generation, version, start, tail }, due, head) => {
      const key = Buffer.from('name')
      const state = { revision: { generation, version }, start, tail, due }
      const { head: found, ...read } = unsealNamed(key, sealNamed(key, state, head))
      expect(read).toEqual(state)
      expect(Buffer.compare(found, head)).toBe(0)
    }),
  )
})

test('[S14] one changed bit anywhere in a value, or another key, is noticed', () => {
  const key = recordKey(3, 9)
  const value = sealBytes(key, Buffer.from('content'))
  expect(unsealRecord(key, value)).toEqual(Buffer.from('content'))
  for (let bit = 0; bit < value.byteLength * 8; bit++) {
    const changed = Buffer.from(value)
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    expect(() => unsealRecord(key, changed)).toThrow('the record at 3/9 does not match its checksum')
  }
  for (let length = 0; length < value.byteLength; length++) {
    expect(() => unsealRecord(key, value.subarray(0, length))).toThrow('checksum')
    expect(() => unsealNamed(key, value.subarray(0, length))).toThrow('checksum')
    expect(() => unsealGarbage(key, value.subarray(0, length))).toThrow('checksum')
  }
  expect(() => unsealRecord(recordKey(3, 10), value)).toThrow('checksum')
})
