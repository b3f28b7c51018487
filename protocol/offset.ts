import { Sentinel } from './names.ts'

/**
 * A place in a stream as the wire carries it (PROTOCOL 8). Opaque to clients: they carry what a server returned, compare
 * tokens of one stream as strings, and never compute one.
 */
export type Offset = string & { readonly __brand: 'Offset' }

/** What a token of ours stands for: which incarnation of the path, and how many stored bytes lie before it. */
export interface Place {
  readonly generation: number
  readonly position: number
}

const digits = 16 // of 2^53 - 1; fixed, so that tokens sort as strings
const token = /^(\d{16})_(\d{16})$/
const snapshotSuffix = `_${Sentinel.snapshot}`

const padded = (value: number): string => value.toString().padStart(digits, '0')

/** `<generation>_<position>`, both 16 decimal digits. */
export const formatOffset = ({ generation, position }: Place): Offset =>
  `${padded(generation)}_${padded(position)}` as Offset

/** The place a token stands for, or undefined when this server never minted such a token. */
export const parseOffset = (text: string): Place | undefined => {
  const match = token.exec(text)
  if (!match) return undefined
  const place = { generation: Number(match[1]), position: Number(match[2]) }
  return Number.isSafeInteger(place.generation) && Number.isSafeInteger(place.position) ? place : undefined
}

/** YJS 5.2: the offset that names the snapshot of everything before `offset`. */
export const snapshotOffset = (offset: Offset): string => `${offset}${snapshotSuffix}`

/** YJS 6: whether an `offset` parameter names a snapshot (`<offset>_snapshot`), well formed or not. */
export const namesSnapshot = (text: string): boolean => text.endsWith(snapshotSuffix)

/** The place of a snapshot named `<offset>_snapshot`, or undefined when it is not one of our tokens. */
export const parseSnapshotOffset = (text: string): Place | undefined =>
  namesSnapshot(text) ? parseOffset(text.slice(0, -snapshotSuffix.length)) : undefined
