import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { causalGap, encodeDeletes, Ranges, readUpdate, trimUpdate } from '../../protocol/index.ts'
import { seed } from '../seeded.ts'
import { edits, play, updatesOf } from './edits.ts'
import { check } from './property.ts'
import { listed, toHex } from './vectors.ts'

/** What the summary of an update must say, from the structs and deletions that Yjs decodes. */
const decoded = (bytes: Uint8Array) => {
  const { structs, ds } = Y.decodeUpdate(bytes)
  const held = new Ranges()
  const erased = new Ranges()
  const deletes = new Ranges()
  const requires = new Map<number, number>()
  const require = (client: number, clock: number) =>
    requires.set(client, Math.max(clock, requires.get(client) ?? 0))
  for (const struct of structs) {
    const { client, clock } = struct.id
    if (struct instanceof Y.Skip) continue
    held.add(client, clock, struct.length)
    if (struct instanceof Y.GC) erased.add(client, clock, struct.length)
    else {
      if (struct.content instanceof Y.ContentDeleted) erased.add(client, clock, struct.length)
      for (const id of [struct.origin, struct.rightOrigin, struct.parent]) {
        if (id instanceof Y.ID && id.client !== client) require(id.client, id.clock + 1)
      }
    }
  }
  for (const { client, clock } of held) if (clock > 0) require(client, clock)
  for (const [client, list] of ds.clients) {
    for (const { clock, len } of list) {
      deletes.add(client, clock, len)
      require(client, clock + len)
    }
  }
  return { structs: held, erased, deletes, requires, structCount: structs.length }
}

const byClient = (map: ReadonlyMap<number, number>) => [...map].sort(([a], [b]) => a - b)

/** A document of its own with the same content, and what is known of it without looking inside. */
const replica = (of: Y.Doc) => {
  const state = Y.encodeStateAsUpdate(of)
  const make = () => {
    const doc = new Y.Doc({ gc: of.gc })
    doc.clientID = 4_000_000_000
    Y.applyUpdate(doc, state)
    return doc
  }
  const summary = readUpdate(state)
  const deleted = summary.deletes.clone()
  deleted.addAll(summary.erased)
  return { make, held: summary.structs, deleted }
}

const parked = (doc: Y.Doc) => doc.store.pendingStructs !== null || doc.store.pendingDs !== null

describe(`what Yjs writes (seed ${seed})`, () => {
  test('the summary of every update says what Yjs decodes from it', () => {
    check(
      fc.property(edits, script => {
        for (const bytes of updatesOf(play(script))) {
          const summary = readUpdate(bytes)
          const expected = decoded(bytes)
          expect(listed(summary.structs)).toEqual(listed(expected.structs))
          expect(listed(summary.erased)).toEqual(listed(expected.erased))
          expect(listed(summary.deletes)).toEqual(listed(expected.deletes))
          expect(byClient(summary.requires)).toEqual(byClient(expected.requires))
          expect(summary.structCount).toBe(expected.structCount)
          expect(toHex(encodeDeletes(summary.deletes))).toBe(toHex(bytes.subarray(summary.structsEnd)))
          expect(toHex(trimUpdate(bytes, summary, summary.deletes))).toBe(toHex(bytes))
        }
      }),
    )
  })

  test('an update leaves something waiting in a document exactly when there is a gap', () => {
    const seen = { gaps: 0, fits: 0 }
    check(
      fc.property(edits, script => {
        const played = play(script)
        for (const base of [new Y.Doc(), ...played.docs.slice(0, 2)]) {
          const { make, held } = replica(base)
          for (const bytes of updatesOf(played)) {
            const gap = causalGap(readUpdate(bytes), client => held.contiguous(client))
            const doc = make()
            Y.applyUpdate(doc, bytes)
            expect(parked(doc)).toBe(!gap.isEmpty)
            if (gap.isEmpty) seen.fits++
            else seen.gaps++
          }
        }
      }),
      40,
    )
    expect(Math.min(seen.gaps, seen.fits)).toBeGreaterThan(100)
  })

  test('filling the gap, and nothing more, lets an update take effect', () => {
    let filled = 0
    check(
      fc.property(edits, script => {
        const { docs, events } = play(script)
        const [first] = docs
        if (!first) return
        const { make, held } = replica(first)
        const everything = Y.mergeUpdates(docs.map(doc => Y.encodeStateAsUpdate(doc)))
        for (const bytes of events) {
          const gap = causalGap(readUpdate(bytes), client => held.contiguous(client))
          if (gap.isEmpty) continue
          const doc = make()
          Y.applyUpdate(doc, bytes)
          const lacking = new Y.Doc()
          Y.applyUpdate(lacking, everything)
          for (const { client, clock, length } of gap) {
            expect(clock).toBe(held.contiguous(client))
            expect(length).toBeLessThanOrEqual(Y.getState(lacking.store, client) - clock)
          }
          Y.applyUpdate(doc, Y.encodeStateAsUpdate(lacking, Y.encodeStateVector(doc)))
          expect(parked(doc)).toBe(false)
          filled++
        }
      }),
      40,
    )
    expect(filled).toBeGreaterThan(50)
  })

  test('an update without the deletions a document has does to it what the whole update does', () => {
    let trimmed = 0
    check(
      fc.property(edits, script => {
        const played = play(script)
        for (const base of played.docs.slice(0, 2)) {
          const { make, deleted } = replica(base)
          for (const bytes of updatesOf(played)) {
            const summary = readUpdate(bytes)
            const rest = trimUpdate(bytes, summary, deleted.missingFrom(summary.deletes))
            if (rest.length < bytes.length) trimmed++
            const [whole, part] = [make(), make()]
            Y.applyUpdate(whole, bytes)
            Y.applyUpdate(part, rest)
            expect(toHex(Y.encodeStateAsUpdate(part))).toBe(toHex(Y.encodeStateAsUpdate(whole)))
          }
        }
      }),
      40,
    )
    expect(trimmed).toBeGreaterThan(100)
  })

  test('what is held plus exactly the difference is everything, and then the difference is nothing', () => {
    check(
      fc.property(edits, script => {
        const [first, second] = play(script).docs
        if (!first || !second) return
        const { make, held, deleted } = replica(first)
        const bytes = Y.encodeStateAsUpdate(second, Y.encodeStateVector(first))
        const summary = readUpdate(bytes)
        const difference = trimUpdate(bytes, summary, deleted.missingFrom(summary.deletes))
        const doc = make()
        Y.applyUpdate(doc, difference)
        const both = make()
        Y.applyUpdate(both, Y.encodeStateAsUpdate(second))
        expect(toHex(Y.encodeStateAsUpdate(doc))).toBe(toHex(Y.encodeStateAsUpdate(both)))
        held.addAll(summary.structs)
        deleted.addAll(summary.deletes)
        deleted.addAll(summary.erased)
        const again = readUpdate(Y.encodeStateAsUpdate(second))
        expect(held.missingFrom(again.structs).isEmpty).toBe(true)
        expect(deleted.missingFrom(again.deletes).isEmpty).toBe(true)
      }),
    )
  })
})
