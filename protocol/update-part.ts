import * as encoding from 'lib0/encoding'
import { type Range, Ranges } from './ranges.ts'
import { encodeDeletes } from './update.ts'
import { StructKind } from './update-content.ts'
import type { UpdateLimits } from './update-limits.ts'
import { kindBits } from './update-structs.ts'

/** A struct, ready to be written: its bytes as they lie in `source`. */
export interface WrittenStruct {
  readonly client: number
  readonly clock: number
  readonly length: number
  readonly source: Uint8Array
  readonly from: number
  readonly to: number
  /** The root type that it names as its parent. */
  readonly root: string | undefined
}

/** Bytes that are copied as they are: neighbours in one source are one run. */
interface Run {
  readonly source: Uint8Array
  readonly from: number
  to: number
}

/** One client's structs. */
interface Section {
  readonly client: number
  readonly clock: number
  end: number
  count: number
  readonly runs: Run[]
}

/** How many bytes lib0's variable-length integer of `value` takes. */
export const uintBytes = (value: number): number => {
  let bytes = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++
  return bytes
}

const skipBytes = (length: number): number => 1 + uintBytes(length)

/** One update in the making, which knows its size to the byte and whether more fits within limits. */
export class UpdatePart {
  readonly #most: number
  readonly #limits: UpdateLimits
  readonly #sections = new Map<number, Section>()
  readonly #deletes = new Ranges()
  /** How many deletions of each client. */
  readonly #deleteCounts = new Map<number, number>()
  readonly #rootNames = new Set<string>()
  /** Bytes without the two counts of sections. */
  #size = 0
  #structs = 0
  #deleteRanges = 0
  #subdocuments = 0

  /** @param most bytes */
  constructor(most: number, limits: UpdateLimits) {
    this.#most = most
    this.#limits = limits
  }

  get isEmpty(): boolean {
    return this.#sections.size === 0 && this.#deleteCounts.size === 0
  }

  /** How many bytes are left, for whole sections. */
  get left(): number {
    return this.#most - this.#size - uintBytes(this.#sections.size + 1) - uintBytes(this.#deleteCounts.size)
  }

  /** How many bytes a struct of `client` that begins at `clock` may have to fit. */
  room(client: number, clock: number): number {
    const sections = this.#sections.size + (this.#sections.has(client) ? 0 : 1)
    const counts = uintBytes(sections) + uintBytes(this.#deleteCounts.size)
    return this.#most - this.#size - counts - this.#around(client, clock)
  }

  /** Adds a struct that comes after all of its client's that were added. @returns false when it does not fit */
  add(struct: WrittenStruct): boolean {
    const { client, clock, length, source, from, to, root } = struct
    if (to - from > this.room(client, clock)) return false
    const isDoc = ((source[from] as number) & kindBits) === StructKind.doc
    const section = this.#sections.get(client) ?? { client, clock, end: clock, count: 0, runs: [] }
    const more = clock > section.end ? 2 : 1
    if (!this.#allows(client, more, root, isDoc)) return false
    const around = this.#around(client, clock)
    if (more === 2) {
      const skip = encodeSkip(clock - section.end)
      section.runs.push({ source: skip, from: 0, to: skip.length })
    }
    const last = section.runs.at(-1)
    if (last?.source === source && last.to === from) last.to = to
    else section.runs.push({ source, from, to })
    section.count += more
    section.end = clock + length
    this.#sections.set(client, section)
    this.#size += around + to - from
    this.#structs += more
    if (isDoc) this.#subdocuments++
    if (root !== undefined) this.#rootNames.add(root)
    return true
  }

  /** Adds a deletion that comes after all of its client's that were added. @returns false when it does not fit */
  addDelete({ client, clock, length }: Range): boolean {
    const count = this.#deleteCounts.get(client)
    const sections = this.#deleteCounts.size + (count === undefined ? 1 : 0)
    const { deleteRanges, clients } = this.#limits
    if (this.#deleteRanges >= deleteRanges || sections > clients) return false
    const head =
      count === undefined ? uintBytes(client) + uintBytes(1) : uintBytes(count + 1) - uintBytes(count)
    const size = this.#size + head + uintBytes(clock) + uintBytes(length)
    if (size + uintBytes(this.#sections.size) + uintBytes(sections) > this.#most) return false
    this.#deletes.add(client, clock, length)
    this.#deleteCounts.set(client, (count ?? 0) + 1)
    this.#deleteRanges++
    this.#size = size
    return true
  }

  encode(): Uint8Array {
    const encoder = encoding.createEncoder()
    const sections = [...this.#sections.values()].sort((a, b) => b.client - a.client)
    encoding.writeVarUint(encoder, sections.length)
    for (const { client, clock, count, runs } of sections) {
      encoding.writeVarUint(encoder, count)
      encoding.writeVarUint(encoder, client)
      encoding.writeVarUint(encoder, clock)
      for (const { source, from, to } of runs) encoding.writeUint8Array(encoder, source.subarray(from, to))
    }
    encoding.writeUint8Array(encoder, encodeDeletes(this.#deletes))
    return encoding.toUint8Array(encoder)
  }

  /** What a struct costs beside its own bytes: the head of a section, or a larger count and a skip. */
  #around(client: number, clock: number): number {
    const section = this.#sections.get(client)
    if (!section) return 1 + uintBytes(client) + uintBytes(clock)
    const { count, end } = section
    const more = clock > end ? 2 : 1
    return uintBytes(count + more) - uintBytes(count) + (clock > end ? skipBytes(clock - end) : 0)
  }

  #allows(client: number, more: number, root: string | undefined, isDoc: boolean): boolean {
    const { structs, clients, rootNames, subdocuments } = this.#limits
    return (
      this.#structs + more <= structs &&
      (this.#sections.has(client) || this.#sections.size < clients) &&
      (root === undefined || this.#rootNames.has(root) || this.#rootNames.size < rootNames) &&
      (!isDoc || this.#subdocuments < subdocuments)
    )
  }
}

const encodeSkip = (length: number): Uint8Array => {
  const encoder = encoding.createEncoder()
  encoding.writeUint8(encoder, StructKind.skip)
  encoding.writeVarUint(encoder, length)
  return encoding.toUint8Array(encoder)
}
