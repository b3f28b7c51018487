import { ContentType, formatOffset, type Place } from '../../protocol/index.ts'
import { Batch } from '../streams/batch.ts'
import type { Streams } from '../streams/streams.ts'
import { type DocumentName, logStream, snapshotPrefix, snapshotStream } from './names.ts'

/** The note beside a document's log that says which snapshot is current. */
const note = 'snapshot'
const encoder = new TextEncoder()
const decoder = new TextDecoder()

export interface Pointer {
  /** The snapshot holds exactly the bytes before this position. */
  readonly position: number
  readonly bytes: number
}

const decodePointer = (bytes: Uint8Array | undefined): Pointer | undefined =>
  bytes && (JSON.parse(decoder.decode(bytes)) as Pointer)

/**
 * Snapshots of documents: each a closed stream of its own, named by the offset it was taken at, and one pointer beside the
 * log. A snapshot is written before the pointer names it and removed after the pointer has left it.
 */
export class Snapshots {
  readonly #streams: Streams

  constructor(streams: Streams) {
    this.#streams = streams
  }

  /** The document's log and its current snapshot, or undefined when there is no such document. */
  async current(name: DocumentName) {
    const found = await this.#streams.note(logStream(name), note)
    return found && { state: found.state, pointer: decodePointer(found.bytes) }
  }

  /** The bytes of one snapshot; undefined when it is not, or no longer, there. */
  async read(name: DocumentName, place: Place): Promise<Uint8Array | undefined> {
    const stream = snapshotStream(name, place)
    const state = await this.#streams.load(stream)
    if (!state) return undefined
    const parts: Uint8Array[] = []
    for (let position = 0; position < state.tail; ) {
      const batch = await this.#streams.slice(stream, state, position)
      if (!(batch instanceof Batch)) return undefined
      parts.push(batch.body())
      position = batch.to
    }
    const [first] = parts
    return parts.length === 1 && first ? first : Buffer.concat(parts)
  }

  /**
   * Stores the snapshot of everything before `place` and makes it the current one by compare-and-set.
   * @returns false when the document is no more or has a snapshot at or past that place; then nothing is kept
   */
  async publish(name: DocumentName, place: Place, bytes: Uint8Array): Promise<boolean> {
    const stream = snapshotStream(name, place)
    await this.#streams.create(stream, {
      config: { contentType: ContentType.binary },
      body: bytes,
      closed: true,
    })
    const pointer: Pointer = { position: place.position, bytes: bytes.length }
    let known: Pointer | undefined
    const published = await this.#streams.annotate(logStream(name), place.generation, note, current => {
      known = decodePointer(current)
      return known && known.position >= place.position ? undefined : encoder.encode(JSON.stringify(pointer))
    })
    if (!published && known?.position !== place.position) await this.#streams.remove(stream)
    return published
  }

  /** Removes what belongs to one life of a document, which is over, and to those before. */
  forget(name: DocumentName, generation: number): Promise<void> {
    return this.prune(name, { generation: generation + 1, position: 0 })
  }

  /** Removes every snapshot below a place: superseded ones, those of earlier lives, and what a crash left unpublished. */
  async prune(name: DocumentName, below: Place): Promise<void> {
    const prefix = snapshotPrefix(name)
    const limit = formatOffset(below)
    for (;;) {
      const found = await this.#streams.list(prefix, undefined, 100)
      const doomed = found.filter(stream => stream.slice(prefix.length) < limit)
      for (const stream of doomed) await this.#streams.remove(stream)
      if (doomed.length < 100) return
    }
  }
}
