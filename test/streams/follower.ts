import { Batch } from '../../server/streams/batch.ts'
import { type Held, reached, type Streams } from '../../server/streams/streams.ts'
import type { EndReason, LiveReader } from '../../server/streams/tail.ts'
import { text } from './fixture.ts'

/** The plainest live reader there can be: catches up from the store, waits at the tail, catches up when it must. */
export class Follower implements LiveReader {
  got = ''
  ended: EndReason | 'gap' | undefined
  /** Where each batch began and ended. */
  readonly places: (readonly [number, number])[] = []
  /** The incarnations of the stream that it got bytes of. */
  readonly lives = new Set<number>()
  readonly #streams: Streams
  readonly #name: string
  #held: Held | undefined
  #position = 0

  constructor(streams: Streams, name: string) {
    this.#streams = streams
    this.#name = name
  }

  /** Whether it waits at the tail or catches up. */
  get following(): boolean {
    return this.#held !== undefined
  }

  async follow(from: 'start' | 'now'): Promise<void> {
    this.#held = await this.#streams.hold(this.#name)
    if (!this.#held) return
    this.#position = from === 'start' ? 0 : this.#held.state.tail
    await this.#catchUp(this.#held)
  }

  leave(): void {
    this.#held?.tail.detach(this)
    this.#held?.release()
    this.#held = undefined
  }

  deliver(batch: Batch): void {
    if (batch.to <= this.#position && !batch.closed) return
    if (batch.from === this.#position) this.#take(batch)
    else this.behind()
  }

  behind(): void {
    if (!this.#held) return
    this.#held.tail.detach(this)
    this.#catchUp(this.#held).catch(() => this.end('gone'))
  }

  end(reason: EndReason): void {
    this.ended = reason
    this.leave()
  }

  async #catchUp(held: Held): Promise<void> {
    while (this.#position < reached(held).tail) {
      const batch = await this.#streams.slice(this.#name, reached(held), this.#position)
      if (!this.#held) return
      if (!(batch instanceof Batch)) {
        this.ended = 'gap'
        return this.leave()
      }
      this.#take(batch)
    }
    if (reached(held).closed) this.end('closed')
    else held.tail.attach(this)
  }

  #take(batch: Batch): void {
    this.lives.add(batch.generation)
    this.places.push([batch.from, batch.to])
    this.#position = batch.to
    this.got += text(batch.body())
  }
}
