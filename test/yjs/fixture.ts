import { expect } from 'vitest'
import * as Y from 'yjs'
import { ContentType, decodeFrames, encodeFrames, Query, Sentinel } from '../../protocol/index.ts'
import { type App, at, document, nextOf } from '../http/fixture.ts'
import { settled } from '../streams/world.ts'

export const d = document('d')
export const name = { service: 'svc', path: 'd' }
export const binary = { type: ContentType.binary }

/** Framed updates. */
export const framed = (...updates: Uint8Array[]): Uint8Array => encodeFrames(updates)

/** One client's updates, one an edit, each `size` letters long. */
export const typing = (count: number, size = 10, clientID = 1): Uint8Array[] => {
  const doc = new Y.Doc()
  doc.clientID = clientID
  const updates: Uint8Array[] = []
  doc.on('update', update => updates.push(update))
  for (let at = 0; at < count; at++)
    doc.getText('text').insert(doc.getText('text').length, `${at % 10}`.repeat(size))
  return updates
}

export const post = async ({ send }: App, ...updates: Uint8Array[]): Promise<Response> => {
  const answer = await send('POST', d, { ...binary, body: framed(...updates) })
  expect(answer.status).toBe(204)
  await settled()
  return answer
}

export const docOf = (...updates: Uint8Array[]): Y.Doc => {
  const doc = new Y.Doc()
  doc.transact(() => {
    for (const update of updates) Y.applyUpdate(doc, update)
  })
  return doc
}

export const discover = ({ send }: App, path = d): Promise<Response> =>
  send('GET', at(path, { [Query.offset]: Sentinel.snapshot }))

/** The document as a joiner gets it: the snapshot, if there is one, and what follows it. */
export const joined = async (app: App, path = d): Promise<{ doc: Y.Doc; from: string | undefined }> => {
  const location = (await discover(app, path)).headers.get('Location') ?? ''
  const offset = new URL(location, 'http://localhost').searchParams.get(Query.offset) ?? ''
  const answer = await app.send('GET', location)
  expect(answer.status).toBe(200)
  const bytes = new Uint8Array(await answer.arrayBuffer())
  if (offset === Sentinel.start) return { doc: docOf(...decodeFrames(bytes)), from: undefined }
  const rest = await app.send('GET', at(path, { [Query.offset]: nextOf(answer) }))
  return {
    doc: docOf(bytes, ...decodeFrames(new Uint8Array(await rest.arrayBuffer()))),
    from: offset,
  }
}

/** A part of a delta, with an embedded type as its content. */
const plain = ({ insert, ...rest }: { insert: unknown }) => ({
  ...rest,
  insert: insert instanceof Y.AbstractType ? [insert.toJSON()] : insert,
})

/** The same content, seen through every shared type, the same structs and the same deletions. */
export const expectSame = (one: Y.Doc, other: Y.Doc): void => {
  expect(Y.equalSnapshots(Y.snapshot(one), Y.snapshot(other))).toBe(true)
  for (const seen of [
    (doc: Y.Doc) => doc.getText('text').toDelta().map(plain),
    (doc: Y.Doc) => doc.getMap('map').toJSON(),
    (doc: Y.Doc) => doc.getArray('list').toJSON(),
    (doc: Y.Doc) => doc.getXmlFragment('xml').toString(),
    (doc: Y.Doc) => new Map([...doc.getMap('docs')].map(([key, sub]) => [key, (sub as Y.Doc).guid])),
  ]) {
    expect(seen(one)).toEqual(seen(other))
  }
}
