import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { decodeFrames } from '../../protocol/index.ts'
import { compact, mergeTree } from '../../server/yjs/compact.ts'
import { edits, play, updatesOf } from '../protocol/edits.ts'
import { docOf, expectSame, framed, typing } from './fixture.ts'

describe('A snapshot', () => {
  test('of nothing is an empty document', () => {
    expectSame(docOf(compact({ snapshot: undefined, tail: new Uint8Array() })), new Y.Doc())
  })

  test('of any log, with every shared type in it, is the document of that log', () => {
    fc.assert(
      fc.property(edits, script => {
        const { events } = play(script)
        expectSame(docOf(compact({ snapshot: undefined, tail: framed(...events) })), docOf(...events))
      }),
      { numRuns: 100 },
    )
  })

  test('of a prefix, and then the rest, is the whole log, wherever the cut falls and however often', () => {
    fc.assert(
      fc.property(edits, fc.array(fc.nat(200), { maxLength: 4 }), (script, cuts) => {
        const { events } = play(script)
        const places = cuts.map(cut => cut % (events.length + 1)).toSorted((a, b) => a - b)
        let snapshot: Uint8Array | undefined
        let from = 0
        for (const place of places) {
          snapshot = compact({ snapshot, tail: framed(...events.slice(from, place)) })
          from = place
          expectSame(docOf(snapshot), docOf(...events.slice(0, place)))
        }
        expectSame(docOf(...(snapshot ? [snapshot] : []), ...events.slice(from)), docOf(...events))
      }),
      { numRuns: 100 },
    )
  })

  test('of updates in any order, with gaps, merged and repeated, loses none of them', () => {
    fc.assert(
      fc.property(edits, fc.infiniteStream(fc.nat()), (script, numbers) => {
        const updates = updatesOf(play(script))
          .map(update => ({ update, at: numbers.next().value ?? 0 }))
          .toSorted((a, b) => a.at - b.at)
          .map(({ update }) => update)
        const half = updates.slice(0, Math.ceil(updates.length / 2))
        const snapshot = compact({ snapshot: undefined, tail: framed(...half) })
        expectSame(docOf(snapshot, ...updates.slice(half.length)), docOf(...updates))
      }),
      { numRuns: 60 },
    )
  })

  test('is smaller than its log, and the same for the same log', () => {
    const updates = typing(500, 5)
    const tail = framed(...updates)
    const snapshot = compact({ snapshot: undefined, tail })
    expect(snapshot.length).toBeLessThan(tail.length / 3)
    expect(compact({ snapshot: undefined, tail })).toEqual(snapshot)
  })

  test('holds no content that was deleted', () => {
    const doc = new Y.Doc()
    const updates: Uint8Array[] = []
    doc.on('update', update => updates.push(update))
    doc.getText('text').insert(0, 'a secret that was deleted')
    doc.getText('text').delete(0, 25)
    const snapshot = compact({ snapshot: undefined, tail: framed(...updates) })
    expect(Buffer.from(snapshot).includes('secret')).toBe(false)
  })

  test('is refused when its bytes are not whole updates', () => {
    const [update] = typing(1)
    if (!update) throw new Error('there is one')
    expect(() => compact({ snapshot: undefined, tail: framed(update).subarray(0, -1) })).toThrow()
    expect(() => compact({ snapshot: update.subarray(0, -1), tail: framed(update) })).toThrow()
  })
})

describe('Merging in a tree', () => {
  test.each([0, 1, 2, 63, 64, 65, 4_096, 4_097])('of %i updates is the merge of them all', count => {
    const updates = typing(count, 1)
    expectSame(docOf(mergeTree(updates)), docOf(...updates))
  })

  test('takes 26,000 small updates in no time', () => {
    const updates = typing(26_000, 1)
    const began = performance.now()
    mergeTree(updates)
    expect(performance.now() - began).toBeLessThan(5_000)
  })

  test('keeps the frames of a log whole', () => {
    const updates = typing(10)
    expect(decodeFrames(framed(...updates))).toEqual(updates)
  })
})
