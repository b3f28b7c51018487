import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { causalGap, readUpdate, splitUpdate, updateLimits } from '../../protocol/index.ts'
import { seed } from '../seeded.ts'
import { type Edit, edits, play, updatesOf } from './edits.ts'
import { any, garbage, json, text, update } from './handmade.ts'
import { check } from './property.ts'
import { toHex } from './vectors.ts'

const replica = (state?: Uint8Array): Y.Doc => {
  const doc = new Y.Doc()
  doc.clientID = 4_000_000_000
  if (state) Y.applyUpdate(doc, state)
  return doc
}
const parked = ({ store }: Y.Doc) => store.pendingStructs !== null || store.pendingDs !== null
/** What a reader sees, and how far the document has come. */
const shown = (doc: Y.Doc) => ({
  text: doc
    .getText('text')
    .toDelta()
    .map(({ insert, attributes }: { insert: unknown; attributes?: unknown }) => [
      insert instanceof Y.AbstractType ? insert.toJSON() : insert,
      attributes,
    ]),
  list: doc.getArray('list').toJSON(),
  map: doc.getMap('map').toJSON(),
  xml: doc.getXmlFragment('xml').toString(),
  state: toHex(Y.encodeStateVector(doc)),
})
const stateOf = (doc: Y.Doc) => (client: number) => Y.getState(doc.store, client)

/** Applies parts one by one and sees to it that each could be taken, by a server as by Yjs. */
const take = (doc: Y.Doc, parts: readonly Uint8Array[], most: number): Y.Doc => {
  for (const part of parts) {
    expect(part.length).toBeLessThanOrEqual(most)
    const summary = readUpdate(part)
    expect(summary.structs.isEmpty && summary.deletes.isEmpty).toBe(false)
    expect(causalGap(summary, stateOf(doc)).isEmpty).toBe(true)
    Y.applyUpdate(doc, part)
    expect(parked(doc)).toBe(false)
  }
  return doc
}

const longer = fc.array(edits, { minLength: 3, maxLength: 5 }).map(scripts => scripts.flat())
/** Where formats meet, what Yjs makes of them depends on what came at once. */
const formatting: readonly Edit['act'][] = ['format', 'write']
const most = fc.oneof(fc.integer({ min: 200, max: 300 }), fc.integer({ min: 200, max: 2_000 }))

/** What is played, and then something large that the others see and build on, each beside what they do for themselves. */
const withLarge = (script: readonly Edit[], places: readonly number[]): Y.Doc[] => {
  const { docs } = play(script)
  for (const [index, at] of places.entries()) {
    const doc = docs[index % docs.length] as Y.Doc
    const list = doc.getArray('list')
    if (index % 2 === 0) list.insert(at % (list.length + 1), [at, new Uint8Array(200), at])
    else list.insert(at % (list.length + 1), [`${at}`])
    const next = docs[at % docs.length] as Y.Doc
    if (next !== doc) Y.applyUpdate(next, Y.encodeStateAsUpdate(doc, Y.encodeStateVector(next)))
  }
  return [...docs]
}

/** What is in no part although nothing it builds on is too large, or the other way round: from what Yjs decodes. */
const wronglyPlaced = (
  bytes: Uint8Array,
  parts: readonly Uint8Array[],
  tooLarge: readonly { client: number; clock: number }[],
) => {
  const blocked = new Map(tooLarge.map(({ client, clock }) => [client, clock]))
  const { structs } = Y.decodeUpdate(bytes)
  for (let before = -1; before !== blocked.size; ) {
    before = blocked.size
    for (const struct of structs) {
      if (!(struct instanceof Y.Item)) continue
      const waits = [struct.origin, struct.rightOrigin, struct.parent].some(
        id => id instanceof Y.ID && id.clock >= (blocked.get(id.client) ?? Number.POSITIVE_INFINITY),
      )
      const { client, clock } = struct.id
      if (waits && clock < (blocked.get(client) ?? Number.POSITIVE_INFINITY)) {
        before = -1
        blocked.set(client, clock)
      }
    }
  }
  const sent = new Map<number, number>()
  for (const part of parts) {
    for (const { client, clock, length } of readUpdate(part).structs) sent.set(client, clock + length)
  }
  return structs.filter(struct => {
    if (struct instanceof Y.Skip) return false
    const { client, clock } = struct.id
    const inParts = clock < (sent.get(client) ?? 0)
    return inParts !== clock < (blocked.get(client) ?? Number.POSITIVE_INFINITY)
  })
}

