import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { type ControlEvent, parseControl, SseEvent } from '../../protocol/index.ts'

/** Takes everything an SSE answer has, as it comes. */
export class Events {
  /** The chunks as they were enqueued, by reference. */
  readonly chunks: Uint8Array[] = []
  readonly all: EventSourceMessage[] = []
  comments = 0
  /** Over, and how: ended properly, or cut with an error. */
  over: 'ended' | 'cut' | undefined
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>

  constructor(response: Response) {
    if (!response.body) throw new Error('the answer has no body')
    this.#reader = response.body.getReader() as ReadableStreamDefaultReader<Uint8Array>
    void this.#pump()
  }

  get data(): string[] {
    return this.all.filter(({ event }) => event === SseEvent.data).map(({ data }) => data)
  }

  /** Data as bytes, of an answer in base64. */
  get bytes(): Buffer {
    return Buffer.concat(this.data.map(text => Buffer.from(text, 'base64')))
  }

  get controls(): ControlEvent[] {
    return this.all.filter(({ event }) => event === SseEvent.control).map(({ data }) => parseControl(data))
  }

  /** The client goes away. */
  leave(): Promise<void> {
    return this.#reader.cancel()
  }

  async #pump(): Promise<void> {
    const decoder = new TextDecoder()
    const parser = createParser({
      onEvent: event => this.all.push(event),
      onComment: () => {
        this.comments++
      },
    })
    try {
      for (;;) {
        const { done, value } = await this.#reader.read()
        if (done) break
        this.chunks.push(value)
        parser.feed(decoder.decode(value, { stream: true }))
      }
      this.over = 'ended'
    } catch {
      this.over = 'cut'
    }
  }
}
