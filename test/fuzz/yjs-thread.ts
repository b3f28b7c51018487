import { parentPort } from 'node:worker_threads'
import { Awareness, applyAwarenessUpdate } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { Ranges } from '../../protocol/index.ts'

/** Real Yjs, in a thread of its own: bytes that make it hang must not hang whoever looks. */
export type Question =
  | { readonly kind: 'read'; readonly updates: readonly Uint8Array[]; readonly letters: number }
  | {
      readonly kind: 'same'
      readonly log: readonly Uint8Array[]
      readonly joined: readonly Uint8Array[]
      /** Whether only editors wrote it. */
      readonly isHonest: boolean
    }
  | { readonly kind: 'present'; readonly updates: readonly Uint8Array[] }

export interface Read {
  /** Whether Yjs waits for content that it lacks. */
  readonly waits: boolean
  /** The whole document, as whoever loaded it would send it. */
  readonly state: Uint8Array
  /** An edit made on top of it. */
  readonly edit: Uint8Array
}
export interface Same {
  /** What differs, or undefined. */
  readonly difference: string | undefined
}
/** The states known after the updates, as JSON, by client. */
export type Present = ReadonlyMap<number, string>
export type Reply = { readonly fine: Read | Same | Present } | { readonly threw: string }

const visitor = 4_000_000_000

const load = (updates: readonly Uint8Array[]): Y.Doc => {
  const doc = new Y.Doc()
  doc.clientID = visitor
  for (const update of updates) Y.applyUpdate(doc, update)
  return doc
}

const loadAtOnce = (updates: readonly Uint8Array[]): Y.Doc => {
  const doc = new Y.Doc()
  doc.clientID = visitor
  doc.transact(() => {
    for (const update of updates) Y.applyUpdate(doc, update)
  })
  return doc
}

const waits = ({ store }: Y.Doc): boolean => store.pendingStructs !== null || store.pendingDs !== null

const vectorOf = (doc: Y.Doc): string =>
  JSON.stringify([...Y.decodeStateVector(Y.encodeStateVector(doc))].sort(([a], [b]) => a - b))

const deletedOf = (doc: Y.Doc): Ranges => {
  const deleted = new Ranges()
  for (const [client, ranges] of Y.createDeleteSetFromStructStore(doc.store).clients) {
    for (const { clock, len } of ranges) deleted.add(client, clock, len)
  }
  return deleted
}

const read = (updates: readonly Uint8Array[], letters: number): Read => {
  const doc = load(updates)
  const atOnce = loadAtOnce(updates)
  const vector = Y.encodeStateVector(doc)
  if (vectorOf(doc) !== vectorOf(atOnce))
    throw new Error('one by one and at once, the updates lead to two states')
  const waiting = waits(doc) || waits(atOnce)
  // A root that nobody else uses: what others made of theirs must not matter here.
  doc.getText('visitor').insert(0, 'x'.repeat(letters))
  const edit = Y.encodeStateAsUpdate(doc, vector)
  return { waits: waiting, edit, state: Y.encodeStateAsUpdate(doc) }
}

/**
 * What a joiner gets of a document is what its log says. When somebody tampered, Yjs may take a struct that makes no sense
 * for one thing when it comes alone and for another within a whole state; but nothing is lost and nothing comes back.
 */
const difference = (one: Y.Doc, other: Y.Doc, isHonest: boolean): string | undefined => {
  if (waits(other)) return 'Yjs waits for content that is in neither the snapshot nor what follows it'
  if (vectorOf(one) !== vectorOf(other)) return `the clocks are ${vectorOf(one)} and ${vectorOf(other)}`
  const [gone, goneToo] = [deletedOf(one), deletedOf(other)]
  const back = goneToo.missingFrom(gone)
  if (!back.isEmpty) return `${JSON.stringify([...back])} came back`
  const lost = gone.missingFrom(goneToo)
  return isHonest && !lost.isEmpty ? `${JSON.stringify([...lost])} was lost` : undefined
}

const present = (updates: readonly Uint8Array[]): Present => {
  const doc = new Y.Doc()
  const awareness = new Awareness(doc)
  try {
    for (const update of updates) applyAwarenessUpdate(awareness, update, 'wire')
    return new Map([...awareness.getStates()].map(([client, state]) => [client, JSON.stringify(state)]))
  } finally {
    awareness.destroy()
    doc.destroy()
  }
}

const answer = (question: Question): Read | Same | Present => {
  switch (question.kind) {
    case 'read':
      return read(question.updates, question.letters)
    case 'same':
      return { difference: difference(load(question.log), load(question.joined), question.isHonest) }
    case 'present':
      return present(question.updates)
  }
}

parentPort?.on('message', ({ id, question }: { id: number; question: Question }) => {
  let reply: Reply
  try {
    reply = { fine: answer(question) }
  } catch (error) {
    reply = { threw: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
  parentPort?.postMessage({ id, reply })
})
