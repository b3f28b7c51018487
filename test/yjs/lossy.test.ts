import { expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { compact, LossyCompactionError } from '../../server/yjs/compact.ts'
import { docOf, framed, typing } from './fixture.ts'

/** What Yjs makes of a document, and what a bug of it would make. */
const lossy = vi.hoisted(() => ({ by: undefined as ((state: Uint8Array) => Uint8Array) | undefined }))

vi.mock('yjs', async original => {
  const yjs = await original<typeof Y>()
  return {
    ...yjs,
    encodeStateAsUpdate: (...args: Parameters<typeof yjs.encodeStateAsUpdate>) => {
      const state = yjs.encodeStateAsUpdate(...args)
      return lossy.by ? lossy.by(state) : state
    },
  }
})

const log = typing(4)
const deleting = (): Uint8Array => {
  const doc = docOf(...log)
  const before = Y.encodeStateVector(doc)
  doc.getText('text').delete(3, 5)
  return Y.encodeStateAsUpdate(doc, before)
}
const deletion = deleting()

test.each<[string, (state: Uint8Array) => Uint8Array]>([
  ['everything', () => new Uint8Array([0, 0])],
  ['the last edit', () => Y.mergeUpdates(log.slice(0, -1))],
  ['an edit in between', () => Y.mergeUpdates([...log.filter((_, at) => at !== 1), deletion])],
  ['a deletion', () => Y.mergeUpdates(log)],
  ['one client of two', state => Y.diffUpdate(state, Y.encodeStateVectorFromUpdate(Y.mergeUpdates(log)))],
])('A snapshot that lacks %s of what its log holds is not made', (_what, tamper) => {
  const tail = framed(...log, deletion, ...typing(1, 5, 2))
  lossy.by = undefined
  expect(() => compact({ snapshot: undefined, tail })).not.toThrow()
  lossy.by = tamper
  expect(() => compact({ snapshot: undefined, tail })).toThrow(LossyCompactionError)
  lossy.by = undefined
})

test('A snapshot that lacks what the one below it holds is not made', () => {
  const snapshot = compact({ snapshot: undefined, tail: framed(...log) })
  const [other] = typing(1, 5, 2)
  if (!other) throw new Error('there is one')
  lossy.by = () => other
  expect(() => compact({ snapshot, tail: framed(other) })).toThrow(LossyCompactionError)
  lossy.by = undefined
  expect(() => compact({ snapshot, tail: framed(other) })).not.toThrow()
})
