import type * as Y from 'yjs'

/**
 * Whether Yjs told nobody of the last changes. Once a listener of an update has thrown it tells nothing any more, neither of that
 * change nor of those that follow.
 */
export const isSilent = (doc: Y.Doc): boolean => doc._transactionCleanups.length > 0

/**
 * Calls `tell` after changes of which Yjs told nobody.
 * @returns how to stop
 */
export const onSilence = (doc: Y.Doc, tell: () => void): (() => void) => {
  let isDue = false
  let isOver = false
  const look = () => {
    isDue = false
    if (!isOver && isSilent(doc)) tell()
  }
  const begun = () => {
    if (isDue) return
    isDue = true
    void Promise.resolve().then(look) // transactions end in the task they begin in
  }
  doc.on('beforeTransaction', begun)
  return () => {
    isOver = true
    doc.off('beforeTransaction', begun)
  }
}
