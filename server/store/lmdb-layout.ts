import { crc32 } from 'node:zlib'
import type { State } from './change.ts'
import { StoreFailure } from './failure.ts'
import type { Position } from './store.ts'

/**
 * How a store lies in LMDB: keys that sort as bytes, and values behind a checksum. Numbers are 64 bits, most significant
 * byte first. Every value begins with the CRC-32 of its key and of what follows, so that a value under the wrong key is
 * noticed too.
 *
 * | table   | key                | value                                               |
 * |---------|--------------------|-----------------------------------------------------|
 * | meta    | word               | number                                              |
 * | names   | name               | generation, version, start, tail, due (double), head |
 * | records | generation, position | bytes of one record                               |
 * | cells   | generation, name   | bytes of one cell                                   |
 * | due     | due (sortable), name | nothing                                           |
 * | garbage | generation         | end of the records to forget, 1 when the cells too  |
 */

const numberBytes = 8
const half = 2 ** 32

const putNumber = (target: Buffer, value: number, at: number): void => {
  target.writeUInt32BE(Math.floor(value / half), at)
  target.writeUInt32BE(value % half, at + 4)
}

const getNumber = (source: Buffer, at: number): number =>
  source.readUInt32BE(at) * half + source.readUInt32BE(at + 4)

export const numberKey = (value: number): Buffer => {
  const key = Buffer.allocUnsafe(numberBytes)
  putNumber(key, value, 0)
  return key
}

export const readNumber = (key: Buffer): number => getNumber(key, 0)

export const recordKey = (generation: number, position: Position): Buffer => {
  const key = Buffer.allocUnsafe(2 * numberBytes)
  putNumber(key, generation, 0)
  putNumber(key, position, numberBytes)
  return key
}

export const readPosition = (recordKey: Buffer): Position => getNumber(recordKey, numberBytes)

export const cellKey = (generation: number, cell: Buffer): Buffer =>
  Buffer.concat([numberKey(generation), cell])

/** Doubles whose bytes sort as they do: the sign bit flipped, for negative ones every bit. */
export const dueKey = (due: number, name: Uint8Array): Buffer => {
  const key = Buffer.allocUnsafe(numberBytes + name.byteLength)
  key.writeDoubleBE(due + 0, 0) // -0 becomes 0
  const flip = due < 0 ? 0xff : 0
  for (let at = 0; at < numberBytes; at++) key[at] = (key[at] ?? 0) ^ flip
  if (due >= 0) key[0] = (key[0] ?? 0) ^ 0x80
  key.set(name, numberBytes)
  return key
}

export const readDueName = (dueKey: Buffer): string => dueKey.toString('utf8', numberBytes)

/** The least key after all those that begin with `prefix`, or undefined when there is none. */
export const endOf = (prefix: Buffer): Buffer | undefined => {
  const last = prefix.findLastIndex(byte => byte < 0xff)
  if (last < 0) return undefined
  const end = Buffer.from(prefix.subarray(0, last + 1))
  end[last] = (end[last] ?? 0) + 1
  return end
}

const crcBytes = 4

/** A value for `key`: its checksum, then room for `size` bytes that `fill` writes, from the offset it is given. */
const seal = (key: Buffer, size: number, fill: (value: Buffer, at: number) => void): Buffer => {
  const value = Buffer.allocUnsafe(crcBytes + size)
  fill(value, crcBytes)
  value.writeUInt32BE(crc32(value.subarray(crcBytes), crc32(key)), 0)
  return value
}

/** What was sealed. @throws StoreFailure `damaged`, naming what it was by `what` */
const unseal = (key: Buffer, value: Buffer, what: () => string): Buffer => {
  const bytes = value.subarray(crcBytes)
  if (value.byteLength < crcBytes || value.readUInt32BE(0) !== crc32(bytes, crc32(key))) {
    throw new StoreFailure('damaged', `${what()} does not match its checksum`)
  }
  return bytes
}

/** How many bytes were sealed in a value, without looking at them. */
export const sealedBytes = (value: Buffer): number => value.byteLength - crcBytes

export const sealBytes = (key: Buffer, bytes: Uint8Array): Buffer =>
  seal(key, bytes.byteLength, (value, at) => value.set(bytes, at))

export const unsealRecord = (key: Buffer, value: Buffer): Buffer =>
  unseal(key, value, () => `the record at ${getNumber(key, 0)}/${readPosition(key)}`)

export const unsealCell = (key: Buffer, value: Buffer): Buffer =>
  unseal(key, value, () => `a cell of generation ${getNumber(key, 0)}`)

export const sealNumber = (key: Buffer, number: number): Buffer =>
  seal(key, numberBytes, (value, at) => putNumber(value, number, at))

export const unsealNumber = (key: Buffer, value: Buffer): number =>
  getNumber(
    unseal(key, value, () => `the number under ${key.toString()}`),
    0,
  )

const stateBytes = 5 * numberBytes

/** What the `names` table holds. */
export interface Named extends State {
  readonly head: Uint8Array
}

export const sealNamed = (key: Buffer, { revision, start, tail, due }: State, head: Uint8Array): Buffer =>
  seal(key, stateBytes + head.byteLength, (value, at) => {
    putNumber(value, revision.generation, at)
    putNumber(value, revision.version, at + 8)
    putNumber(value, start, at + 16)
    putNumber(value, tail, at + 24)
    value.writeDoubleBE(due ?? Number.NaN, at + 32)
    value.set(head, at + stateBytes)
  })

export const unsealNamed = (key: Buffer, value: Buffer): Named => {
  const generation = () => (value.byteLength < crcBytes + numberBytes ? '?' : getNumber(value, crcBytes))
  const bytes = unseal(key, value, () => `the head of generation ${generation()}`)
  const due = bytes.readDoubleBE(32)
  return {
    revision: { generation: getNumber(bytes, 0), version: getNumber(bytes, 8) },
    start: getNumber(bytes, 16),
    tail: getNumber(bytes, 24),
    due: Number.isNaN(due) ? null : due,
    head: bytes.subarray(stateBytes),
  }
}

/** What no reader may see any more and `reclaim` takes away. */
export interface Garbage {
  /** Records before this position: all there are when the incarnation is gone. */
  readonly until: Position
  /** Whether the cells are garbage too, because the incarnation is gone. */
  readonly gone: boolean
}

export const sealGarbage = (key: Buffer, { until, gone }: Garbage): Buffer =>
  seal(key, numberBytes + 1, (value, at) => {
    putNumber(value, until, at)
    value.writeUInt8(gone ? 1 : 0, at + numberBytes)
  })

export const unsealGarbage = (key: Buffer, value: Buffer): Garbage => {
  const bytes = unseal(key, value, () => `the garbage entry of generation ${getNumber(key, 0)}`)
  return { until: getNumber(bytes, 0), gone: bytes.readUInt8(numberBytes) === 1 }
}
