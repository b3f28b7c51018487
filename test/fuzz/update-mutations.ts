import * as encoding from 'lib0/encoding'
import type { Choices } from './choices.ts'
import {
  bytesOf,
  type Deletion,
  type Field,
  fieldsOf,
  type Id,
  type Item,
  type Part,
  type Section,
  type Shape,
  shapeOf,
} from './update-shape.ts'

/** Numbers at which encodings, clocks and client ids change their nature. */
const numbers = [
  0,
  1,
  2,
  3,
  63,
  64,
  127,
  128,
  255,
  16_383,
  16_384,
  2 ** 21,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53 - 2,
  2 ** 53 - 1,
  Number.POSITIVE_INFINITY,
] as const
const names = [
  'text',
  'map',
  'list',
  'xml',
  'docs',
  'visitor',
  '',
  '__proto__',
  'constructor',
  'a'.repeat(300),
  'ü\u0000😀',
] as const

const varString = (text: string): Uint8Array => {
  const encoder = encoding.createEncoder()
  encoding.writeVarString(encoder, text)
  return encoding.toUint8Array(encoder)
}

const anyList = (...values: readonly unknown[]): Uint8Array => {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, values.length)
  for (const value of values) encoding.writeAny(encoder, value as string)
  return encoding.toUint8Array(encoder)
}

const joined = (...parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts)

/** Contents that no editor makes. */
const oddContents: readonly (readonly [content: number, length: number, bytes: Uint8Array])[] = [
  [1, 1, Uint8Array.of(1)],
  [1, 5, Uint8Array.of(5)],
  [1, 2 ** 31, joined(Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x08))],
  [2, 1, joined(Uint8Array.of(1), varString('undefined'))],
  [2, 2, joined(Uint8Array.of(2), varString('{"__proto__":1}'), varString('[]'))],
  [3, 1, Uint8Array.of(0)],
  [4, 2, varString('😀')],
  [4, 1, varString('\ufffd')],
  [5, 1, varString('null')],
  [5, 1, varString('{"toJSON":1}')],
  [6, 1, joined(varString('bold'), varString('null'))],
  [6, 1, joined(varString(''), varString('{"a":[1]}'))],
  [6, 1, joined(varString('__proto__'), varString('true'))],
  ...[0, 1, 2, 4, 6].map((type): [number, number, Uint8Array] => [7, 1, Uint8Array.of(type)]),
  [7, 1, joined(Uint8Array.of(3), varString('p'))],
  [7, 1, joined(Uint8Array.of(5), varString('hook'))],
  [8, 1, anyList(undefined)],
  [8, 3, anyList(null, { a: [1, 2, { b: null }] }, 1n)],
  [9, 1, joined(varString('guid'), anyList({ autoLoad: true }).subarray(1))],
  [9, 1, joined(varString(''), anyList(null).subarray(1))],
]

const changed = <T>(list: readonly T[], at: number, value: T): T[] => list.with(at, value)

const lengthOf = ({ parts }: Section): number => parts.reduce((sum, { length }) => sum + length, 0)

/** Ids that a document may hold: those of the structs around. */
const idsIn = (shapes: readonly Shape[]): Id[] =>
  shapes.flatMap(({ sections }) =>
    sections.flatMap(section => {
      const { client, clock } = section
      const last = clock + lengthOf(section) - 1
      return [
        { client, clock },
        { client, clock: last },
        { client, clock: last + 1 },
        { client, clock: Math.floor((clock + last) / 2) },
        { client, clock: 0 },
      ]
    }),
  )

type MutateItem = (choices: Choices, item: Item, id: () => Id, donor: () => Part | undefined) => Part

const itemMutations: readonly [MutateItem, ...MutateItem[]] = [
  (_, item, id) => ({ ...item, origin: id() }),
  (_, item, id) => ({ ...item, right: id() }),
  (_, item) => ({ ...item, origin: item.right, right: item.origin }),
  (_, item) => ({ ...item, origin: undefined }),
  (_, item) => ({ ...item, right: undefined }),
  (_, item, id) => ({ ...item, origin: undefined, right: undefined, parent: id() }),
  (choices, item) => ({ ...item, origin: undefined, right: undefined, parent: choices.oneOf(names) }),
  (choices, item) => ({ ...item, key: item.key === undefined ? choices.oneOf(names) : undefined }),
  (choices, item) => {
    const [content, length, bytes] = choices.anyOf(oddContents) ?? [4, 1, varString('a')]
    return { ...item, content, length, bytes }
  },
  (_, item, __, donor) => {
    const part = donor()
    return part?.kind === 'item'
      ? { ...item, content: part.content, length: part.length, bytes: part.bytes }
      : item
  },
  (_, item) => ({ kind: 'gc', length: item.length }),
  (_, item) => ({ kind: 'skip', length: item.length }),
  (choices, item) => ({ ...item, content: choices.below(32) }),
]

