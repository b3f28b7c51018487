import * as encoding from 'lib0/encoding'
import { ByteReader, utf16Length } from './update-bytes.ts'
import { StructKind, skipAny } from './update-content.ts'
import { ownLimits } from './update-limits.ts'
import { uintBytes, type WrittenStruct } from './update-part.ts'
import { hasOrigin, hasRightOrigin, kindBits, type PlacedStruct } from './update-structs.ts'

/** Some of a struct's content: bytes, how many values they are where content has a count, and clocks. */
interface Slice {
  readonly bytes: number
  readonly count: number
  readonly length: number
}

/**
 * One struct, taken apart from its beginning into structs that mean the same together: text between two characters, lists
 * between two values. Nothing else can be cut.
 */
export class Cut {
  readonly #source: Uint8Array
  readonly #struct: PlacedStruct
  readonly #kind: number
  #clock: number
  #at: number

  /** @param source the update in which the struct lies */
  constructor(source: Uint8Array, struct: PlacedStruct) {
    this.#source = source
    this.#struct = struct
    this.#kind = (source[struct.from] as number) & kindBits
    this.#clock = struct.clock
    this.#at = this.#contentFrom()
  }

  /** Where what is left begins. */
  get clock(): number {
    return this.#clock
  }

  /** And at which byte its content goes on. */
  get at(): number {
    return this.#at
  }

  get isDone(): boolean {
    return this.#clock >= this.#struct.clock + this.#struct.length
  }

  /** The longest beginning of what is left that takes at most `room` bytes; undefined when none is so short. */
  take(room: number): WrittenStruct | undefined {
    const head = this.#head()
    const slice = this.#slice(room - head.length)
    return slice && this.#taken(slice)
  }

  /** What would have to fit for anything to be taken. */
  least(): { readonly length: number; readonly bytes: number } {
    const { from, to, length } = this.#struct
    const first = this.#slice(0, true)
    if (!first) return { length, bytes: to - from }
    const count = this.#kind === StructKind.string ? first.bytes : first.count
    return { length: first.length, bytes: this.#head().length + uintBytes(count) + first.bytes }
  }

  /** The shortest beginning of what is left, whatever it takes. */
  takeLeast(): WrittenStruct {
    const first = this.#slice(0, true)
    if (first) return this.#taken(first)
    const { client, clock, length, from, to, root } = this.#struct
    this.#clock += length
    return { client, clock, length, source: this.#source, from, to, root }
  }

  /** The same without its content, for whoever deletes it anyway. */
  takeErased(): WrittenStruct {
    const { length } = this.least()
    const bytes = this.#slice(0, true)?.bytes ?? 0
    const encoder = encoding.createEncoder()
    const head = this.#head()
    encoding.writeUint8(encoder, ((head[0] as number) & ~kindBits) | StructKind.deleted)
    encoding.writeUint8Array(encoder, head.subarray(1))
    encoding.writeVarUint(encoder, length)
    return this.#took(encoding.toUint8Array(encoder), { bytes, count: 0, length })
  }

  #taken(slice: Slice): WrittenStruct {
    return this.#took(this.#encode(this.#head(), slice), slice)
  }

  #took(source: Uint8Array, { bytes, length }: Slice): WrittenStruct {
    const { client, clock, root } = this.#struct
    const taken = { client, clock: this.#clock, length, source, from: 0, to: source.length }
    const isFirst = this.#clock === clock
    this.#clock += length
    this.#at += bytes
    return { ...taken, root: isFirst ? root : undefined }
  }

  /** @param least the shortest one, whatever the room */
  #slice(room: number, least = false): Slice | undefined {
    switch (this.#kind) {
      case StructKind.string:
        return this.#text(room, least)
      case StructKind.any:
      case StructKind.json:
        return this.#values(room, least)
      default:
        return undefined
    }
  }

  #text(room: number, least: boolean): Slice | undefined {
    const { to } = this.#struct
    let end = this.#at + Math.max(0, room - uintBytes(Math.max(0, room)))
    if (least) for (end = this.#at + 1; this.#isInside(end); end++);
    else if (end >= to) end = to
    else while (this.#isInside(end)) end--
    if (end <= this.#at) return undefined
    const bytes = end - this.#at
    return { bytes, count: 0, length: utf16Length(this.#source, this.#at, end) }
  }

  /** Whether a character goes on at this byte. Two UTF-16 units of one character are never parted so. */
  #isInside(at: number): boolean {
    return at < this.#struct.to && ((this.#source[at] as number) & 0xc0) === 0x80
  }

  #values(room: number, least: boolean): Slice | undefined {
    const { clock, length, to } = this.#struct
    const left = clock + length - this.#clock
    const reader = new ByteReader(this.#source.subarray(this.#at, to))
    let bytes = 0
    let count = 0
    while (count < left) {
      if (this.#kind === StructKind.json) reader.skipText()
      else skipAny(reader, ownLimits.nesting)
      if (!least && uintBytes(count + 1) + reader.at > room) break
      count++
      bytes = reader.at
      if (least) break
    }
    return count === 0 ? undefined : { bytes, count, length: count }
  }

  /** Past the count of values, or of bytes of text. */
  #contentFrom(): number {
    const { contentFrom, to } = this.#struct
    const reader = new ByteReader(this.#source.subarray(contentFrom, to))
    reader.uint()
    return contentFrom + reader.at
  }

  /** A struct up to its content. What comes after a cut has the last thing before it as its origin. */
  #head(): Uint8Array {
    const { client, clock, from, contentFrom } = this.#struct
    const head = this.#source.subarray(from, contentFrom)
    if (this.#clock === clock) return head
    const encoder = encoding.createEncoder()
    const info = head[0] as number
    encoding.writeUint8(encoder, info | hasOrigin)
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, this.#clock - 1)
    if ((info & hasRightOrigin) !== 0) {
      const reader = new ByteReader(head)
      reader.byte()
      if ((info & hasOrigin) !== 0) skipReference(reader)
      const at = reader.at
      skipReference(reader)
      encoding.writeUint8Array(encoder, head.subarray(at, reader.at))
    }
    return encoding.toUint8Array(encoder)
  }

  #encode(head: Uint8Array, { bytes, count }: Slice): Uint8Array {
    const encoder = encoding.createEncoder()
    encoding.writeUint8Array(encoder, head)
    encoding.writeVarUint(encoder, this.#kind === StructKind.string ? bytes : count)
    encoding.writeUint8Array(encoder, this.#source.subarray(this.#at, this.#at + bytes))
    return encoding.toUint8Array(encoder)
  }
}

const skipReference = (reader: ByteReader): void => {
  reader.uint()
  reader.uint()
}
