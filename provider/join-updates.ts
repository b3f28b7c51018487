import * as Y from 'yjs'

const atOnce = 64 // merging is quadratic in how many

/** Many updates as one with the same content; the empty one of none. */
export const joinUpdates = (updates: readonly Uint8Array[]): Uint8Array => {
  let level = [...updates]
  while (level.length > 1) {
    const next: Uint8Array[] = []
    for (let at = 0; at < level.length; at += atOnce) next.push(Y.mergeUpdates(level.slice(at, at + atOnce)))
    level = next
  }
  return level[0] ?? new Uint8Array([0, 0])
}
