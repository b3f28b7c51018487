import type { StreamState } from '../rules/state.ts'
import type { Batch } from './batch.ts'

/** Why a live reader is let go: nothing will ever follow, the stream is no more, or this server is stopping. */
export type EndReason = 'closed' | 'gone' | 'draining'

/** Somebody waiting at the tail. The calls are made in order and must neither throw nor block. */
export interface LiveReader {
  /** A batch that became durable. It may begin past what this reader has: then the rest is in the store. */
  deliver(batch: Batch): void
  /** There is more, or an end, that nobody here can hand over as a batch: it is in the store. */
  behind(): void
  end(reason: EndReason): void
}

/**
 * The end of one stream, as far as this process knows it, and who waits there. It is held from before the stream is
 * loaded until the reader is done, so that no commit falls between the load and the wait.
 */
export class Tail {
  #generation: number | undefined
  #position = 0
  #closed = false
  #ended: EndReason | undefined
  readonly #readers = new Set<LiveReader>()

  /** The position after the last byte that was published here, or seen while nothing was to be published. */
  get position(): number {
    return this.#position
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Set once the stream is no more or the server is stopping. */
  get ended(): EndReason | undefined {
    return this.#ended
  }

  /**
   * What a load saw. It may be more than was published: a commit of this process, whose batch follows and is handed to
   * everybody then; or, when none is under way, one of another process, which nobody here publishes.
   * @returns false when that is another incarnation of the stream than the one this is the tail of
   */
  settle({ generation, tail, closed }: StreamState, commitUnderWay: boolean): boolean {
    if (!this.#meets(generation)) return false
    if (commitUnderWay) return true
    if (this.#advance(tail, closed)) for (const reader of [...this.#readers]) reader.behind()
    return true
  }

  /** From now on `reader` gets every batch. */
  attach(reader: LiveReader): void {
    if (this.#ended) reader.end(this.#ended)
    else this.#readers.add(reader)
  }

  detach(reader: LiveReader): void {
    this.#readers.delete(reader)
  }

  /** Hands a committed batch to everybody waiting, also to who has it from the store; one that is no news is ignored. */
  publish(batch: Batch): void {
    if (!this.#meets(batch.generation) || !this.#advance(batch.to, batch.closed)) return
    // A copy: a reader that falls behind leaves and may be back before the next one has its turn.
    for (const reader of [...this.#readers]) reader.deliver(batch)
    if (batch.closed) this.#release('closed')
  }

  /** Lets everybody go, now and later. */
  end(reason: EndReason): void {
    this.#ended ??= reason
    this.#release(reason)
  }

  /** Whether this is the tail of that incarnation. A later one says that this one is no more. */
  #meets(generation: number): boolean {
    if (this.#generation !== undefined && generation > this.#generation) this.end('gone')
    if (this.#ended === 'gone' || generation < (this.#generation ?? 0)) return false
    this.#generation = generation
    return true
  }

  /** @returns whether that is news */
  #advance(position: number, closed: boolean): boolean {
    const isNews = position > this.#position || (closed && !this.#closed)
    this.#position = Math.max(this.#position, position)
    this.#closed ||= closed
    return isNews
  }

  #release(reason: EndReason): void {
    const readers = [...this.#readers]
    this.#readers.clear()
    for (const reader of readers) reader.end(reason)
  }
}

/** The tails somebody holds, by stream name. */
export class Tails {
  readonly #held = new Map<string, { readonly tail: Tail; holders: number }>()
  #draining = false

  /** How many hold the tail of `name`. */
  holders(name: string): number {
    return this.#held.get(name)?.holders ?? 0
  }

  hold(name: string): { readonly tail: Tail; release(): void } {
    let held = this.#held.get(name)
    if (held?.tail.ended === 'gone') held = undefined
    if (!held) {
      held = { tail: new Tail(), holders: 0 }
      if (this.#draining) held.tail.end('draining')
      this.#held.set(name, held)
    }
    held.holders++
    const mine = held
    let released = false
    const release = () => {
      if (released) return
      released = true
      mine.holders--
      if (mine.holders === 0 && this.#held.get(name) === mine) this.#held.delete(name)
    }
    return { tail: held.tail, release }
  }

  publish(name: string, batch: Batch): void {
    this.#held.get(name)?.tail.publish(batch)
  }

  /** The stream is no more; a later one of the same name gets a tail of its own. */
  forget(name: string): void {
    const held = this.#held.get(name)
    this.#held.delete(name)
    held?.tail.end('gone')
  }

  drain(): void {
    this.#draining = true
    for (const { tail } of this.#held.values()) tail.end('draining')
  }
}
