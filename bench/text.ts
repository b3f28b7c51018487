import type * as Y from 'yjs'
import { type Patch, TraceError } from './trace.ts'

/** Where in a document the text of a trace is. */
export const textOf = (doc: Y.Doc): Y.Text => doc.getText('text')

/**
 * Applies the patches of one transaction.
 * @throws TraceError UNPLAYABLE for one that reaches past the text
 */
export const applyPatches = (text: Y.Text, patches: readonly Patch[], index: number): void => {
  for (const [position, deleted, inserted] of patches) {
    if (position + deleted > text.length) {
      const what = `transaction ${index} reaches to ${position + deleted} in a text of ${text.length}`
      throw new TraceError('UNPLAYABLE', `this trace cannot be played: ${what}`)
    }
    if (deleted > 0) text.delete(position, deleted)
    if (inserted !== '') text.insert(position, inserted)
  }
}
