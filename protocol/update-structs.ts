import { Ranges } from './ranges.ts'
import type { ByteReader } from './update-bytes.ts'
import { StructKind, skipContent } from './update-content.ts'
import type { UpdateLimits } from './update-limits.ts'
import { WaitGraph } from './update-order.ts'

/** The high bits of a struct's first byte, and the low ones, which are a `StructKind`. */
export const hasOrigin = 0x80
export const hasRightOrigin = 0x40
const hasParentSub = 0x20
export const kindBits = 0x1f

const leastSection = 3 // bytes: struct count, client, clock
const leastStruct = 2 // bytes: a first byte, a length

/** Where a struct lies in the bytes of an update, and what it needs. */
export interface PlacedStruct {
  readonly client: number
  readonly clock: number
  readonly length: number
  readonly from: number
  /** Where its content begins, after origins and parent. */
  readonly contentFrom: number
  readonly to: number
  /** The root type that it names as its parent. */
  readonly root: string | undefined
  /** What of other clients it refers to: client, clock, client, clock, … */
  readonly references: readonly number[]
}

const none: readonly number[] = []

/** The struct section of an update, walked over once, and what was seen on the way. */
export class StructSection {
  readonly structs = new Ranges()
  readonly erased = new Ranges()
  readonly requires = new Map<number, number>()
  count = 0

  readonly #reader: ByteReader
  readonly #limits: UpdateLimits
  readonly #onStruct: ((struct: PlacedStruct) => void) | undefined
  readonly #rootNames = new Set<string>()
  #subdocuments = 0
  #order: WaitGraph | undefined
  #client = 0
  #clock = 0
  #root: string | undefined
  #references = none

  /** @param onStruct called for each struct but skips, in the order of the bytes */
  constructor(reader: ByteReader, limits: UpdateLimits, onStruct?: (struct: PlacedStruct) => void) {
    this.#reader = reader
    this.#limits = limits
    this.#onStruct = onStruct
  }

  /** @throws UpdateError */
  read(): void {
    const reader = this.#reader
    const sections = reader.count(leastSection, this.#limits.clients, 'clients')
    let previous = Number.POSITIVE_INFINITY
    for (let left = sections; left > 0; left--) {
      const structs = reader.count(leastStruct, this.#limits.structs - this.count, 'more structs')
      this.count += structs
      this.#client = reader.uint()
      // Every encoder writes clients so and mergeUpdates relies on it; of a client met twice, Yjs loses the first.
      if (this.#client >= previous) reader.fail('clients that do not descend')
      previous = this.#client
      this.#clock = reader.uint()
      this.#readClient(structs)
    }
    const client = this.#order?.circle(this.structs)
    if (client !== undefined) reader.fail(`structs of client ${client} wait for each other in a circle`)
  }

  /** Notes that `client` must have come as far as `clock` for the update to take effect. */
  require(client: number, clock: number): void {
    const known = this.requires.get(client)
    if (known === undefined || known < clock) this.requires.set(client, clock)
  }

  #readClient(structs: number): void {
    let runStart = this.#clock
    for (let left = structs; left > 0; left--) {
      const from = this.#reader.at
      const info = this.#reader.byte()
      if (info === StructKind.skip) {
        this.#closeRun(runStart)
        this.#pass(this.#reader.uint())
        runStart = this.#clock
      } else if (info === StructKind.gc) {
        const clock = this.#clock
        this.#erase(this.#reader.uint())
        this.#place(from, from + 1, clock)
      } else this.#readItem(info, from)
    }
    this.#closeRun(runStart)
  }

  #readItem(info: number, from: number): void {
    const reader = this.#reader
    if ((info & hasOrigin) !== 0) this.#readReference()
    if ((info & hasRightOrigin) !== 0) this.#readReference()
    if ((info & (hasOrigin | hasRightOrigin)) === 0) {
      const named = reader.uint()
      if (named === 1) this.#readRootName()
      else if (named === 0) this.#readReference()
      else reader.fail(`a parent given in way ${named}`)
      if ((info & hasParentSub) !== 0) reader.skipText()
    }
    const kind = info & kindBits
    if (kind === StructKind.doc && ++this.#subdocuments > this.#limits.subdocuments) {
      reader.fail(`more than ${this.#limits.subdocuments} subdocuments`)
    }
    const contentFrom = reader.at
    const clock = this.#clock
    const length = skipContent(reader, kind, this.#limits)
    if (kind === StructKind.deleted) this.#erase(length)
    else this.#pass(length)
    this.#place(from, contentFrom, clock)
  }

  /** The struct from `from` to here was read, and begins at `clock`. */
  #place(from: number, contentFrom: number, clock: number): void {
    if (!this.#onStruct) return
    this.#onStruct({
      client: this.#client,
      clock,
      length: this.#clock - clock,
      from,
      contentFrom,
      to: this.#reader.at,
      root: this.#root,
      references: this.#references,
    })
    this.#root = undefined
    this.#references = none
  }

  /** An origin, right origin or parent. */
  #readReference(): void {
    const client = this.#reader.uint()
    const clock = this.#reader.uint()
    if (client !== this.#client) {
      if (clock >= this.#limits.clock) this.#reader.fail(`clock ${clock} is above the limit`)
      this.require(client, clock + 1)
      this.#order ??= new WaitGraph()
      this.#order.add(this.#client, this.#clock, client, clock)
      if (this.#onStruct) this.#references = [...this.#references, client, clock]
    } else if (clock >= this.#clock) this.#reader.fail('a struct that refers to itself or to a later one')
  }

  #readRootName(): void {
    const name = this.#reader.text()
    this.#root = name
    if (this.#rootNames.has(name)) return
    if (this.#rootNames.size >= this.#limits.rootNames) {
      this.#reader.fail(`more than ${this.#limits.rootNames} root names`)
    }
    this.#rootNames.add(name)
  }

  #erase(length: number): void {
    const clock = this.#clock
    this.#pass(length)
    this.erased.add(this.#client, clock, length)
  }

  /** An empty struct takes no clock: Yjs integrates it anew with every delivery and fails to find it again. */
  #pass(length: number): void {
    if (length === 0) this.#reader.fail('an empty struct')
    this.#clock += length
    if (this.#clock > this.#limits.clock) this.#reader.fail(`clock ${this.#clock} is above the limit`)
  }

  #closeRun(start: number): void {
    if (this.#clock === start) return
    this.structs.add(this.#client, start, this.#clock - start)
    if (start > 0) this.require(this.#client, start)
  }
}
