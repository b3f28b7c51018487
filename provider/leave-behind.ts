import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import type { Range } from '../protocol/index.ts'

/**
 * These of a document stay behind. If the next edit would build on them by number, the document gets another client id, as Yjs
 * gives it when two have the same. Its presence goes along, since editors look for their own cursor under the document's id.
 */
export const leaveBehind = (
  ranges: readonly Range[],
  doc: Y.Doc,
  awareness: Awareness | undefined,
  random: () => number,
): void => {
  const { clientID: before } = doc
  if (!ranges.some(({ client }) => client === before)) return
  while (doc.clientID === before || doc.store.clients.has(doc.clientID))
    doc.clientID = Math.floor(random() * 2 ** 32)
  if (awareness?.clientID !== before) return
  const state = awareness.getLocalState()
  awareness.setLocalState(null)
  awareness.clientID = doc.clientID
  awareness.setLocalState(state)
}
