import * as encoding from 'lib0/encoding'

/** Writes one struct, from its first byte to the end of its content. */
export type Struct = (encoder: encoding.Encoder) => void

export interface Section {
  readonly client: number
  readonly clock?: number
  readonly structs: readonly Struct[]
}

/** A V1 update as nothing but a test would write it: sections and deletions `[client, ...[clock, length]]` as given. */
export const update = (
  sections: readonly Section[],
  deletes: readonly (readonly [number, ...(readonly [number, number])[]])[] = [],
): Uint8Array => {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, sections.length)
  for (const { client, clock = 0, structs } of sections) {
    encoding.writeVarUint(encoder, structs.length)
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, clock)
    for (const struct of structs) struct(encoder)
  }
  encoding.writeVarUint(encoder, deletes.length)
  for (const [client, ...ranges] of deletes) {
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, ranges.length)
    for (const numbers of ranges) for (const number of numbers) encoding.writeVarUint(encoder, number)
  }
  return encoding.toUint8Array(encoder)
}

/** Content of one kind at the root `name`. */
const atRoot =
  (kind: number, name: string, content: Struct): Struct =>
  encoder => {
    encoding.writeUint8(encoder, kind)
    encoding.writeVarUint(encoder, 1)
    encoding.writeVarString(encoder, name)
    content(encoder)
  }

export const garbage =
  (length: number): Struct =>
  encoder => {
    encoding.writeUint8(encoder, 0)
    encoding.writeVarUint(encoder, length)
  }

export const text = (string: string, root = 'a'): Struct =>
  atRoot(4, root, encoder => encoding.writeVarString(encoder, string))

export const embed = (json: string): Struct =>
  atRoot(5, 'a', encoder => encoding.writeVarString(encoder, json))

export const format = (json: string): Struct =>
  atRoot(6, 'a', encoder => {
    encoding.writeVarString(encoder, 'key')
    encoding.writeVarString(encoder, json)
  })

export const json = (...values: readonly string[]): Struct =>
  atRoot(2, 'a', encoder => {
    encoding.writeVarUint(encoder, values.length)
    for (const value of values) encoding.writeVarString(encoder, value)
  })

/** One `any` value in lib0's bytes. */
export const any = (value: Uint8Array): Struct =>
  atRoot(8, 'a', encoder => {
    encoding.writeVarUint(encoder, 1)
    encoding.writeUint8Array(encoder, value)
  })

export const subdocument = (options: Uint8Array): Struct =>
  atRoot(9, 'a', encoder => {
    encoding.writeVarString(encoder, 'guid')
    encoding.writeUint8Array(encoder, options)
  })

/** `depth` lists or objects inside each other, as lib0 writes them. */
export const nestedAny = (depth: number, keyed: boolean): Uint8Array => {
  const encoder = encoding.createEncoder()
  for (let level = 0; level < depth; level++) {
    encoding.writeUint8(encoder, keyed ? 118 : 117)
    encoding.writeVarUint(encoder, 1)
    if (keyed) encoding.writeVarString(encoder, 'k')
  }
  encoding.writeUint8(encoder, 126)
  return encoding.toUint8Array(encoder)
}

/** `depth` lists or objects inside each other, as JSON. */
export const nestedJson = (depth: number, keyed: boolean): string =>
  keyed ? `${'{"k":'.repeat(depth)}0${'}'.repeat(depth)}` : `${'['.repeat(depth)}${']'.repeat(depth)}`
