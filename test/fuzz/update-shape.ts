import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'

/** A V1 update taken apart into what it says, so that it can be made to say something else and still be well-formed. */
export interface Id {
  readonly client: number
  readonly clock: number
}

export interface Item {
  readonly kind: 'item'
  readonly origin: Id | undefined
  readonly right: Id | undefined
  /** Where it hangs, a root's name or an item; written only when there is no origin on either side. */
  readonly parent: string | Id | undefined
  readonly key: string | undefined
  /** The low five bits of its first byte. */
  readonly content: number
  readonly bytes: Uint8Array
  readonly length: number
}
export interface Gap {
  readonly kind: 'gc' | 'skip'
  readonly length: number
}
export type Part = Item | Gap

export interface Section {
  readonly client: number
  readonly clock: number
  readonly parts: readonly Part[]
}
export interface Deletion {
  readonly client: number
  readonly ranges: readonly (readonly [clock: number, length: number])[]
}
export interface Shape {
  readonly sections: readonly Section[]
  readonly deletes: readonly Deletion[]
}

const gcInfo = 0
const skipInfo = 10
const hasOrigin = 0x80
const hasRight = 0x40
const hasKey = 0x20

const idOf = (id: Y.ID | null): Id | undefined =>
  id === null ? undefined : { client: id.client, clock: id.clock }

const partOf = (struct: Y.Item | Y.GC | Y.Skip): Part => {
  if (struct instanceof Y.GC) return { kind: 'gc', length: struct.length }
  if (struct instanceof Y.Skip) return { kind: 'skip', length: struct.length }
  const encoder = new Y.UpdateEncoderV1()
  struct.content.write(encoder, 0)
  const parent: unknown = struct.parent
  return {
    kind: 'item',
    origin: idOf(struct.origin),
    right: idOf(struct.rightOrigin),
    parent:
      typeof parent === 'string'
        ? parent
        : parent instanceof Y.ID
          ? { client: parent.client, clock: parent.clock }
          : undefined,
    key: struct.parentSub ?? undefined,
    content: struct.content.getRef(),
    bytes: encoding.toUint8Array(encoder.restEncoder),
    length: struct.length,
  }
}

/** Takes an update apart that Yjs wrote. */
export const shapeOf = (update: Uint8Array): Shape => {
  const { structs, ds } = Y.decodeUpdate(update)
  const sections: { client: number; clock: number; parts: Part[] }[] = []
  for (const struct of structs) {
    const { client, clock } = struct.id
    const last = sections.at(-1)
    if (last?.client === client) last.parts.push(partOf(struct))
    else sections.push({ client, clock, parts: [partOf(struct)] })
  }
  const deletes = [...ds.clients].map(([client, ranges]) => ({
    client,
    ranges: ranges.map(({ clock, len }): [number, number] => [clock, len]),
  }))
  return { sections, deletes }
}

/** One thing an update says, and what it is for. */
export type Field =
  | { readonly role: Role; readonly value: number }
  | { readonly role: 'info'; readonly byte: number }
  | { readonly role: 'text' | 'content'; readonly bytes: Uint8Array }
export type Role = 'count' | 'client' | 'clock' | 'length' | 'parentKind'

const text = (string: string): Field => {
  const encoder = encoding.createEncoder()
  encoding.writeVarString(encoder, string)
  return { role: 'text', bytes: encoding.toUint8Array(encoder) }
}

const reference = ({ client, clock }: Id): Field[] => [
  { role: 'client', value: client },
  { role: 'clock', value: clock },
]

const fieldsOfPart = (part: Part): Field[] => {
  if (part.kind !== 'item') {
    return [
      { role: 'info', byte: part.kind === 'gc' ? gcInfo : skipInfo },
      { role: 'length', value: part.length },
    ]
  }
  const { origin, right, parent, key, content, bytes } = part
  const byte = content | (origin ? hasOrigin : 0) | (right ? hasRight : 0) | (key === undefined ? 0 : hasKey)
  const fields: Field[] = [{ role: 'info', byte }]
  if (origin) fields.push(...reference(origin))
  if (right) fields.push(...reference(right))
  if (!origin && !right) {
    if (typeof parent === 'object') fields.push({ role: 'parentKind', value: 0 }, ...reference(parent))
    else fields.push({ role: 'parentKind', value: 1 }, text(parent ?? 'text'))
    if (key !== undefined) fields.push(text(key))
  }
  fields.push({ role: 'content', bytes })
  return fields
}

/** An update as the list of what is written one after another. */
export const fieldsOf = ({ sections, deletes }: Shape): Field[] => [
  { role: 'count', value: sections.length },
  ...sections.flatMap(({ client, clock, parts }): Field[] => [
    { role: 'count', value: parts.length },
    { role: 'client', value: client },
    { role: 'clock', value: clock },
    ...parts.flatMap(fieldsOfPart),
  ]),
  { role: 'count', value: deletes.length },
  ...deletes.flatMap(({ client, ranges }): Field[] => [
    { role: 'client', value: client },
    { role: 'count', value: ranges.length },
    ...ranges.flatMap(([clock, length]): Field[] => [
      { role: 'clock', value: clock },
      { role: 'length', value: length },
    ]),
  ]),
]

/** The bytes of fields. A number beyond 2^53 - 1 is written as one that no reader can hold. */
export const bytesOf = (fields: readonly Field[]): Uint8Array => {
  const encoder = encoding.createEncoder()
  for (const field of fields) {
    if ('byte' in field) encoding.writeUint8(encoder, field.byte)
    else if ('bytes' in field) encoding.writeUint8Array(encoder, field.bytes)
    else if (field.value > Number.MAX_SAFE_INTEGER) encoding.writeUint8Array(encoder, unholdable)
    else encoding.writeVarUint(encoder, field.value)
  }
  return encoding.toUint8Array(encoder)
}

const unholdable = Uint8Array.from({ length: 10 }, (_, index) => (index < 9 ? 0xff : 0x7f))
