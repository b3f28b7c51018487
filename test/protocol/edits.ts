import fc from 'fast-check'
import * as Y from 'yjs'

/** What one client does next. Numbers are taken modulo whatever there is, so every edit means something. */
export interface Edit {
  readonly client: number
  readonly act: Act
  readonly at: number
  readonly count: number
  readonly value: unknown
}

/** A value Yjs keeps as `any`, with everything lib0 has a tag for. */
export const anyValue: fc.Arbitrary<unknown> = fc.letrec(tie => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(
      null,
      undefined,
      true,
      false,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      -0,
      2 ** 53,
      -(2 ** 31),
    ),
    fc.integer(),
    fc.double(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.string({ unit: 'grapheme', maxLength: 6 }),
    fc.uint8Array({ maxLength: 4 }),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.string({ maxLength: 3 }), tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
})).value

const fragment = (doc: Y.Doc) => doc.getXmlFragment('xml')

const element = (doc: Y.Doc, at: number): Y.XmlElement | undefined => {
  const found = fragment(doc).get(at % Math.max(1, fragment(doc).length))
  return found instanceof Y.XmlElement ? found : undefined
}

const isSecondHalf = (code: number): boolean => (code & 0xfc00) === 0xdc00

/** No editor puts anything between the halves of a character: Yjs makes two broken ones of it then, in one document and not in others. */
const placeIn = (text: Y.Text, at: number): number => {
  const place = at % (text.length + 1)
  let from = 0
  for (const { insert } of text.toDelta() as { insert: unknown }[]) {
    const length = typeof insert === 'string' ? insert.length : 1
    if (place < from + length) {
      return typeof insert === 'string' && isSecondHalf(insert.charCodeAt(place - from)) ? place - 1 : place
    }
    from += length
  }
  return place
}

/** Where a stretch of whole characters begins, and how long it is. */
const stretchOf = (text: Y.Text, { at, count }: Edit): [from: number, length: number] => {
  const from = placeIn(text, at)
  return [from, Math.max(0, placeIn(text, Math.min(from + count, text.length)) - from)]
}

const words = ['a', 'wörd', '€', '😀😀', 'line\n', 'longer text ']

const acts = {
  type: (doc: Y.Doc, { at, count }: Edit) => {
    const text = doc.getText('text')
    text.insert(placeIn(text, at), words[count % words.length] ?? 'a')
  },
  cut: (doc: Y.Doc, edit: Edit) => {
    const text = doc.getText('text')
    text.delete(...stretchOf(text, edit))
  },
  format: (doc: Y.Doc, edit: Edit) => {
    const { count } = edit
    const text = doc.getText('text')
    const value = [true, null, { level: count }, 'red'][count % 4]
    text.format(...stretchOf(text, edit), { [count % 2 ? 'bold' : 'colour']: value })
  },
  embed: (doc: Y.Doc, { at, count }: Edit) => {
    const text = doc.getText('text')
    text.insertEmbed(placeIn(text, at), count % 3 === 0 ? new Y.Map([['k', count]]) : { image: count })
  },
  set: (doc: Y.Doc, { at, value }: Edit) => doc.getMap('map').set(`key${at % 5}`, value),
  unset: (doc: Y.Doc, { at }: Edit) => doc.getMap('map').delete(`key${at % 5}`),
  push: (doc: Y.Doc, { at, count, value }: Edit) => {
    const list = doc.getArray('list')
    const item = value === undefined || typeof value === 'bigint' ? [value] : value // bare only in maps
    const items = Array.from({ length: 1 + (count % 4) }, () => item)
    list.insert(at % (list.length + 1), items)
  },
  pull: (doc: Y.Doc, { at, count }: Edit) => {
    const list = doc.getArray('list')
    const from = at % (list.length + 1)
    list.delete(from, Math.min(count, list.length - from))
  },
  nest: (doc: Y.Doc, { at, count, value }: Edit) => {
    const kinds = [
      () => new Y.Array(),
      () => new Y.Map([['inner', value]]),
      () => new Y.Text('inner'),
      () => new Y.XmlElement('inner'),
      () => new Y.XmlFragment(),
      () => new Y.XmlHook('hook'),
      () => new Y.XmlText('inner'),
    ]
    const made = (kinds[count % kinds.length] ?? kinds[0])?.()
    if (at % 2) doc.getArray('list').push([made])
    else doc.getMap('map').set(`key${at % 5}`, made)
  },
  bytes: (doc: Y.Doc, { at, count }: Edit) =>
    doc.getMap('map').set(`key${at % 5}`, new Uint8Array(count).fill(at)),
  subdocument: (doc: Y.Doc, { at, count, value }: Edit) =>
    doc
      .getMap('docs')
      .set(
        `key${at % 3}`,
        new Y.Doc({ guid: `guid-${count}`, gc: count % 2 === 0, autoLoad: at % 2 === 0, meta: value }),
      ),
  paragraph: (doc: Y.Doc, { at, count }: Edit) => {
    const paragraph = new Y.XmlElement(count % 2 ? 'paragraph' : 'heading')
    paragraph.setAttribute('align', words[count % words.length] ?? '')
    paragraph.insert(0, [new Y.XmlText(words[at % words.length] ?? ''), new Y.XmlElement('br')])
    fragment(doc).insert(at % (fragment(doc).length + 1), [paragraph])
  },
  write: (doc: Y.Doc, { at, count }: Edit) => {
    const text = element(doc, at)?.get(0)
    if (text instanceof Y.XmlText) {
      text.insert(placeIn(text, at), words[count % words.length] ?? 'a', { bold: count % 3 === 0 })
    }
  },
  remove: (doc: Y.Doc, { at }: Edit) => {
    const { length } = fragment(doc)
    if (length > 0) fragment(doc).delete(at % length, 1)
  },
}
type Act = keyof typeof acts | 'sync' | 'undo'

