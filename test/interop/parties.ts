import { YjsProvider } from '@durable-streams/y-durable-streams'
import { afterEach, vi } from 'vitest'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { namesSnapshot, Path, Query, Sentinel } from '../../protocol/index.ts'
import { DurableStreamsProvider, type ProviderError, type ProviderOptions } from '../../provider/index.ts'

// What the published packages print, their answers and events say as well.
for (const method of ['error', 'warn', 'info', 'log'] as const) vi.spyOn(console, method).mockReturnValue()

const over: (() => void)[] = []
afterEach(() => {
  for (const end of over.splice(0).reverse()) end()
})

/** Waits until the assertions in `check` hold, as long as a busy machine may need. */
export const until = <T>(check: () => T | Promise<T>): Promise<T> =>
  vi.waitFor(check, { timeout: 20_000, interval: 25 })

/** Somebody who edits a document, whichever provider is behind it. */
export interface Party {
  readonly doc: Y.Doc
  readonly awareness: Awareness
}

export interface OurParty extends Party {
  readonly provider: DurableStreamsProvider
  readonly errors: readonly ProviderError[]
}

export interface ReferenceParty extends Party {
  readonly provider: YjsProvider
  readonly errors: readonly Error[]
}

const service = (server: string): string => `${server}${Path.yjs}interop`

export const documentUrl = (server: string, name: string): string =>
  `${service(server)}/${Path.documents}/${name}`

/** Our provider, connecting. */
export const ourParty = (
  server: string,
  name: string,
  { doc = new Y.Doc(), ...options }: { doc?: Y.Doc } & ProviderOptions = {},
): OurParty => {
  const awareness = new Awareness(doc)
  const errors: ProviderError[] = []
  const provider = new DurableStreamsProvider(doc, { url: service(server), name, awareness, ...options })
  provider.on('error', error => errors.push(error))
  over.push(() => {
    provider.destroy()
    awareness.destroy()
  })
  return { doc, awareness, provider, errors }
}

/** The published provider, connecting. */
export const referenceParty = (
  server: string,
  name: string,
  live: 'sse' | 'long-poll' = 'sse',
): ReferenceParty => {
  const doc = new Y.Doc()
  const awareness = new Awareness(doc)
  const errors: Error[] = []
  const provider = new YjsProvider({
    doc,
    awareness,
    baseUrl: service(server),
    docId: name,
    liveMode: live,
    connect: false,
  })
  provider.on('error', error => errors.push(error))
  provider.connect().catch(error => errors.push(error))
  over.push(() => {
    provider.destroy()
    awareness.destroy()
  })
  return { doc, awareness, provider, errors }
}

export const textOf = ({ doc }: Party): string => doc.getText('text').toString()

export const type = ({ doc }: Party, words: string): void => {
  const text = doc.getText('text')
  text.insert(text.length, words)
}

/** Who a party sees, itself included, by the name each said. */
export const seenBy = ({ awareness }: Party): readonly string[] =>
  [...awareness.getStates().values()].map(state => String(state['name'])).toSorted()

export const introduce = ({ awareness }: Party, name: string): void => awareness.setLocalState({ name })

/** The snapshot a joiner would be sent to; undefined for the log from its start. */
export const snapshotAt = async (server: string, name: string): Promise<string | undefined> => {
  const query = new URLSearchParams({ [Query.offset]: Sentinel.snapshot })
  const { headers } = await fetch(`${documentUrl(server, name)}?${query}`, { redirect: 'manual' })
  const found = new URL(headers.get('Location') ?? '', server).searchParams.get(Query.offset) ?? ''
  return namesSnapshot(found) ? found : undefined
}

/** @throws Error unless the document was there */
export const removeDocument = async (server: string, name: string): Promise<void> => {
  const { status } = await fetch(documentUrl(server, name), { method: 'DELETE' })
  if (status !== 204) throw new Error(`DELETE was answered ${status}`)
}
