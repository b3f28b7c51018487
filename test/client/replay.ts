import {
  ContentType,
  type ControlEvent,
  controlEvent,
  dataEvent,
  Header,
  heartbeat,
  type Offset,
  Query,
  Sentinel,
  SseEncoding,
} from '../../protocol/index.ts'
import type { Seen } from './world.ts'

/** A closed binary stream, and the answers that a server would give to its readers. */
export class Replay {
  readonly entries: readonly Uint8Array[]

  constructor(entries: readonly Uint8Array[]) {
    this.entries = entries
  }

  offset(index: number): Offset {
    return `0000_${index.toString().padStart(4, '0')}` as Offset
  }

  /** How many entries lie before an offset. */
  index(offset: string | null): number {
    return offset === Sentinel.start || offset === null ? 0 : Number(offset.slice(5))
  }

  /** Our own server's dialect: a control event after every data event, and heartbeats. */
  ours(from: number): Uint8Array {
    let text = heartbeat
    for (let index = from; index < this.entries.length; index++) {
      text += dataEvent(this.#base64(index)) + controlEvent(this.#control(index + 1)) + heartbeat
    }
    if (from === this.entries.length) text += controlEvent(this.#control(from))
    return new TextEncoder().encode(text)
  }

  /** The reference's dialect: all there is, then one control event, and no space after the colon. */
  theirs(from: number): Uint8Array {
    let text = ''
    for (let index = from; index < this.entries.length; index++)
      text += `event: data\ndata:${this.#base64(index)}\n\n`
    text += controlEvent(this.#control(this.entries.length)).replace('data: ', 'data:')
    return new TextEncoder().encode(text)
  }

  /** Everything that the format allows besides: CR LF, comments, unknown events and fields, base64 over several lines. */
  strange(from: number): Uint8Array {
    let text = ':hello\r\n\r\nretry: 10\r\nid: 7\r\nevent: later\r\ndata: {}\r\n\r\n'
    for (let index = from; index < this.entries.length; index++) {
      const lines = this.#base64(index).replace(/.{4}/g, '$&\n').trimEnd()
      text += `${dataEvent(lines)}: between\n\n${controlEvent(this.#control(index + 1))}`.replaceAll(
        '\n',
        '\r\n',
      )
    }
    if (from === this.entries.length) text += controlEvent(this.#control(from))
    return new TextEncoder().encode(text)
  }

  #base64(index: number): string {
    return Buffer.from(this.entries[index] ?? []).toString('base64')
  }

  #control(index: number): ControlEvent {
    const last = index === this.entries.length
    return { nextOffset: this.offset(index), cursor: `c${index}`, upToDate: last, closed: last }
  }
}

export const eventHeaders = {
  'Content-Type': ContentType.eventStream,
  [Header.sseEncoding]: SseEncoding.base64,
}

export const events = (body: ReadableStream | string): Response =>
  new Response(body, { headers: eventHeaders })

/** The live parameters of a request. */
export const asked = ({ url }: Seen) => ({
  offset: url.searchParams.get(Query.offset),
  live: url.searchParams.get(Query.live) ?? undefined,
  cursor: url.searchParams.get(Query.cursor) ?? undefined,
})

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
