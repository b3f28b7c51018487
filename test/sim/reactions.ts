import type * as Y from 'yjs'
import type { Chance } from './chance.ts'
import { anywhere, edit, inMap, inText, roots } from './edits.ts'

/** How an application answers remote changes while they are being applied. */
export type Reaction = 'none' | 'observer' | 'borrowedOrigin' | 'afterTransaction' | 'echo' | 'throwing'

/** What an observer that fails throws. */
export class ObserverError extends Error {
  override readonly name = 'ObserverError'
}

export interface Reacting {
  readonly doc: Y.Doc
  readonly chance: Chance
  /** The origin of remote changes; undefined when they are not answered any more. */
  readonly remote: () => unknown
  /** Called for each answer. */
  readonly onReact: (what: string) => void
}

/** Two who answer each other must come to an end. */
const mostAnswers = 12

/** Makes a document's observers edit it. */
export const react = (reaction: Reaction, { doc, chance, remote, onReact }: Reacting): void => {
  let left = mostAnswers
  let answering = false
  const answer = (among = anywhere, origin: unknown = null) => {
    if (left <= 0 || answering || !chance.happens(0.4)) return
    left--
    answering = true
    try {
      doc.transact(() => onReact(edit(doc, chance, among)), origin)
    } finally {
      answering = false
    }
  }
  const isRemote = ({ origin }: Y.Transaction) => origin !== null && origin === remote()
  // While observers run, Yjs knows positions only in the types whose turn has been.
  const own = { text: () => answer(chance.oneOf([inText, inMap])), map: () => answer(inMap) }
  const { text, map, xml } = roots(doc)
  switch (reaction) {
    case 'none':
      return
    case 'observer':
      text.observe((_event, transaction) => {
        if (isRemote(transaction)) own.text()
      })
      map.observe((_event, transaction) => {
        if (isRemote(transaction)) own.map()
      })
      return
    case 'borrowedOrigin':
      text.observe((_event, transaction) => {
        if (isRemote(transaction)) answer(inText, transaction.origin)
      })
      return
    case 'afterTransaction':
      doc.on('afterTransaction', (transaction: Y.Transaction) => {
        if (isRemote(transaction)) answer()
      })
      return
    case 'echo':
      text.observe(() => own.text())
      xml.observeDeep(() => answer())
      return
    case 'throwing':
      text.observe((_event, transaction) => {
        if (!isRemote(transaction)) return
        own.text()
        if (chance.happens(0.3)) throw new ObserverError('the application failed')
      })
  }
}