describe(`what Yjs writes (seed ${seed})`, () => {
  test('parts taken in order make the document that the whole makes', () => {
    const seen = { several: 0, whole: 0 }
    check(
      fc.property(longer, most, (script, most) => {
        const played = play(script.filter(({ act }) => !formatting.includes(act)))
        for (const base of [new Y.Doc(), ...played.docs.slice(0, 1)]) {
          const state = Y.encodeStateAsUpdate(base)
          for (const bytes of updatesOf({ ...played, events: played.events.slice(-8) })) {
            if (!causalGap(readUpdate(bytes), stateOf(base)).isEmpty) continue
            const { parts, tooLarge } = splitUpdate(bytes, { most })
            expect(tooLarge).toEqual([])
            const doc = take(replica(state), parts, most)
            const whole = replica(state)
            Y.applyUpdate(whole, bytes)
            expect(shown(doc)).toEqual(shown(whole))
            // At once, because Yjs tidies up formats after every transaction.
            const atOnce = replica(state)
            atOnce.transact(() => {
              for (const part of parts) Y.applyUpdate(atOnce, part)
            })
            expect(toHex(Y.encodeStateAsUpdate(atOnce))).toBe(toHex(Y.encodeStateAsUpdate(whole)))
            if (parts.length > 1) seen.several++
            else seen.whole++
          }
        }
      }),
      10,
    )
    expect(Math.min(seen.several, seen.whole)).toBeGreaterThan(10)
  }, 120_000)

  test('what is too large keeps out exactly what builds on it, and nothing is lost or told twice', () => {
    let kept = 0
    check(
      fc.property(edits, fc.array(fc.nat(50), { maxLength: 8 }), (script, places) => {
        const most = 150
        for (const bytes of withLarge(script, places).map(doc => Y.encodeStateAsUpdate(doc))) {
          const { parts, tooLarge, leftBytes } = splitUpdate(bytes, { most })
          expect(leftBytes > 0).toBe(tooLarge.length > 0)
          expect(wronglyPlaced(bytes, parts, tooLarge)).toEqual([])
          const doc = take(replica(), parts, most)
          for (const { client, clock, length, bytes: needed } of tooLarge) {
            kept++
            expect(needed).toBeGreaterThan(most)
            expect(length).toBeGreaterThan(0)
            expect(Y.getState(doc.store, client)).toBe(clock)
          }
          const whole = replica(bytes)
          Y.applyUpdate(doc, bytes)
          expect(toHex(Y.encodeStateAsUpdate(doc))).toBe(toHex(Y.encodeStateAsUpdate(whole)))
        }
      }),
    )
    expect(kept).toBeGreaterThan(100)
  })

  test('parts keep within every limit', () => {
    const limits = { ...updateLimits, structs: 3, clients: 2, deleteRanges: 2, rootNames: 1, subdocuments: 1 }
    check(
      fc.property(edits, script => {
        const [, second] = play(script).docs
        if (!second) return
        const bytes = Y.encodeStateAsUpdate(second)
        const { parts } = splitUpdate(bytes, { most: 1_000_000, limits })
        for (const part of parts) readUpdate(part, limits)
        const doc = take(replica(), parts, 1_000_000)
        expect(toHex(Y.encodeStateAsUpdate(doc))).toBe(toHex(Y.encodeStateAsUpdate(replica(bytes))))
      }),
    )
  })
})