/** A run of edits by one to four clients, which now and then exchange what they have. */
export const edits: fc.Arbitrary<readonly Edit[]> = fc.array(
  fc.record({
    client: fc.nat(3),
    act: fc.constantFrom<Act>(
      ...(Object.keys(acts) as (keyof typeof acts)[]),
      'sync',
      'sync',
      'sync',
      'undo',
    ),
    at: fc.nat(40),
    count: fc.nat(12),
    value: anyValue,
  }),
  { minLength: 1, maxLength: 40, size: 'max' },
)

export interface Played {
  readonly docs: readonly Y.Doc[]
  /** Every update event of every client, its own edits and those it got, in order. */
  readonly events: readonly Uint8Array[]
}

const stateDiff = (from: Y.Doc, to: Y.Doc) => Y.encodeStateAsUpdate(from, Y.encodeStateVector(to))

/** Plays edits into fresh documents. The last one keeps its garbage; client ids are fixed, of one to five bytes. */
export const play = (script: readonly Edit[]): Played => {
  const events: Uint8Array[] = []
  const docs = [7, 300, 2 ** 21 + 1, 2 ** 32 - 1].map((clientID, index) => {
    const doc = new Y.Doc({ gc: index < 3 })
    doc.clientID = clientID
    doc.on('update', update => events.push(update))
    const undo = new Y.UndoManager(
      [doc.getText('text'), doc.getMap('map'), doc.getArray('list'), fragment(doc)],
      {
        captureTimeout: 0,
      },
    )
    return { doc, undo }
  })
  for (const edit of script) {
    const own = docs[edit.client]
    const other = docs[edit.at % docs.length]
    if (!own || !other) continue
    if (edit.act === 'sync') {
      if (own !== other) Y.applyUpdate(own.doc, stateDiff(other.doc, own.doc), 'sync')
    } else if (edit.act === 'undo') {
      if (edit.count % 2) own.undo.undo()
      else own.undo.redo()
    } else {
      const { act } = edit
      own.doc.transact(() => acts[act](own.doc, edit))
    }
  }
  for (const { undo } of docs) undo.destroy()
  return { docs: docs.map(({ doc }) => doc), events }
}

/** Every kind of update Yjs can make of what was played: events, states, differences, merges with gaps, leftovers. */
export const updatesOf = ({ docs, events }: Played): Uint8Array[] => {
  const [first, second] = docs
  const updates = [...events, ...docs.map(doc => Y.encodeStateAsUpdate(doc))]
  if (first && second) updates.push(stateDiff(first, second), stateDiff(second, first))
  const holes = events.filter((_, index) => index % 3 !== 1)
  if (holes.length === 0) return updates
  const merged = Y.mergeUpdates(holes)
  updates.push(merged)
  if (second) updates.push(Y.diffUpdate(merged, Y.encodeStateVector(second)))
  const waiting = new Y.Doc()
  for (const update of [...holes].reverse()) Y.applyUpdate(waiting, update)
  updates.push(Y.encodeStateAsUpdate(waiting))
  return updates
}
