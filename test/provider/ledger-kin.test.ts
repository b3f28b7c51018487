import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { readUpdate, snapshotLimits } from '../../protocol/index.ts'
import { Ledger } from '../../provider/ledger.ts'

const edited = (doc: Y.Doc, word: string): Uint8Array => {
  const before = Y.encodeStateVector(doc)
  doc.getText('text').insert(0, word)
  return Y.encodeStateAsUpdate(doc, before)
}

const ledgerOf = (...updates: readonly Uint8Array[]): Ledger => {
  const ledger = new Ledger()
  for (const update of updates) ledger.add(readUpdate(update, snapshotLimits))
  return ledger
}

test('the ledger of a prefix of the log and that of a later snapshot, which begins with another client, are kin', () => {
  const [ada, bob] = [new Y.Doc(), new Y.Doc()]
  ada.clientID = 1
  bob.clientID = 2 // a snapshot begins with the highest client id
  const early = edited(ada, 'early')
  Y.applyUpdate(bob, early)
  edited(bob, 'late')
  const prefix = ledgerOf(early)
  const whole = ledgerOf(Y.encodeStateAsUpdate(bob))
  expect(whole.resembles(prefix.encode())).toBe(true)
  expect(prefix.resembles(whole.encode())).toBe(true)
})

test('ledgers of two lives of a document are not', () => {
  const [one, other] = [new Y.Doc(), new Y.Doc()]
  const [first, second] = [ledgerOf(edited(one, 'one')), ledgerOf(edited(other, 'other'))]
  expect(first.resembles(second.encode())).toBe(false)
  expect(second.resembles(first.encode())).toBe(false)
})

test('a ledger of nothing is kin to all, and all are kin to it or cannot tell', () => {
  const some = ledgerOf(edited(new Y.Doc(), 'some'))
  expect(new Ledger().resembles(some.encode())).toBe(true)
  expect(some.resembles(new Ledger().encode())).toBeUndefined()
})

test('what comes erased, since what it belongs to is gone, needs no saving', () => {
  const [ada, bob] = [new Y.Doc(), new Y.Doc()]
  const inner = new Y.Map<string>()
  ada.getMap('map').set('inner', inner)
  const first = Y.encodeStateAsUpdate(ada)
  Y.applyUpdate(bob, first)
  const known = Y.encodeStateVector(ada)
  inner.set('key', 'too late')
  const late = Y.encodeStateAsUpdate(ada, known)
  bob.getMap('map').delete('inner')
  const ledger = ledgerOf(Y.encodeStateAsUpdate(bob), late)
  bob.on('update', update => ledger.imply(readUpdate(update, snapshotLimits)))
  Y.applyUpdate(bob, late)
  expect(ledger.missing(bob)).toBeUndefined()
})
