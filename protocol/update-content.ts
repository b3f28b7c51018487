import type { ByteReader } from './update-bytes.ts'
import type { UpdateLimits } from './update-limits.ts'

/** The low five bits of a struct's first byte, as Yjs numbers them. */
export const StructKind = {
  gc: 0,
  deleted: 1,
  json: 2,
  binary: 3,
  string: 4,
  embed: 5,
  format: 6,
  type: 7,
  any: 8,
  doc: 9,
  skip: 10,
} as const

const xmlElement = 3
const xmlHook = 5
const lastTypeRef = 6

const AnyKind = {
  undefined: 127,
  null: 126,
  integer: 125,
  float32: 124,
  float64: 123,
  bigint: 122,
  false: 121,
  true: 120,
  string: 119,
  object: 118,
  array: 117,
  bytes: 116,
} as const

/** Walks over one lib0 `any` value. Not recursive: Yjs is, and what would overflow its stack must not overflow ours. */
export const skipAny = (reader: ByteReader, nesting: number): void => {
  const outer: { readonly left: number; readonly keyed: boolean }[] = []
  let left = 1
  let keyed = false
  for (;;) {
    while (left === 0) {
      const parent = outer.pop()
      if (parent === undefined) return
      left = parent.left
      keyed = parent.keyed
    }
    left--
    if (keyed) reader.skipText()
    const kind = reader.byte()
    switch (kind) {
      case AnyKind.undefined:
      case AnyKind.null:
      case AnyKind.false:
      case AnyKind.true:
        break
      case AnyKind.integer:
        reader.skipInt()
        break
      case AnyKind.float32:
        reader.skip(4)
        break
      case AnyKind.float64:
      case AnyKind.bigint:
        reader.skip(8)
        break
      case AnyKind.string:
        reader.skipText()
        break
      case AnyKind.bytes:
        reader.skipBytes()
        break
      case AnyKind.object:
      case AnyKind.array:
        if (outer.length >= nesting) reader.fail(`a value nested deeper than the limit of ${nesting}`)
        outer.push({ left, keyed })
        keyed = kind === AnyKind.object
        left = reader.count(keyed ? 2 : 1, Number.MAX_SAFE_INTEGER, 'values')
        break
      default:
        reader.fail(`no value begins with ${kind}`)
    }
  }
}

/** How deep the brackets of a JSON text nest. Exact for JSON; of other texts only `JSON.parse` decides. */
const bracketDepth = (text: string): number => {
  let depth = 0
  let deepest = 0
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    const character = text[i]
    if (quoted) {
      if (character === '\\') i++
      else if (character === '"') quoted = false
    } else if (character === '"') quoted = true
    else if (character === '[' || character === '{') deepest = Math.max(deepest, ++depth)
    else if (character === ']' || character === '}') depth--
  }
  return deepest
}

const checkJson = (reader: ByteReader, text: string, nesting: number): void => {
  if (text.length > 2 * nesting && bracketDepth(text) > nesting) {
    reader.fail(`a value nested deeper than the limit of ${nesting}`)
  }
  try {
    JSON.parse(text)
  } catch (cause) {
    reader.fail('a value that is not JSON', cause)
  }
}

/** Yjs hands these to `new Y.Doc`: a `guid` of null, a `gcFilter` that is no function break every reader later. */
const refusedDocOptions = ['guid', 'gcFilter']

const skipDoc = (reader: ByteReader, nesting: number): void => {
  reader.skipText()
  if (reader.byte() !== AnyKind.object) reader.fail('a subdocument without options')
  for (let left = reader.count(2, Number.MAX_SAFE_INTEGER, 'options'); left > 0; left--) {
    const option = reader.text()
    if (refusedDocOptions.includes(option)) reader.fail(`a subdocument with the option ${option}`)
    skipAny(reader, nesting - 1)
  }
}

/**
 * Walks over the content of an item.
 * @returns how many clocks it takes; 0 for an empty one, which the caller refuses
 * @throws UpdateError for everything Yjs would throw on while reading it
 */
export const skipContent = (reader: ByteReader, kind: number, { nesting }: UpdateLimits): number => {
  switch (kind) {
    case StructKind.deleted:
      return reader.uint()
    case StructKind.json: {
      const count = reader.count(2, Number.MAX_SAFE_INTEGER, 'values')
      for (let left = count; left > 0; left--) {
        const text = reader.text()
        if (text !== 'undefined') checkJson(reader, text, nesting)
      }
      return count
    }
    case StructKind.binary:
      reader.skipBytes()
      return 1
    case StructKind.string:
      return reader.skipText()
    case StructKind.embed:
      checkJson(reader, reader.text(), nesting)
      return 1
    case StructKind.format:
      reader.skipText()
      checkJson(reader, reader.text(), nesting)
      return 1
    case StructKind.type: {
      const type = reader.uint()
      if (type > lastTypeRef) reader.fail(`no shared type has the number ${type}`)
      if (type === xmlElement || type === xmlHook) reader.skipText()
      return 1
    }
    case StructKind.any: {
      const count = reader.count(1, Number.MAX_SAFE_INTEGER, 'values')
      for (let left = count; left > 0; left--) skipAny(reader, nesting)
      return count
    }
    case StructKind.doc:
      skipDoc(reader, nesting)
      return 1
    default:
      return reader.fail(`no struct is of kind ${kind}`)
  }
}
