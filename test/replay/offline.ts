import * as Y from 'yjs'
import type { Trace } from '../../bench/trace.ts'

/** How a trace ends without any server: the updates of each agent are handed to the others as the trace demands. */
export const playOffline = (trace: Trace): string => {
  const pages = Array.from({ length: trace.agents }, (_, agent) => {
    const doc = new Y.Doc()
    doc.clientID = 1_000 + agent
    return { doc, seen: new Array<number>(trace.agents).fill(0) }
  })
  const updates: Uint8Array[][] = pages.map(() => [])
  for (const { agent, history, patches } of trace.transactions) {
    const { doc, seen } = pages[agent] ?? { doc: new Y.Doc(), seen: [] }
    for (const [other, count] of history.entries()) {
      if (other === agent) continue
      for (let nth = seen[other] ?? 0; nth < count; nth++) Y.applyUpdate(doc, updates[other]?.[nth] ?? empty)
      seen[other] = Math.max(seen[other] ?? 0, count)
    }
    let made = empty
    const keep = (update: Uint8Array) => {
      made = update
    }
    doc.once('update', keep)
    doc.transact(() => {
      const text = doc.getText('text')
      for (const [position, deleted, inserted] of patches) {
        text.delete(position, deleted)
        text.insert(position, inserted)
      }
    })
    updates[agent]?.push(made)
  }
  const end = new Y.Doc()
  for (const { doc } of pages) Y.applyUpdate(end, Y.encodeStateAsUpdate(doc))
  return end.getText('text').toString()
}

const empty = Y.encodeStateAsUpdate(new Y.Doc())

/** The first `count` transactions, and how they end. */
export const beginningOf = (trace: Trace, count: number): Trace => {
  const transactions = trace.transactions.slice(0, count)
  const patchCount = transactions.reduce((sum, { patches }) => sum + patches.length, 0)
  const beginning = { ...trace, transactions, patchCount }
  return { ...beginning, endContent: playOffline(beginning) }
}