/** What the mutations of one update draw on besides: other updates, of the same document and of others. */
export interface Donors {
  readonly near: readonly Uint8Array[]
  readonly far: readonly Uint8Array[]
}

/** Makes an update say something else, in a well-formed way. */
const mutateShape = (
  choices: Choices,
  shape: Shape,
  near: readonly Shape[],
  far: () => Shape | undefined,
): Shape => {
  const ids = idsIn([shape, ...near])
  const id = (): Id => {
    const known = choices.anyOf(ids) ?? { client: 1, clock: 0 }
    return choices.happens(20)
      ? { ...known, clock: known.clock + choices.oneOf([1, 2, 1000, 2 ** 31]) }
      : known
  }
  const client = (): number => (choices.happens(60) ? id().client : choices.oneOf(numbers))
  const donor = (): Part | undefined => choices.anyOf(far()?.sections[0]?.parts ?? [])
  const { sections, deletes } = shape
  const at = choices.below(Math.max(1, sections.length))
  const section = sections[at]
  const act = choices.weighted({ item: 10, part: 5, section: 4, sections: 3, deletes: 4 })
  if (act === 'deletes' || !section) return { sections, deletes: mutateDeletes(choices, deletes, id) }
  const withSection = (next: Section): Shape => ({ sections: changed(sections, at, next), deletes })
  const index = choices.below(Math.max(1, section.parts.length))
  const part = section.parts[index]
  if (act === 'item' && part?.kind === 'item') {
    const next = choices.oneOf(itemMutations)(choices, part, id, donor)
    return withSection({ ...section, parts: changed(section.parts, index, next) })
  }
  if (act === 'part' || act === 'item')
    return withSection({ ...section, parts: mutateParts(choices, section.parts, index, donor) })
  if (act === 'section') {
    return choices.happens(50)
      ? withSection({ ...section, client: client() })
      : withSection({
          ...section,
          clock: Math.max(0, section.clock + choices.oneOf([1, -1, 2, 100, -section.clock, 2 ** 31])),
        })
  }
  return { sections: mutateSections(choices, sections, at, far), deletes }
}

const mutateParts = (
  choices: Choices,
  parts: readonly Part[],
  at: number,
  donor: () => Part | undefined,
): Part[] => {
  const part = parts[at]
  const other = choices.anyOf(parts)
  switch (choices.weighted({ drop: 2, repeat: 2, swap: 2, give: 2, gap: 3 })) {
    case 'drop':
      return parts.toSpliced(at, 1)
    case 'repeat':
      return part ? parts.toSpliced(at, 0, part) : [...parts]
    case 'swap':
      return [...parts].reverse()
    case 'give':
      return parts.toSpliced(at, 0, donor() ?? other ?? { kind: 'gc', length: 1 })
    case 'gap':
      return parts.toSpliced(at, 0, { kind: choices.oneOf(['gc', 'skip']), length: choices.oneOf(numbers) })
  }
}

const mutateSections = (
  choices: Choices,
  sections: readonly Section[],
  at: number,
  far: () => Shape | undefined,
): Section[] => {
  const section = sections[at]
  if (!section) return [...sections]
  switch (choices.weighted({ drop: 2, repeat: 1, reverse: 1, give: 2, rename: 3 })) {
    case 'drop':
      return sections.toSpliced(at, 1)
    case 'repeat':
      return sections.toSpliced(at, 0, section)
    case 'reverse':
      return [...sections].reverse()
    case 'give':
      return [...sections, ...(far()?.sections ?? [])].sort((a, b) => b.client - a.client)
    case 'rename':
      return sections
        .map(one => (one === section ? { ...one, client: choices.oneOf(numbers) } : one))
        .sort((a, b) => b.client - a.client)
  }
}

