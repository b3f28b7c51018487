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
  /** Structs that came although they were there. */
  readonly doubled: Range[] = []
  bytes = 0

  append(record: Uint8Array): void {
    this.bytes += record.length
    for (const update of decodeFrames(record)) {
      const held = Held.of(update)
      this.doubled.push(...common(this.held.structs, held.structs))
      this.held.add(held)
      this.frames.push({ update: update.slice(), held })
    }
  }

  /** The document that a reader of the whole log gets. */
  replay(): Y.Doc {
    const doc = new Y.Doc()
    doc.transact(() => {
      for (const { update } of this.frames) Y.applyUpdate(doc, update)
    })
    return doc
  }

  /** Whether whoever reads the log knows everything of `held`: what it says, or what follows from it. */
  covers(held: Held): boolean {
    if (this.held.covers(held)) return true
    if (!this.held.structs.missingFrom(held.structs).isEmpty) return false
    const doc = this.replay()
    const all = Held.of(Y.encodeStateAsUpdate(doc))
    doc.destroy()
    return all.covers(held)
  }
}

const common = (a: Ranges, b: Ranges): Range[] => {
  const onlyB = a.missingFrom(b)
  const both = new Ranges()
  both.addAll(b)
  return [...onlyB.missingFrom(both)]
}
