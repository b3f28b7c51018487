import * as Y from 'yjs'
import { Ranges } from '../../protocol/index.ts'

/** Which structs and which deletions some updates hold, as Yjs itself reads them. */
export class Held {
  readonly structs = new Ranges()
  readonly deletes = new Ranges()

  static of(update: Uint8Array): Held {
    const held = new Held()
    const { structs, ds } = Y.decodeUpdate(update)
    for (const struct of structs) {
      if (struct instanceof Y.Skip) continue
      const { client, clock } = struct.id
      held.structs.add(client, clock, struct.length)
      if (isErased(struct)) held.deletes.add(client, clock, struct.length)
    }
    for (const [client, items] of ds.clients) {
      for (const { clock, len } of items) held.deletes.add(client, clock, len)
    }
    return held
  }

  add({ structs, deletes }: Held): void {
    this.structs.addAll(structs)
    this.deletes.addAll(deletes)
  }

  covers({ structs, deletes }: Held): boolean {
    return this.structs.missingFrom(structs).isEmpty && this.deletes.missingFrom(deletes).isEmpty
  }

  /** For people: what of `other` is not here. */
  lacking({ structs, deletes }: Held): string {
    const say = (ranges: Ranges) =>
      [...ranges].map(({ client, clock, length }) => `${client}@${clock}+${length}`).join(' ') || 'none'
    return `structs ${say(this.structs.missingFrom(structs))}, deletions ${say(this.deletes.missingFrom(deletes))}`
  }
}

const isErased = (struct: Y.GC | Y.Item): boolean =>
  struct instanceof Y.GC || struct.content instanceof Y.ContentDeleted
