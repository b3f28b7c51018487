import * as Y from 'yjs'
import { decodeFrames, type Range, Ranges } from '../../protocol/index.ts'
import { Held } from './held.ts'

export interface Frame {
  readonly update: Uint8Array
  readonly held: Held
}

/** Every update that became durable, in order, whatever was trimmed from the store since. */
export class Journal {
  readonly frames: Frame[] = []
  readonly held = new Held()
  readonly #doubled = new Ranges()
  bytes = 0
  /** The last replay, and of how many frames it was. */
  #replayed: { readonly frames: number; readonly doc: Y.Doc } | undefined

  append(record: Uint8Array): void {
    this.bytes += record.length
    for (const update of decodeFrames(record)) {
      const held = Held.of(update)
      this.#doubled.addAll(common(this.held.structs, held.structs))
      this.held.add(held)
      this.frames.push({ update: update.slice(), held })
    }
  }

  /** Structs that came although they were there: whoever sends them again, the server stores them once. */
  get doubled(): readonly Range[] {
    return [...this.#doubled]
  }

  /** The document that a reader of the whole log gets. Not to be changed. */
  replay(): Y.Doc {
    if (this.#replayed?.frames === this.frames.length) return this.#replayed.doc
    const doc = new Y.Doc()
    doc.transact(() => {
      for (const { update } of this.frames) Y.applyUpdate(doc, update)
    })
    this.#replayed = { frames: this.frames.length, doc }
    return doc
  }

  /** Whether whoever reads the log knows everything of `held`: what it says, or what follows from it. */
  covers(held: Held): boolean {
    if (this.held.covers(held)) return true
    if (!this.held.structs.missingFrom(held.structs).isEmpty) return false
    return Held.of(Y.encodeStateAsUpdate(this.replay())).covers(held)
  }
}

const common = (a: Ranges, b: Ranges): Ranges => a.missingFrom(b).missingFrom(b)