describe('One long struct', () => {
  test('of text is cut into as few parts as it takes, never within a character', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', 'ö', '€', '😀'), minLength: 1, maxLength: 600 }),
        fc.integer({ min: 64, max: 200 }),
        (string, most) => {
          const bytes = update([{ client: 5, structs: [text(string)] }])
          const { parts, tooLarge } = splitUpdate(bytes, { most })
          expect(tooLarge).toEqual([])
          const doc = take(replica(), parts, most)
          expect(doc.getText('a').toString()).toBe(string)
          const leastOfEach = most - 23 // heads, and a character that does not fit
          expect(parts.length).toBeLessThanOrEqual(Math.ceil(bytes.length / leastOfEach))
        },
      ),
    )
  })

  test('of values is cut between them', () => {
    const values = Array.from({ length: 400 }, (_, at) => ({ at, nested: ['x'.repeat(at % 40)] }))
    const author = new Y.Doc()
    author.getArray('list').insert(0, values)
    const bytes = Y.encodeStateAsUpdate(author)
    const { parts, tooLarge } = splitUpdate(bytes, { most: 128 })
    expect([tooLarge, parts.length > bytes.length / 128]).toEqual([[], true])
    expect(take(replica(), parts, 128).getArray('list').toJSON()).toEqual(values)
  })

  test('of JSON is cut between values', () => {
    const values = Array.from({ length: 50 }, (_, at) => JSON.stringify({ at, s: 'y'.repeat(at) }))
    const bytes = update([{ client: 5, structs: [json(...values)] }])
    const doc = take(replica(), splitUpdate(bytes, { most: 96 }).parts, 96)
    expect(doc.getArray('a').toJSON()).toEqual(values.map(value => JSON.parse(value)))
  })

  test('between two others of which one is somebody else’s keeps its place', () => {
    const [ada, bob] = [new Y.Doc(), new Y.Doc()]
    ada.getText('a').insert(0, 'begin end')
    Y.applyUpdate(bob, Y.encodeStateAsUpdate(ada))
    const before = Y.encodeStateVector(bob)
    const pasted = 'lörem ipsum '.repeat(100)
    bob.getText('a').insert(5, pasted)
    ada.getText('a').insert(5, ' ADA')
    const { parts } = splitUpdate(Y.encodeStateAsUpdate(bob, before), { most: 100 })
    expect(parts.length).toBeGreaterThan(12)
    Y.applyUpdate(bob, Y.encodeStateAsUpdate(ada))
    expect(take(ada, parts, 100).getText('a').toString()).toBe(bob.getText('a').toString())
  })

  test('of one value that is too large is told with its clock and size, and so is a later one of another client', () => {
    const long = (at: number) => {
      const author = new Y.Doc()
      author.clientID = at
      author.getArray('list').insert(0, ['before', 'z'.repeat(500), 'after'])
      author.getArray('list').push([new Uint8Array(900), 'last'])
      return Y.encodeStateAsUpdate(author)
    }
    const { parts, tooLarge } = splitUpdate(Y.mergeUpdates([long(1), long(2)]), { most: 200 })
    expect(tooLarge.map(({ client, clock, length }) => ({ client, clock, length }))).toEqual([
      { client: 2, clock: 1, length: 1 },
      { client: 1, clock: 1, length: 1 },
    ])
    for (const { bytes } of tooLarge) expect(bytes).toBeGreaterThan(500)
    expect(take(replica(), parts, 200).getArray('list').toJSON()).toEqual(['before', 'before'])
  })

  test('fits exactly when the bound is what it was told to take', () => {
    const author = new Y.Doc()
    author.clientID = 77
    author.getArray('list').insert(0, ['a', 'b', 'z'.repeat(500)])
    const bytes = Y.encodeStateAsUpdate(author)
    const [told] = splitUpdate(bytes, { most: 400 }).tooLarge
    const needed = told?.bytes ?? 0
    expect(splitUpdate(bytes, { most: needed - 1 }).tooLarge).toEqual([told])
    const { parts, tooLarge } = splitUpdate(bytes, { most: needed })
    expect(tooLarge).toEqual([])
    expect(take(replica(), parts, needed).getArray('list').length).toBe(3)
  })
})

describe('Bounds', () => {
  const withBytes = (...sizes: readonly number[]) => {
    const author = new Y.Doc({ gc: false })
    author.clientID = 9
    const list = author.getArray<unknown>('list')
    list.insert(0, ['a', 'b'])
    for (const size of sizes) list.push([new Uint8Array(size), 'c'])
    return { author, list }
  }

  test('of what cannot be cut are wider where they may be, and nothing else shares its part', () => {
    const { author } = withBytes(500, 900)
    const bytes = Y.encodeStateAsUpdate(author)
    const { parts, tooLarge } = splitUpdate(bytes, { most: 600, target: 100 })
    expect(tooLarge.map(({ clock }) => clock)).toEqual([4])
    expect(parts.map(part => part.length > 100)).toEqual([false, true, false])
    expect(take(replica(), parts, 600).getArray('list').length).toBe(4)
    const all = splitUpdate(bytes, { most: 1_000, target: 100 })
    expect([all.tooLarge, all.parts.length]).toEqual([[], 5])
    expect(take(replica(), all.parts, 1_000).getArray('list').length).toBe(6)
  })

  test('do not keep out what is deleted: it goes without its content', () => {
    const { author, list } = withBytes(500, 300)
    list.delete(2, 1)
    const { parts, tooLarge } = splitUpdate(Y.encodeStateAsUpdate(author), { most: 100 })
    expect(tooLarge.map(({ clock }) => clock)).toEqual([4])
    expect(take(replica(), parts, 100).getArray('list').toJSON()).toEqual(['a', 'b', 'c'])
    list.delete(3, 1)
    const rest = splitUpdate(Y.encodeStateAsUpdate(author), { most: 100 })
    expect(rest.tooLarge).toEqual([])
    expect(take(replica(), rest.parts, 100).getArray('list').toJSON()).toEqual(['a', 'b', 'c', 'c'])
  })

  test('of what goes nowhere are those it is told, with all that builds on it', () => {
    const { author, list } = withBytes(10)
    const other = new Y.Doc()
    other.clientID = 5
    Y.applyUpdate(other, Y.encodeStateAsUpdate(author))
    other.getArray('list').insert(1, ['mine'])
    other.getArray('list').push(['yours'])
    other.getArray('list').push(['and mine'])
    list.delete(0, 4)
    const bytes = Y.mergeUpdates([other, author].map(doc => Y.encodeStateAsUpdate(doc)))
    const { parts, tooLarge } = splitUpdate(bytes, { most: 1_000, without: new Map([[9, 2]]) })
    expect(tooLarge).toEqual([])
    const doc = take(replica(), parts, 1_000)
    expect([doc.getArray('list').toJSON(), Y.getState(doc.store, 9), Y.getState(doc.store, 5)]).toEqual([
      ['mine'],
      2,
      1,
    ])
  })
})

