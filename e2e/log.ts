import * as Y from 'yjs'
import { decodeFrames, Header, Query, Sentinel } from '../protocol/index.ts'

/** What the log of a document of the demo holds, read from the service itself and not as a provider would. */
export interface Log {
  /** Every character that was ever written, as often as the log has it, sorted. */
  readonly written: string
  /** The text that it comes to. */
  readonly text: string
}

/** @param service the address of the service */
export const readLog = async (service: string, document: string): Promise<Log> => {
  const doc = new Y.Doc()
  let written = ''
  for (const update of await updatesOf(service, document)) {
    for (const { content } of Y.decodeUpdate(update).structs.filter(struct => 'content' in struct)) {
      if (content instanceof Y.ContentString) written += content.str
    }
    Y.applyUpdate(doc, update)
  }
  return { written: sorted(written), text: textOf(doc.getXmlFragment('default')) }
}

/** Two texts with the same letters, however they are mixed, are equal after this. */
export const sorted = (text: string): string => [...text].toSorted().join('')

const updatesOf = async (service: string, document: string): Promise<readonly Uint8Array[]> => {
  const updates: Uint8Array[] = []
  for (let offset: string = Sentinel.start; ; ) {
    const url = new URL(`/v1/yjs/default/docs/${document}`, service)
    url.searchParams.set(Query.offset, offset)
    const response = await fetch(url)
    const next = response.headers.get(Header.nextOffset)
    if (!response.ok || next === null) throw new Error(`${response.status} for ${url}`)
    updates.push(...decodeFrames(new Uint8Array(await response.arrayBuffer())))
    if (response.headers.has(Header.upToDate)) return updates
    offset = next
  }
}

const textOf = (node: Y.XmlFragment | Y.XmlElement): string =>
  node
    .toArray()
    .map(child => {
      if (child instanceof Y.XmlText)
        return child
          .toDelta()
          .map((part: { insert: string }) => part.insert)
          .join('')
      return child instanceof Y.XmlElement ? textOf(child) : ''
    })
    .join('')
