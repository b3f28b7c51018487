import { DurableStreamsProvider, type ProviderError } from 'durable-streams-yjs'
import type { Env } from 'durable-streams-yjs/client'
import * as Y from 'yjs'
import { textOf } from './text.ts'

export interface PartyOptions {
  /** The service. */
  readonly url: string
  readonly name: string
  readonly env: Env
  /** The provider met something; when it is fatal, it stopped. */
  onError(error: ProviderError): void
}

/** Someone at the document: a Y.Doc and its provider, without presence. */
export interface Party {
  readonly doc: Y.Doc
  readonly provider: DurableStreamsProvider
  text(): string
  leave(): void
}

export const join = ({ url, name, env, onError }: PartyOptions): Party => {
  const doc = new Y.Doc()
  const provider = new DurableStreamsProvider(doc, { url, name, env, awareness: false })
  provider.on('error', onError)
  return {
    doc,
    provider,
    text: () => textOf(doc).toString(),
    leave: () => provider.destroy(),
  }
}
