import type { Logger } from 'pino'
import { ContentType, formatOffset, type Place, snapshotOffset } from '../../protocol/index.ts'
import type { StreamState } from '../rules/state.ts'
import type { Streams } from '../streams/streams.ts'
import {
  type DocumentName,
  documentOfUntold,
  indexStream,
  logStream,
  untoldPrefix,
  untoldStream,
} from './names.ts'
import { Snapshots } from './snapshots.ts'

/** Records an index keeps at least; it has fewer than twice as many. Offsets of these can still be acknowledged. */
export const indexRecords = 128

const json = { contentType: ContentType.json }
const encoder = new TextEncoder()
const page = 100

/**
 * Snapshots that are told of (YJS 5.11): each document has an index, a JSON stream that gets one message with every
 * snapshot that becomes the current one.
 * - I1 The message is appended after the pointer has moved: who is woken by it finds that snapshot, or a later one.
 * - I2 A mark is made before the pointer moves and removed after the message: of what a crash left between the two the
 *   next start tells. A message too many may come of that, never one too few.
 * - I3 An index keeps its last messages; it does not grow with the number of snapshots.
 * - I4 It goes with its document.
 */
export class IndexedSnapshots extends Snapshots {
  readonly #streams: Streams
  readonly #logger: Logger

  constructor(streams: Streams, logger: Logger) {
    super(streams)
    this.#streams = streams
    this.#logger = logger
  }

  override async publish(name: DocumentName, place: Place, bytes: Uint8Array): Promise<boolean> {
    await this.#streams.create(untoldStream(name), {
      config: { contentType: ContentType.binary },
      body: new Uint8Array(),
      closed: false,
    })
    const published = await super.publish(name, place, bytes)
    // Also when another process was quicker: the mark is its as well.
    await this.#settle(name)
    return published
  }

  override async forget(name: DocumentName, generation: number): Promise<void> {
    await super.forget(name, generation)
    if (await this.#streams.load(logStream(name))) return
    await this.#streams.remove(indexStream(name))
    // A life that began meanwhile may have told of its snapshot in what was just removed.
    await this.#tell(name)
  }

  /** Tells of what a crash left untold. To be called before there are requests. Never rejects. */
  async recover(): Promise<void> {
    try {
      let after: string | undefined
      for (;;) {
        const marks = await this.#streams.list(untoldPrefix, after, page)
        for (const mark of marks) await this.#settle(documentOfUntold(mark))
        after = marks.at(-1)
        if (marks.length < page) return
      }
    } catch (error) {
      this.#logger.error({ err: error }, 'snapshots that were not told of could not be looked for')
    }
  }

  /** The snapshot is published and stays so whatever happens here; the mark is kept for another try at the next start. */
  async #settle(name: DocumentName): Promise<void> {
    try {
      await this.#tell(name)
      await this.#streams.remove(untoldStream(name))
    } catch (error) {
      this.#logger.error(
        { err: error },
        'subscribers could not be told of a snapshot; the next start tells them',
      )
    }
  }

  async #tell(name: DocumentName): Promise<void> {
    const current = await this.current(name)
    if (!current?.pointer) return
    const { generation } = current.state
    const place = formatOffset({ generation, position: current.pointer.position })
    const message = encoder.encode(JSON.stringify({ snapshot: snapshotOffset(place) }))
    const state = await this.#append(indexStream(name), message)
    await this.#shorten(indexStream(name), state, message.length)
    // The document may have gone, and its index with it, before this one began.
    if (!(await this.#streams.load(logStream(name)))) await this.#streams.remove(indexStream(name))
  }

  async #append(stream: string, body: Uint8Array): Promise<StreamState> {
    for (;;) {
      const appended = await this.#streams.append(stream, { body, ...json, close: false })
      if (appended.kind === 'appended') return appended.state
      const created = await this.#streams.create(stream, { config: json, body, closed: false })
      if (created.kind === 'created') return created.state
      if (appended.kind !== 'missing' || created.kind !== 'exists') {
        throw new Error(`the index of a document takes no message (${appended.kind}, ${created.kind})`)
      }
    }
  }

  /** All messages of one index are equally long: offsets have a fixed width. */
  async #shorten(stream: string, { generation, start, tail }: StreamState, bytes: number): Promise<void> {
    const kept = indexRecords * bytes
    if (tail - start >= 2 * kept) await this.#streams.trim(stream, generation, tail - kept)
  }
}
