import { DurableStreamsProvider } from 'durable-streams-yjs'
import { applyUpdate, Doc, encodeStateAsUpdate } from 'yjs'
import { pathOfDocument, unusedDocumentName } from '../document-name.ts'

/**
 * Saves what is in `doc` as a document of a new name, and what is typed there until the page is left, too.
 * @returns the path of its page
 * @throws ProviderError when the server refuses it; while it is away this waits
 */
export const saveAsNew = async (doc: Doc): Promise<string> => {
  const copy = new Doc()
  const follow = (update: Uint8Array) => applyUpdate(copy, update)
  follow(encodeStateAsUpdate(doc))
  doc.on('update', follow)
  const name = unusedDocumentName(Math.random)
  const provider = new DurableStreamsProvider(copy, { name, awareness: false, tabs: false })
  try {
    await provider.whenSaved()
    return pathOfDocument(name)
  } catch (cause) {
    doc.off('update', follow)
    provider.destroy()
    throw cause
  }
}
