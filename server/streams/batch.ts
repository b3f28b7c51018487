import { controlEvent, dataEvent, isTextual, type Offset } from '../../protocol/index.ts'
import { toBody } from '../rules/messages.ts'
import { offsetAt } from '../rules/parts.ts'
import type { StreamState } from '../rules/state.ts'

/** Appends that became visible together, in order, as live and catch-up readers get them. */
export class Batch {
  readonly generation: number
  readonly contentType: string
  /** The position of the first byte, and the one after the last. */
  readonly from: number
  readonly to: number
  /** The token of the position after the last byte. */
  readonly next: Offset
  /** Whether `to` was the tail when this batch was made. */
  readonly upToDate: boolean
  /** Whether nothing will ever follow. */
  readonly closed: boolean
  readonly records: readonly Uint8Array[]
  #events: { readonly cursor: string; readonly bytes: Uint8Array } | undefined

  /** @param state the stream these were appended to */
  constructor(state: StreamState, fields: Pick<Batch, 'from' | 'to' | 'upToDate' | 'closed' | 'records'>) {
    this.generation = state.generation
    this.contentType = state.config.contentType
    this.next = offsetAt(state, fields.to)
    this.from = fields.from
    this.to = fields.to
    this.upToDate = fields.upToDate
    this.closed = fields.closed
    this.records = fields.records
  }

  /** The bytes of a catch-up or long-poll answer. */
  body(): Uint8Array {
    return toBody(this.contentType, this.records)
  }

  /** The events of an SSE answer (PROTOCOL 5.8). Made once for all readers that get the same cursor. */
  events(cursor: string): Uint8Array {
    if (this.#events?.cursor !== cursor) {
      this.#events = { cursor, bytes: Buffer.from(this.#encode(cursor)) }
    }
    return this.#events.bytes
  }

  #encode(cursor: string): string {
    const control = controlEvent({
      nextOffset: this.next,
      cursor,
      upToDate: this.upToDate,
      closed: this.closed,
    })
    if (this.records.length === 0) return control
    const body = this.body()
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    return dataEvent(bytes.toString(isTextual(this.contentType) ? 'utf8' : 'base64')) + control
  }
}
