import * as Y from 'yjs'
import type { Party } from './party.ts'

/**
 * Resolves when all documents are the same.
 * @throws the reason of the signal
 */
export const converged = async (parties: readonly Party[], signal: AbortSignal): Promise<void> => {
  let wake: () => void = () => undefined
  const tell = () => wake()
  for (const { doc } of parties) doc.on('update', tell)
  signal.addEventListener('abort', tell)
  try {
    while (!same(parties)) {
      signal.throwIfAborted()
      await new Promise<void>(resolve => {
        wake = resolve
      })
    }
  } finally {
    signal.removeEventListener('abort', tell)
    for (const { doc } of parties) doc.off('update', tell)
  }
}

/** Nobody lacks an insert, and so nobody shows a text that lacks a delete unless it differs. */
const same = (parties: readonly Party[]): boolean =>
  allEqual(parties.map(({ doc }) => Y.encodeStateVector(doc).join())) &&
  allEqual(parties.map(party => party.text()))

const allEqual = (values: readonly string[]): boolean => values.every(value => value === values[0])
