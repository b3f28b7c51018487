import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'
import {
  ownLimits,
  type Range,
  Ranges,
  readUpdate,
  trimUpdate,
  type UpdateSummary,
} from '../protocol/index.ts'

/**
 * What the server holds of a document, as far as was read from it or acknowledged by it: which structs, which deletes.
 * A diff by state vector alone would carry the whole delete set each time, and miss what a gap in a log hides.
 */
export class Ledger {
  #structs = new Ranges()
  #deletes = new Ranges()
  /** Of the first structs that the server was known to hold: what every later state of the same document has. */
  #root: Range | undefined

  /** Whether a document that has these structs, and no more, can be the one that was read. */
  recognises(structs: Ranges): boolean {
    const root = this.#root
    return !root || structs.covers(root.client, root.clock, root.length)
  }

  /** The server holds this update. */
  add({ structs, deletes, erased }: UpdateSummary): void {
    const [first] = structs
    this.#root ??= first
    this.#structs.addAll(structs)
    this.#deletes.addAll(deletes)
    this.#deletes.addAll(erased)
  }

  /** What came into the document erased, because what it belongs to is gone: whoever reads it finds it so. */
  imply({ deletes, erased }: Pick<UpdateSummary, 'deletes' | 'erased'>): void {
    this.#deletes.addAll(deletes.missingFrom(erased))
  }

  /** For another tab, or the next visit: what `merge` takes. */
  encode(): Uint8Array {
    return encoding.encode(encoder => {
      encoding.writeVarUint(encoder, format)
      writeRanges(encoder, this.#structs)
      writeRanges(encoder, this.#deletes)
      writeRanges(encoder, rangesOf(this.#root))
    })
  }

  /**
   * The server holds what another ledger of the same document says as well.
   * @throws Error for bytes that no ledger of this version encoded; nothing was taken from them
   */
  merge(encoded: Uint8Array): void {
    const { structs, deletes, root } = decode(encoded)
    this.#structs.addAll(structs)
    this.#deletes.addAll(deletes)
    this.#root ??= root
  }

  /** The server holds what another ledger of the same document says, and nothing else. @throws Error as `merge` */
  replace(encoded: Uint8Array): void {
    const { structs, deletes } = decode(encoded)
    this.#structs = structs
    this.#deletes = deletes
  }

  /**
   * Whether another ledger can be of the document that was read here: whichever of the two knows more of it has what the other
   * began with. Undefined when the other one found nothing yet, where this one did. @throws Error as `merge`
   */
  resembles(encoded: Uint8Array): boolean | undefined {
    const { structs, root } = decode(encoded)
    if (this.#root && !root) return undefined
    return hasAll(structs, this.#root) || hasAll(this.#structs, root)
  }

  /** The server says that it lacks these structs. @returns whether `doc` has them */
  lacks(structs: Ranges, doc: Y.Doc): boolean {
    this.#structs = structs.missingFrom(this.#structs)
    return [...structs].every(({ client, clock, length }) => clock + length <= Y.getState(doc.store, client))
  }

  /** What of an update the server has not. */
  lacking({ structs, deletes }: UpdateSummary): Pick<UpdateSummary, 'structs' | 'deletes'> {
    return { structs: this.#structs.missingFrom(structs), deletes: this.#deletes.missingFrom(deletes) }
  }

  /** Whether the server has everything in an update. */
  holds(summary: UpdateSummary): boolean {
    const { structs, deletes } = this.lacking(summary)
    return structs.isEmpty && deletes.isEmpty
  }

  /** An update with what `doc` has and the server has not; undefined when there is nothing. */
  missing(doc: Y.Doc): Uint8Array | undefined {
    const state = Y.decodeStateVector(Y.encodeStateVector(doc))
    const deletes = this.#deletes.missingFrom(deletesOf(doc))
    let owed = false
    for (const [client, clock] of state) {
      const held = this.#structs.contiguous(client)
      if (this.#structs.covers(client, 0, clock)) continue
      state.set(client, Math.min(held, clock))
      owed = true
    }
    if (!owed && deletes.isEmpty) return undefined
    const update = settledOnly(doc, () => Y.encodeStateAsUpdate(doc, Y.encodeStateVector(state)))
    return trimUpdate(update, readUpdate(update, ownLimits), deletes)
  }
}

const format = 1

const hasAll = (ranges: Ranges, range: Range | undefined): boolean =>
  !range || ranges.covers(range.client, range.clock, range.length)

const rangesOf = (range: Range | undefined): Ranges => {
  const ranges = new Ranges()
  if (range) ranges.add(range.client, range.clock, range.length)
  return ranges
}

/** Per client: how many runs, then for each how far it is from the end of the one before, and how long. */
const writeRanges = (encoder: encoding.Encoder, ranges: Ranges): void => {
  const clients = ranges.clients()
  encoding.writeVarUint(encoder, clients.length)
  for (const client of clients) {
    const runs = ranges.of(client)
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, runs.length)
    let end = 0
    for (const { clock, length } of runs) {
      encoding.writeVarUint(encoder, clock - end)
      encoding.writeVarUint(encoder, length)
      end = clock + length
    }
  }
}

const readRanges = (decoder: decoding.Decoder): Ranges => {
  const ranges = new Ranges()
  for (let clients = decoding.readVarUint(decoder); clients > 0; clients--) {
    const client = decoding.readVarUint(decoder)
    let end = 0
    for (let runs = decoding.readVarUint(decoder); runs > 0; runs--) {
      const clock = end + decoding.readVarUint(decoder)
      const length = decoding.readVarUint(decoder)
      ranges.add(client, clock, length)
      end = clock + length
    }
  }
  return ranges
}

const decode = (encoded: Uint8Array) => {
  const decoder = decoding.createDecoder(encoded)
  const found = decoding.readVarUint(decoder)
  if (found !== format) throw new Error(`a ledger of version ${found}, where ${format} is known`)
  const [structs, deletes] = [readRanges(decoder), readRanges(decoder)]
  const [root] = readRanges(decoder)
  return { structs, deletes, root }
}

const deletesOf = (doc: Y.Doc): Ranges => {
  const ranges = new Ranges()
  for (const [client, items] of Y.createDeleteSetFromStructStore(doc.store).clients) {
    for (const { clock, len } of items) ranges.add(client, clock, len)
  }
  return ranges
}

/** Yjs adds what waits for other changes to every state it encodes. That is no part of the document yet: its author sends it. */
const settledOnly = <Result>({ store }: Y.Doc, encode: () => Result): Result => {
  const { pendingStructs, pendingDs } = store
  store.pendingStructs = null
  store.pendingDs = null
  try {
    return encode()
  } finally {
    store.pendingStructs = pendingStructs
    store.pendingDs = pendingDs
  }
}
