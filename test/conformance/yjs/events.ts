import { expect } from 'vitest'

export interface Control {
  readonly streamNextOffset: string
  readonly streamCursor?: string
  readonly upToDate?: boolean
}

type Event =
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'control'; readonly control: Control }

/** An event stream (section 5.3), event by event as they arrive. */
export class Events {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #decoder = new TextDecoder()
  #text = ''

  constructor(answer: Response) {
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toMatch(/^text\/event-stream/)
    expect(answer.headers.get('stream-sse-data-encoding')).toBe('base64')
    if (!answer.body) throw new Error('an event stream without a body')
    this.#reader = answer.body.getReader()
  }

  /** @throws Error when the stream ends before there is another */
  async next(): Promise<Event> {
    for (;;) {
      const end = this.#text.indexOf('\n\n')
      if (end < 0) {
        const { done, value } = await this.#reader.read()
        if (done) throw new Error('the event stream ended')
        this.#text += this.#decoder.decode(value, { stream: true })
        continue
      }
      const lines = this.#text.slice(0, end).split('\n')
      this.#text = this.#text.slice(end + 2)
      const linesOf = (field: string) =>
        lines
          .filter(line => line.startsWith(`${field}:`))
          .map(line => line.slice(field.length + 1).replace(/^ /, ''))
          .join('')
      const kind = linesOf('event')
      if (kind === 'data') return { kind, bytes: Buffer.from(linesOf('data'), 'base64') }
      if (kind === 'control') return { kind, control: JSON.parse(linesOf('data')) as Control }
    }
  }

  /** The next bytes, and the control event right behind them. */
  async data(): Promise<{ readonly bytes: Uint8Array; readonly control: Control }> {
    let event = await this.next()
    while (event.kind !== 'data') event = await this.next()
    const behind = await this.next()
    if (behind.kind !== 'control') throw new Error('data without a control event behind it')
    return { bytes: event.bytes, control: behind.control }
  }

  leave(): Promise<void> {
    return this.#reader.cancel()
  }
}