describe('Formats', () => {
  test('are in one part from beginning to end, so that what is like them behind is not taken for a part of them', () => {
    const [ada, bob] = [new Y.Doc(), replica()]
    const before = ada.getText('a')
    before.insert(0, 'abc def ghi ')
    before.format(4, 3, { bold: true })
    Y.applyUpdate(bob, Y.encodeStateAsUpdate(ada))
    const known = Y.encodeStateVector(ada)
    for (let at = 0; at < 12; at++) ada.getText('b').insert(0, `${at} `.repeat(10))
    before.format(0, 2, { bold: true })
    const bytes = Y.encodeStateAsUpdate(ada, known)
    for (let most = 100; most < bytes.length; most++) {
      const { parts } = splitUpdate(bytes, { most })
      expect(parts.length).toBeGreaterThan(1)
      const doc = take(replica(Y.encodeStateAsUpdate(bob)), parts, most)
      expect(doc.getText('a').toDelta()).toEqual(before.toDelta())
    }
  })

  test('longer than a part are split all the same', () => {
    const author = new Y.Doc()
    author.getText('a').insert(0, 'x'.repeat(1_000), { bold: true })
    const { parts } = splitUpdate(Y.encodeStateAsUpdate(author), { most: 100 })
    const doc = take(replica(), parts, 100)
    expect(doc.getText('a').toDelta()).toEqual(author.getText('a').toDelta())
  })
})

test('A great many deletions are spread over parts', () => {
  const author = new Y.Doc()
  const words = author.getText('a')
  words.insert(0, 'x'.repeat(2_000))
  for (let at = 0; at < 1_000; at++) words.delete(at, 1)
  const bytes = Y.encodeStateAsUpdate(author)
  const { parts } = splitUpdate(bytes, { most: 300 })
  expect(parts.length).toBeGreaterThan(5)
  expect(take(replica(), parts, 300).getText('a').toString()).toBe('x'.repeat(1_000))
})

test('An update that changes nothing has no parts, and a bound too small for any is refused', () => {
  expect(splitUpdate(update([]), { most: 64 })).toEqual({ parts: [], tooLarge: [], leftBytes: 0 })
  expect(() => splitUpdate(update([]), { most: 63 })).toThrow(RangeError)
  expect(() => splitUpdate(update([]), { most: Number.NaN })).toThrow(RangeError)
})

test('The largest numbers fit into the smallest bound', () => {
  const far = 2 ** 53 - 1_000
  const bytes = update(
    [{ client: 2 ** 53 - 1, clock: far, structs: [garbage(1), garbage(2 ** 9)] }],
    [[2 ** 53 - 2, [2 ** 52, 2 ** 51]]],
  )
  const { parts, tooLarge } = splitUpdate(bytes, { most: 64 })
  expect(tooLarge).toEqual([])
  expect(parts.every(part => part.length <= 64)).toBe(true)
  expect(readUpdate(parts[0] ?? new Uint8Array()).structs.covers(2 ** 53 - 1, far, 513)).toBe(true)
})

test('What is not an update is refused', () => {
  expect(() => splitUpdate(new Uint8Array([9, 9, 9]), { most: 100 })).toThrow(/byte/)
  expect(() =>
    splitUpdate(update([{ client: 1, structs: [any(new Uint8Array([1]))] }]), { most: 100 }),
  ).toThrow()
})

test('Twenty megabytes of text become twenty parts in a moment', () => {
  const author = new Y.Doc()
  author.getText('a').insert(0, 'pasted text äöü 😀 '.repeat(800_000))
  const bytes = Y.encodeStateAsUpdate(author)
  expect(bytes.length).toBeGreaterThan(18_000_000)
  const { parts, tooLarge } = splitUpdate(bytes, { most: 1_000_000 })
  expect([tooLarge, parts.length]).toEqual([[], Math.ceil(bytes.length / 999_900)])
  expect(take(replica(), parts, 1_000_000).getText('a').length).toBe(author.getText('a').length)
}, 30_000)
