import * as Y from 'yjs'
import type { Chance } from './chance.ts'

/** The roots that every simulated document has. */
export const roots = (doc: Y.Doc) => ({
  text: doc.getText('text'),
  map: doc.getMap('map'),
  array: doc.getArray('array'),
  xml: doc.getXmlFragment('xml'),
})

/** What people see of a document. */
export const contentOf = (doc: Y.Doc): string => {
  const { text, map, array, xml } = roots(doc)
  return JSON.stringify([text.toDelta(), map.toJSON(), array.toJSON(), xml.toString()], sorted)
}

/** The order of an object's keys tells in which order they came, and that differs. */
const sorted = (_key: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value

/** An edit that landed somewhere else than it was meant to: Yjs keeps positions it must be told to forget. */
const exactly = (doc: Y.Doc, change: () => void, landed: () => boolean): void =>
  doc.transact(() => {
    change()
    if (!landed()) throw new Error('an edit did not land where it was made')
  })

const isSame = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((value, index) => value === b[index])

type Act = (doc: Y.Doc, chance: Chance) => void

const place = (chance: Chance, length: number): number => chance.whole(0, length)

/** Where and how much to delete; nothing when there is nothing. */
const stretch = (chance: Chance, length: number): readonly [at: number, count: number] => {
  if (length === 0) return [0, 0]
  const at = chance.whole(0, length - 1)
  return [at, chance.whole(1, Math.min(10, length - at))]
}

const value = (chance: Chance, depth = 0): unknown => {
  switch (
    chance.weighted({ number: 3, word: 3, object: 1, map: depth < 2 ? 1 : 0, array: depth < 2 ? 1 : 0 })
  ) {
    case 'number':
      return chance.whole(0, 1_000)
    case 'word':
      return chance.word(1, 8)
    case 'object':
      return { x: chance.whole(0, 9), y: [chance.word(1, 3)] }
    case 'map': {
      const map = new Y.Map()
      map.set('inner', value(chance, depth + 1))
      return map
    }
    case 'array': {
      const array = new Y.Array()
      array.push([value(chance, depth + 1), value(chance, depth + 1)])
      return array
    }
  }
}

const keys = ['a', 'b', 'c', 'd'] as const

const nestedMap = (doc: Y.Doc, chance: Chance): Y.Map<unknown> => {
  const { map } = roots(doc)
  const inner = map.get(chance.oneOf(keys))
  return inner instanceof Y.Map ? inner : map
}

const elements = (doc: Y.Doc): Y.XmlElement[] =>
  roots(doc)
    .xml.toArray()
    .filter(node => node instanceof Y.XmlElement)

const inElement = (doc: Y.Doc, chance: Chance, edit: (element: Y.XmlElement) => void): void => {
  const found = elements(doc)
  const element = found[chance.whole(0, Math.max(0, found.length - 1))]
  if (element) edit(element)
}

const acts = {
  write: (doc, chance) => {
    const { text } = roots(doc)
    const before = text.toString()
    const at = place(chance, text.length)
    const word = chance.word(1, 12)
    const hasEmbeds = before.length < text.length
    exactly(
      doc,
      () => text.insert(at, word),
      () => hasEmbeds || text.toString() === before.slice(0, at) + word + before.slice(at),
    )
  },
  type: (doc, chance) => {
    const { text } = roots(doc)
    const at = place(chance, text.length)
    for (const [index, letter] of [...chance.word(2, 6)].entries()) text.insert(at + index, letter)
  },
  erase: (doc, chance) => {
    const { text } = roots(doc)
    text.delete(...stretch(chance, text.length))
  },
  format: (doc, chance) => {
    const { text } = roots(doc)
    const [at, count] = stretch(chance, text.length)
    if (count > 0)
      text.format(
        at,
        count,
        chance.oneOf<object>([{ bold: true }, { bold: null }, { color: chance.word(1, 2) }]),
      )
  },
  embed: (doc, chance) => {
    const { text } = roots(doc)
    text.insertEmbed(place(chance, text.length), { image: chance.word(3, 5) })
  },
  set: (doc, chance) => nestedMap(doc, chance).set(chance.oneOf(keys), value(chance)),
  unset: (doc, chance) => nestedMap(doc, chance).delete(chance.oneOf(keys)),
  insert: (doc, chance) => {
    const { array } = roots(doc)
    const before = array.toArray()
    const at = place(chance, array.length)
    exactly(
      doc,
      () => array.insert(at, [value(chance), value(chance)]),
      () => isSame(array.toArray().toSpliced(at, 2), before),
    )
  },
  remove: (doc, chance) => {
    const { array } = roots(doc)
    const before = array.toArray()
    const [at, count] = stretch(chance, array.length)
    exactly(
      doc,
      () => array.delete(at, count),
      () => isSame(array.toArray(), before.toSpliced(at, count)),
    )
  },
  grow: (doc, chance) => {
    const { xml } = roots(doc)
    const element = new Y.XmlElement(chance.oneOf(['p', 'h1', 'li']))
    element.insert(0, [new Y.XmlText(chance.word(1, 8))])
    xml.insert(place(chance, xml.length), [element])
  },
  prune: (doc, chance) => {
    const { xml } = roots(doc)
    xml.delete(...stretch(chance, xml.length))
  },
  attribute: (doc, chance) =>
    inElement(doc, chance, element => element.setAttribute(chance.oneOf(keys), chance.word(1, 4))),
  child: (doc, chance) =>
    inElement(doc, chance, element =>
      element.insert(place(chance, element.length), [new Y.XmlText(chance.word(1, 4))]),
    ),
  childText: (doc, chance) =>
    inElement(doc, chance, element => {
      const text = element.get(0)
      if (text instanceof Y.XmlText) text.insert(place(chance, text.length), chance.word(1, 4))
    }),
  paste: (doc, chance) => {
    const { text } = roots(doc)
    text.insert(place(chance, text.length), chance.word(200, 1_500))
  },
} satisfies Record<string, Act>

type Weights = Readonly<Record<keyof typeof acts, number>>

export const anywhere: Weights = {
  write: 6,
  type: 3,
  erase: 4,
  format: 2,
  embed: 0.5,
  set: 5,
  unset: 2,
  insert: 3,
  remove: 2,
  grow: 2,
  prune: 2,
  attribute: 2,
  child: 1,
  childText: 2,
  paste: 0.4,
}

/** Without what would take long to travel. */
export const small: Weights = { ...anywhere, paste: 0 }

const nowhere = Object.fromEntries(Object.keys(acts).map(act => [act, 0])) as Weights
export const inText: Weights = { ...nowhere, write: 3, erase: 1, format: 1 }
export const inMap: Weights = { ...nowhere, set: 3, unset: 1 }

/** One edit. @returns which */
export const edit = (doc: Y.Doc, chance: Chance, among = anywhere): string => {
  const act = chance.weighted(among)
  const apply: Act = acts[act]
  apply(doc, chance)
  return act
}

/** Some edits in one transaction. */
export const editTogether = (doc: Y.Doc, chance: Chance, count: number): void =>
  doc.transact(() => {
    for (let left = count; left > 0; left--) edit(doc, chance)
  })
