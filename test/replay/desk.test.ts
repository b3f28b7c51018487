import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { SharedDesk } from '../../bench/desk.ts'
import { Exchange } from '../../bench/exchange.ts'
import { textOf } from '../../bench/text.ts'
import type { Patch, Transaction } from '../../bench/trace.ts'

const never = new AbortController().signal

/** Two agents whose documents are linked by hand. */
const pair = () => {
  const exchange = new Exchange(2)
  const docs = [new Y.Doc(), new Y.Doc()] as const
  const desks = [
    new SharedDesk(0, 2, docs[0], 1_000, exchange),
    new SharedDesk(1, 2, docs[1], 2_000, exchange),
  ] as const
  const deliver = () => Y.applyUpdate(docs[1], Y.encodeStateAsUpdate(docs[0]), 'network')
  return { docs, desks, deliver }
}
const transaction = (agent: number, ...patches: readonly Patch[]): Transaction => ({
  agent,
  history: [],
  patches,
})

/** Whether a promise is resolved once everything that can happen by itself has happened. */
const isResolved = async (promise: Promise<void>): Promise<boolean> => {
  let resolved = false
  void promise.then(() => {
    resolved = true
  })
  for (let turn = 0; turn < 20; turn++) await undefined
  return resolved
}

test('what is typed at a desk is in the document of its provider at once', () => {
  const { docs, desks } = pair()
  desks[0].type(transaction(0, [0, 0, 'ab'], [1, 1, 'c']), 0)
  expect(textOf(docs[0]).toString()).toBe('ac')
})

test('an agent waits until an insert that it saw has come to its provider', async () => {
  const { docs, desks, deliver } = pair()
  desks[0].type(transaction(0, [0, 0, 'a']), 0)
  const sees = desks[1].sees([1, 0], never)
  expect(await isResolved(sees)).toBe(false)
  deliver()
  expect(await isResolved(sees)).toBe(true)
  desks[1].type(transaction(1, [1, 0, 'b']), 1)
  expect(textOf(docs[1]).toString()).toBe('ab')
})

test('an agent waits until a delete that it saw has come to its provider', async () => {
  const { docs, desks, deliver } = pair()
  desks[0].type(transaction(0, [0, 0, 'abc']), 0)
  deliver()
  desks[0].type(transaction(0, [0, 2, '']), 1)
  const sees = desks[1].sees([2, 0], never)
  expect(await isResolved(sees)).toBe(false)
  deliver()
  expect(await isResolved(sees)).toBe(true)
  desks[1].type(transaction(1, [1, 0, 'd']), 2)
  expect(textOf(docs[1]).toString()).toBe('cd')
})

test('an agent does not see what came before the trace says so', async () => {
  const { docs, desks, deliver } = pair()
  desks[0].type(transaction(0, [0, 0, 'a']), 0)
  desks[0].type(transaction(0, [1, 0, 'bc']), 1)
  deliver()
  await desks[1].sees([1, 0], never)
  expect(() => desks[1].type(transaction(1, [2, 0, 'x']), 2)).toThrow('a text of 1')
  desks[1].type(transaction(1, [0, 1, '']), 2)
  expect(textOf(docs[1]).toString()).toBe('bc')
})

test('what both deleted holds nobody up', async () => {
  const { desks, deliver } = pair()
  desks[0].type(transaction(0, [0, 0, 'a']), 0)
  deliver()
  await desks[1].sees([1, 0], never)
  desks[1].type(transaction(1, [0, 1, '']), 1)
  desks[0].type(transaction(0, [0, 1, '']), 2)
  deliver()
  expect(await isResolved(desks[1].sees([2, 1], never))).toBe(true)
})

test('a transaction that changes nothing is seen as soon as it was made', async () => {
  const { desks } = pair()
  const sees = desks[1].sees([1, 0], never)
  expect(await isResolved(sees)).toBe(false)
  desks[0].type(transaction(0), 0)
  expect(await isResolved(sees)).toBe(true)
})

test('a wait ends with the reason of its signal', async () => {
  const { desks } = pair()
  const given = new AbortController()
  const sees = desks[1].sees([1, 0], given.signal)
  given.abort(new Error('enough'))
  await expect(sees).rejects.toThrow('enough')
})
