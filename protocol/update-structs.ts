import { Ranges } from './ranges.ts'
import type { ByteReader } from './update-bytes.ts'
import { StructKind, skipContent } from './update-content.ts'
import type { UpdateLimits } from './update-limits.ts'
import { WaitGraph } from './update-order.ts'

const hasOrigin = 0x80
const hasRightOrigin = 0x40
const hasParentSub = 0x20
const kindBits = 0x1f

const leastSection = 3 // bytes: struct count, client, clock
const leastStruct = 2 // bytes: a first byte, a length

/** The struct section of an update, walked over once, and what was seen on the way. */
export class StructSection {
  readonly structs = new Ranges()
  readonly erased = new Ranges()
  readonly requires = new Map<number, number>()
  count = 0

  readonly #reader: ByteReader
  readonly #limits: UpdateLimits
  readonly #rootNames = new Set<string>()
  #subdocuments = 0
  #order: WaitGraph | undefined
  #client = 0
  #clock = 0

  constructor(reader: ByteReader, limits: UpdateLimits) {
    this.#reader = reader
    this.#limits = limits
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
      const info = this.#reader.byte()
      if (info === StructKind.skip) {
        this.#closeRun(runStart)
        this.#pass(this.#reader.uint())
        runStart = this.#clock
      } else if (info === StructKind.gc) this.#erase(this.#reader.uint())
      else this.#readItem(info)
    }
    this.#closeRun(runStart)
  }

  #readItem(info: number): void {
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
    const length = skipContent(reader, kind, this.#limits)
    if (kind === StructKind.deleted) this.#erase(length)
    else this.#pass(length)
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
    } else if (clock >= this.#clock) this.#reader.fail('a struct that refers to itself or to a later one')
  }

  #readRootName(): void {
    const name = this.#reader.text()
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
