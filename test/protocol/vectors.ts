import { readFileSync } from 'node:fs'
import type { Range, Ranges } from '../../protocol/index.ts'

export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

export const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))

/** The vectors of `test/vectors/<name>.json`, bytes that mostly were not written by this project. */
export const vectors = <File>(name: string): File =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8')) as File

/** Ranges as vectors write them. */
export const listed = (ranges: Ranges): number[][] =>
  [...ranges].map(({ client, clock, length }: Range) => [client, clock, length])
