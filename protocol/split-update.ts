import type { Range, Ranges } from './ranges.ts'
import { readUpdate } from './update.ts'
import { ByteReader } from './update-bytes.ts'
import { StructKind } from './update-content.ts'
import { Cut } from './update-cut.ts'
import { ownLimits, type UpdateLimits, updateLimits } from './update-limits.ts'
import { UpdatePart, uintBytes, type WrittenStruct } from './update-part.ts'
import { kindBits, type PlacedStruct } from './update-structs.ts'

/** Content that cannot be cut and is too large alone. */
export interface TooLarge extends Range {
  /** What the smallest update with the first of it would take. */
  readonly bytes: number
}

export interface SplitUpdate {
  /** Updates that have the content of the whole together, each of which builds only on those before it. */
  readonly parts: readonly Uint8Array[]
  /** What is in no part, and keeps out of them all that builds on it. Of each client the first. */
  readonly tooLarge: readonly TooLarge[]
  /** How much went into no part: that, what builds on it, and what was to be left out. */
  readonly leftBytes: number
}

export interface SplitOptions {
  /** No part is larger than so many bytes. */
  readonly most: number
  /** Nor than so many, unless what is in it cannot be cut. As `most` when left out. */
  readonly target?: number
  readonly limits?: UpdateLimits
  /** Per client, from which clock on its structs go into no part, nor what builds on them. */
  readonly without?: ReadonlyMap<number, number>
}

/** The smallest bound that is taken: every struct that has little content fits. */
export const leastPartBytes = 64

/**
 * Splits one V1 update into several, each within the bounds. Each takes effect when the ones before it did, if the whole would
 * have; what it deletes comes last. Text and lists are cut where they are too long, and join again in a document. What is too
 * large but deleted as well goes without its content. The beginning and the end of a format share a part where they fit into
 * one: Yjs tidies up after each update, and takes a beginning without its end for all the formats that begin in the text behind
 * it. Linear in time and memory.
 * @throws UpdateError for bytes that are not one whole, well-formed update
 * @throws RangeError for bounds of less than `leastPartBytes`
 */
export const splitUpdate = (bytes: Uint8Array, options: SplitOptions): SplitUpdate => {
  const { most, target = most, limits = updateLimits, without } = options
  if (!(target >= leastPartBytes && most >= target))
    throw new RangeError(
      `parts of at most ${target} bytes, or ${most}: at least ${leastPartBytes} are needed`,
    )
  const queues = new Map<number, Queue>()
  const { structs, deletes } = readUpdate(bytes, ownLimits, struct => {
    const queue = queues.get(struct.client)
    if (queue) queue.structs.push(struct)
    else queues.set(struct.client, { structs: [struct], next: 0 })
  })
  const parts = new Parts({ source: bytes, deletes, most, target, limits, blocked: new Map(without) })
  for (const group of together(bytes, inOrder(queues, structs), target)) parts.addGroup(group)
  for (const range of deletes) parts.addDelete(range)
  return parts.end()
}

/** One client's structs, and which of them comes next. */
interface Queue {
  readonly structs: PlacedStruct[]
  next: number
}

/** One thing to get done: every struct of a client up to and including the one at `clock`. */
interface Goal {
  readonly queue: Queue
  readonly clock: number
}

/** All structs, each after what it refers to; those of one client in as few runs as that takes. */
function* inOrder(queues: ReadonlyMap<number, Queue>, held: Ranges): Generator<PlacedStruct, void> {
  const blocker = ({ references }: PlacedStruct): Goal | undefined => {
    for (let at = 0; at < references.length; at += 2) {
      const client = references[at] as number
      const clock = references[at + 1] as number
      const queue = queues.get(client)
      const coming = queue?.structs[queue.next]
      if (queue && coming && coming.clock <= clock && held.covers(client, clock, 1)) return { queue, clock }
    }
    return undefined
  }
  for (const first of queues.values()) {
    const path: Goal[] = [{ queue: first, clock: Number.POSITIVE_INFINITY }]
    for (let goal = path.at(-1); goal !== undefined; goal = path.at(-1)) {
      const { queue, clock } = goal
      const struct = queue.structs[queue.next]
      if (!struct || struct.clock > clock) {
        path.pop()
        continue
      }
      const before = blocker(struct)
      if (before) path.push(before)
      else {
        queue.next++
        yield struct
      }
    }
  }
}

/** Structs that had better share a part. */
interface Group {
  readonly structs: readonly PlacedStruct[]
  /** At most this many. */
  readonly bytes: number
}

const mostHead = 3 * 8 // of a section: a count, a client and a clock

