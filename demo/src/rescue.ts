import { DurableStreamsProvider } from 'durable-streams-yjs'
import { applyUpdate, Doc, encodeStateAsUpdate } from 'yjs'
import { freshDocumentName, pathOfDocument } from '../document-name.ts'

/** Saves what is in `doc` as a document of a new name. @returns the path of its page @throws ProviderError when it cannot be */
export const saveAsNew = async (doc: Doc): Promise<string> => {
  const copy = new Doc()
  applyUpdate(copy, encodeStateAsUpdate(doc))
  const name = freshDocumentName(Math.random)
  const provider = new DurableStreamsProvider(copy, { name, awareness: false, tabs: false })
  try {
    await provider.whenSaved()
  } finally {
    provider.destroy()
  }
  return pathOfDocument(name)
}
