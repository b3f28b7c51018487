import type { Chance } from './chance.ts'
import type { Clock } from './clock.ts'
import type { Fate } from './weather.ts'

export interface BodyPipeParts {
  readonly body: ReadableStream<Uint8Array>
  readonly chance: Chance
  readonly clock: Clock
  readonly doom: Fate['body']
  /** Whether nothing arrives before everything has. */
  readonly holds: boolean
  /** Runs `task` when something gets through. */
  passes(task: () => void): void
  /** Runs `task` when the client takes in what arrived. */
  hears(task: () => void): void
  /** Milliseconds for the next bytes. */
  latency(): number
  /** Called once: the client has all it will get, or wants no more. */
  over(how: 'whole' | 'cut' | 'clipped' | 'failed' | 'left'): void
}

const mostPieces = 4

/** The body of an answer on its way: in pieces that begin and end at any byte, and perhaps not all of them. */
export class BodyPipe {
  readonly stream: ReadableStream<Uint8Array>
  readonly #parts: BodyPipeParts
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  /** What is on its way, in order: nothing overtakes, whenever the line is cut and mended. */
  readonly #coming: { readonly at: number; readonly task: () => void }[] = []
  #arrived = 0
  #over = false

  constructor(parts: BodyPipeParts) {
    this.#parts = parts
    this.#reader = parts.body.getReader()
    this.stream = new ReadableStream<Uint8Array>({
      start: controller => {
        this.#controller = controller
      },
      cancel: () => this.#end('left'),
    })
    void this.#pump()
  }

  /** The client gave up, or the connection broke. */
  fail(reason: unknown): void {
    if (this.#over) return
    this.#controller?.error(reason)
    this.#end('failed')
  }

  /** Reads as fast as the line takes it: while the client is cut off, what the server writes piles up at the server. */
  async #pump(): Promise<void> {
    const held: Uint8Array[] = []
    const send = (bytes: Uint8Array) => {
      for (const piece of this.#split(bytes)) this.#later(() => this.#arrive(piece))
    }
    try {
      for (;;) {
        await new Promise<void>(resolve => this.#parts.passes(resolve))
        const { done, value } = await this.#reader.read()
        if (this.#over) return
        if (done) {
          for (const bytes of held) send(bytes)
          return this.#later(() => this.#close())
        }
        if (this.#parts.holds) held.push(value)
        else send(value)
      }
    } catch (error) {
      this.#later(() => this.fail(new TypeError('terminated', { cause: error })))
    }
  }

  #later(task: () => void): void {
    this.#coming.push({ at: this.#parts.clock.now() + this.#parts.latency(), task })
    if (this.#coming.length === 1) this.#next()
  }

  #next(): void {
    const { clock, passes, hears } = this.#parts
    const first = this.#coming[0]
    if (!first || this.#over) return
    const arrive = () => {
      first.task()
      this.#coming.shift()
      this.#next()
    }
    clock.after(first.at - clock.now(), () => passes(() => hears(arrive)))
  }

  #split(bytes: Uint8Array): Uint8Array[] {
    const { chance } = this.#parts
    const pieces: Uint8Array[] = []
    let from = 0
    for (let left = chance.whole(0, mostPieces - 1); left > 0 && from < bytes.length - 1; left--) {
      const to = chance.whole(from + 1, bytes.length - 1)
      pieces.push(bytes.slice(from, to))
      from = to
    }
    pieces.push(bytes.slice(from))
    return pieces
  }

  #arrive(piece: Uint8Array): void {
    if (this.#over) return
    const { end, after } = this.#parts.doom
    const left = end === 'whole' ? piece.length : after - this.#arrived
    if (left >= piece.length) {
      this.#arrived += piece.length
      this.#controller?.enqueue(piece)
      return
    }
    if (left > 0) this.#controller?.enqueue(piece.slice(0, left))
    this.#arrived = after
    if (end === 'frozen') return
    if (end === 'clipped') this.#controller?.close()
    else this.#controller?.error(new TypeError('terminated'))
    this.#end(end === 'clipped' ? 'clipped' : 'cut')
  }

  #close(): void {
    if (this.#over || (this.#parts.doom.end === 'frozen' && this.#arrived >= this.#parts.doom.after)) return
    this.#controller?.close()
    this.#end('whole')
  }

  #end(how: Parameters<BodyPipeParts['over']>[0]): void {
    if (this.#over) return
    this.#over = true
    this.#reader.cancel().catch(() => undefined)
    this.#parts.over(how)
  }
}