/** Each struct, with those that follow it as long as a format that it begins has no end; but no more than `most` bytes. */
function* together(
  source: Uint8Array,
  structs: Iterable<PlacedStruct>,
  most: number,
): Generator<Group, void> {
  const open = new Set<string>()
  let group: PlacedStruct[] = []
  let bytes = 0
  for (const struct of structs) {
    const { client, from, contentFrom, to } = struct
    bytes += to - from + (group.at(-1)?.client === client ? 1 : mostHead)
    group.push(struct)
    if (((source[from] as number) & kindBits) === StructKind.format) {
      const reader = new ByteReader(source.subarray(contentFrom, to))
      const format = `${client} ${reader.text()}`
      if (reader.text() === 'null') open.delete(format)
      else open.add(format)
    }
    if (open.size > 0 && bytes <= most) continue
    yield { structs: group, bytes }
    open.clear()
    group = []
    bytes = 0
  }
  if (group.length > 0) yield { structs: group, bytes }
}

interface PartsOptions {
  /** The update, and what it deletes. */
  readonly source: Uint8Array
  readonly deletes: Ranges
  readonly most: number
  readonly target: number
  readonly limits: UpdateLimits
  /** From which clock on nothing of a client can be sent. */
  readonly blocked: Map<number, number>
}

class Parts {
  readonly #options: PartsOptions
  readonly #parts: Uint8Array[] = []
  readonly #tooLarge: TooLarge[] = []
  #leftBytes = 0
  #part: UpdatePart

  constructor(options: PartsOptions) {
    this.#options = options
    this.#part = this.#empty(options.target)
  }

  addGroup({ structs, bytes }: Group): void {
    if (structs.length > 1 && bytes <= this.#options.target && bytes > this.#part.left) this.#flush()
    for (const struct of structs) this.#addStruct(struct)
  }

  #addStruct(struct: PlacedStruct): void {
    if (this.#waitsForBlocked(struct)) this.#leave(struct, struct.to - struct.from)
    else if (!this.#add({ ...struct, source: this.#options.source })) this.#addCut(struct)
  }

  addDelete({ client, clock, length }: Range): void {
    const end = Math.min(clock + length, this.#blockedFrom(client))
    if (end < clock + length) this.#leftBytes += uintBytes(clock) + uintBytes(length)
    if (end <= clock) return
    const range = { client, clock, length: end - clock }
    if (this.#part.addDelete(range)) return
    this.#flush()
    this.#part.addDelete(range)
  }

  end(): SplitUpdate {
    this.#flush()
    return { parts: this.#parts, tooLarge: this.#tooLarge, leftBytes: this.#leftBytes }
  }

  /** @returns false when the struct does not even fit into a part of its own */
  #add(struct: WrittenStruct): boolean {
    if (this.#part.add(struct)) return true
    this.#flush()
    return this.#part.add(struct)
  }

  #addCut(struct: PlacedStruct): void {
    const { source, deletes, most } = this.#options
    const { client } = struct
    const cut = new Cut(source, struct)
    while (!cut.isDone) {
      const { clock, at } = cut
      let piece = cut.take(this.#part.room(client, clock))
      let isWide = false
      if (!piece) {
        const { length, bytes } = cut.least()
        const needed = 3 + uintBytes(client) + uintBytes(clock) + bytes
        if (deletes.covers(client, clock, length)) piece = cut.takeErased()
        else if (needed <= most) {
          piece = cut.takeLeast()
          isWide = true
          this.#part = this.#empty(most)
        } else this.#tooLarge.push({ client, clock, length, bytes: needed })
      }
      if (!piece || !this.#part.add(piece)) {
        this.#leave({ client, clock }, struct.to - at)
        return
      }
      if (isWide || !cut.isDone) this.#flush()
    }
  }

  #flush(): void {
    if (this.#part.isEmpty) return
    this.#parts.push(this.#part.encode())
    this.#part = this.#empty(this.#options.target)
  }

  #empty(most: number): UpdatePart {
    return new UpdatePart(most, this.#options.limits)
  }

  #leave({ client, clock }: Pick<Range, 'client' | 'clock'>, bytes: number): void {
    const { blocked } = this.#options
    this.#leftBytes += bytes
    if (!blocked.has(client)) blocked.set(client, clock)
  }

  #blockedFrom(client: number): number {
    return this.#options.blocked.get(client) ?? Number.POSITIVE_INFINITY
  }

  #waitsForBlocked({ client, clock, references }: PlacedStruct): boolean {
    if (this.#blockedFrom(client) <= clock) return true
    for (let at = 0; at < references.length; at += 2) {
      if (this.#blockedFrom(references[at] as number) <= (references[at + 1] as number)) return true
    }
    return false
  }
}
