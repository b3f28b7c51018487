import * as encoding from 'lib0/encoding'
import { Ranges } from './ranges.ts'
import { ByteReader } from './update-bytes.ts'
import { type UpdateLimits, updateLimits } from './update-limits.ts'
import { type PlacedStruct, StructSection } from './update-structs.ts'

/** What a V1 update carries, read from its bytes without building any of it. */
export interface UpdateSummary {
  /** The clocks of its items and garbage, without those it skips. */
  readonly structs: Ranges
  /** The clocks its delete set names. */
  readonly deletes: Ranges
  /** The clocks of structs without content: deleted for whoever reads them, named in `deletes` or not. */
  readonly erased: Ranges
  /**
   * Per client, the clock that its content must reach, in the document and this update together, before everything in
   * the update takes effect: the start of each run, the end of what other clients' structs refer to and of what is
   * deleted. See `causalGap`.
   */
  readonly requires: ReadonlyMap<number, number>
  /** The index of the byte at which the delete set begins. */
  readonly structsEnd: number
  /** Structs of all kinds, skips included. */
  readonly structCount: number
}

const leastDeleteSection = 2 // bytes: client, range count
const leastDeleteRange = 2 // bytes: clock, length

const readDeletes = (reader: ByteReader, limits: UpdateLimits, section: StructSection): Ranges => {
  const deletes = new Ranges()
  const seen = new Set<number>()
  let total = 0
  const sections = reader.count(leastDeleteSection, limits.clients, 'clients with deletions')
  for (let left = sections; left > 0; left--) {
    const client = reader.uint()
    if (seen.has(client)) reader.fail('a client with two lists of deletions')
    seen.add(client)
    const count = reader.count(leastDeleteRange, limits.deleteRanges - total, 'more deletions')
    total += count
    let end = 0
    for (let range = count; range > 0; range--) {
      const clock = reader.uint()
      const length = reader.uint()
      // Yjs parks deletions of unknown content as differences, which these would turn into other ones or a throw.
      if (clock < end) reader.fail('deletions that overlap or do not ascend')
      if (length === 0) reader.fail('an empty deletion')
      end = clock + length
      if (end > limits.clock) reader.fail(`clock ${end} is above the limit`)
      deletes.add(client, clock, length)
    }
    if (end > 0) section.require(client, end)
  }
  return deletes
}

/**
 * Walks over one update in linear time, without recursion and without building structs. What it accepts, Yjs can read.
 * @param onStruct called for each struct but skips, in the order of the bytes
 * @throws UpdateError unless the bytes are exactly one whole, well-formed V1 update within the limits
 */
export const readUpdate = (
  bytes: Uint8Array,
  limits: UpdateLimits = updateLimits,
  onStruct?: (struct: PlacedStruct) => void,
): UpdateSummary => {
  const reader = new ByteReader(bytes)
  const section = new StructSection(reader, limits, onStruct)
  section.read()
  const structsEnd = reader.at
  const deletes = readDeletes(reader, limits, section)
  if (reader.left > 0) reader.fail(`${reader.left} bytes after the end of the update`)
  const { structs, erased, requires, count } = section
  return { structs, deletes, erased, requires, structsEnd, structCount: count }
}

/** Whether an update changes nothing, whatever document it meets. */
export const isEmptyUpdate = ({ structs, deletes }: Pick<UpdateSummary, 'structs' | 'deletes'>): boolean =>
  structs.isEmpty && deletes.isEmpty

/**
 * What a document must get before all of an update takes effect: content the update refers to, deletes or starts after,
 * that neither the document nor the update has. Empty when the update can be applied as it is.
 * @param stateOf the document's state vector: how many clocks of a client it holds without a gap
 */
export const causalGap = (
  { requires, structs }: Pick<UpdateSummary, 'requires' | 'structs'>,
  stateOf: (client: number) => number,
): Ranges => {
  const wanted = new Ranges()
  for (const [client, clock] of requires) {
    const state = stateOf(client)
    if (clock > state) wanted.add(client, state, clock - state)
  }
  return wanted.isEmpty ? wanted : structs.missingFrom(wanted)
}

/** The delete set of a V1 update, byte for byte as Yjs writes it: clients descending, clocks ascending. */
export const encodeDeletes = (deletes: Ranges): Uint8Array => {
  const encoder = encoding.createEncoder()
  const clients = deletes.clients().reverse()
  encoding.writeVarUint(encoder, clients.length)
  for (const client of clients) {
    const ranges = deletes.of(client)
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, ranges.length)
    for (const { clock, length } of ranges) {
      encoding.writeVarUint(encoder, clock)
      encoding.writeVarUint(encoder, length)
    }
  }
  return encoding.toUint8Array(encoder)
}

/** An update with the structs of `bytes`, as they are, and these deletions in place of its own. */
export const trimUpdate = (
  bytes: Uint8Array,
  { structsEnd }: Pick<UpdateSummary, 'structsEnd'>,
  keepDeletes: Ranges,
): Uint8Array => {
  const deletes = encodeDeletes(keepDeletes)
  const update = new Uint8Array(structsEnd + deletes.length)
  update.set(bytes.subarray(0, structsEnd))
  update.set(deletes, structsEnd)
  return update
}