const mutateDeletes = (choices: Choices, deletes: readonly Deletion[], id: () => Id): Deletion[] => {
  const at = choices.below(Math.max(1, deletes.length))
  const one = deletes[at]
  const added = (): Deletion => {
    const { client, clock } = id()
    const start = choices.oneOf([clock, 0, Math.max(0, clock - 2)])
    return { client, ranges: [[start, choices.oneOf([1, 2, clock + 1, ...numbers])]] }
  }
  if (!one) return [added()]
  const [[clock, length] = [0, 1], ...others] = one.ranges
  switch (choices.weighted({ add: 4, drop: 1, longer: 3, earlier: 2, twice: 2, empty: 1 })) {
    case 'add':
      return [added(), ...deletes]
    case 'drop':
      return deletes.toSpliced(at, 1)
    case 'longer':
      return changed(deletes, at, {
        ...one,
        ranges: [[clock, choices.oneOf([length + 1, ...numbers])], ...others],
      })
    case 'earlier':
      return changed(deletes, at, {
        ...one,
        ranges: [[Math.max(0, clock - choices.whole(1, 4)), length], ...others],
      })
    case 'twice':
      return changed(deletes, at, { ...one, ranges: [[clock, length], ...one.ranges] })
    case 'empty':
      return changed(deletes, at, { ...one, ranges: [] })
  }
}

/** Makes an update say something that it does not go on to say: a count that lies, a number that is none. */
const mutateFields = (choices: Choices, fields: readonly Field[]): Field[] => {
  const at = choices.below(Math.max(1, fields.length))
  const field = fields[at]
  if (!field) return [...fields]
  switch (choices.weighted({ change: 8, drop: 1, repeat: 1, exchange: 2 })) {
    case 'drop':
      return fields.toSpliced(at, 1)
    case 'repeat':
      return fields.toSpliced(at, 0, field)
    case 'exchange': {
      const to = choices.below(fields.length)
      return changed(changed(fields, at, fields[to] ?? field), to, field)
    }
    case 'change':
      if ('byte' in field)
        return changed(fields, at, { ...field, byte: field.byte ^ (1 << choices.below(8)) })
      if ('bytes' in field) return changed(fields, at, { ...field, bytes: mutateBytes(choices, field.bytes) })
      return changed(fields, at, {
        ...field,
        value: choices.oneOf([field.value + 1, Math.max(0, field.value - 1), ...numbers]),
      })
  }
}

/** Changes bytes without a thought about what they mean. */
export const mutateBytes = (choices: Choices, bytes: Uint8Array): Uint8Array => {
  const at = choices.below(bytes.length + 1)
  const before = bytes.subarray(0, at)
  const after = bytes.subarray(at)
  switch (choices.weighted({ flip: 4, write: 3, insert: 2, remove: 2, truncate: 1, extend: 1 })) {
    case 'flip': {
      const flipped = Uint8Array.from(bytes)
      flipped[at] = (bytes[at] ?? 0) ^ (1 << choices.below(8))
      return flipped
    }
    case 'write': {
      const written = Uint8Array.from(bytes)
      written[at] = choices.oneOf([0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x84, 0xc4])
      return written
    }
    case 'insert':
      return joined(before, choices.bytes(choices.whole(1, 4)), after)
    case 'remove':
      return joined(before, after.subarray(choices.whole(1, 4)))
    case 'truncate':
      return before
    case 'extend':
      return joined(bytes, choices.bytes(choices.whole(1, 8)))
  }
}

const tryShape = (update: Uint8Array | undefined): Shape | undefined => {
  try {
    return update && shapeOf(update)
  } catch {
    return undefined
  }
}

/** One to four mutations of an update that real Yjs wrote. */
export const mutateUpdate = (choices: Choices, update: Uint8Array, { near, far }: Donors): Uint8Array => {
  const shape = tryShape(update)
  const level = choices.weighted({ shape: 12, fields: 5, bytes: 3, splice: 1 })
  const times = choices.whole(1, 4)
  if (level === 'splice') {
    const other = choices.anyOf(far) ?? update
    return joined(
      update.subarray(0, choices.below(update.length + 1)),
      other.subarray(choices.below(other.length + 1)),
    )
  }
  if (!shape || level === 'bytes') {
    let bytes = update
    for (let left = times; left > 0; left--) bytes = mutateBytes(choices, bytes)
    return bytes
  }
  let mutated = shape
  const around = near.slice(-4).flatMap(one => tryShape(one) ?? [])
  if (level === 'shape') {
    for (let left = times; left > 0; left--)
      mutated = mutateShape(choices, mutated, around, () => tryShape(choices.anyOf(far)))
    return bytesOf(fieldsOf(mutated))
  }
  let fields = fieldsOf(mutated)
  for (let left = times; left > 0; left--) fields = mutateFields(choices, fields)
  return bytesOf(fields)
}
