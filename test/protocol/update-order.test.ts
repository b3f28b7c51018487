import fc from 'fast-check'
import * as encoding from 'lib0/encoding'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { causalGap, readUpdate, UpdateError, type UpdateSummary } from '../../protocol/index.ts'
import { seed } from '../seeded.ts'
import { type Struct, update } from './handmade.ts'
import { check } from './property.ts'

const clients = [9, 5, 3, 1]

interface Reference {
  readonly client: number
  readonly clock: number
}

/** Text that stands between two others, of whomever. */
const between =
  (length: number, left: Reference | undefined, right: Reference | undefined): Struct =>
  encoder => {
    encoding.writeUint8(encoder, 4 | (left ? 0x80 : 0) | (right ? 0x40 : 0))
    for (const reference of [left, right]) {
      if (!reference) continue
      encoding.writeVarUint(encoder, reference.client)
      encoding.writeVarUint(encoder, reference.clock)
    }
    if (!left && !right) {
      encoding.writeVarUint(encoder, 1)
      encoding.writeVarString(encoder, 'a')
    }
    encoding.writeVarString(encoder, 'x'.repeat(length))
  }

const reference = fc.option(fc.record({ client: fc.nat(3), clock: fc.nat(5) }), { nil: undefined, freq: 2 })
const struct = fc.record({ length: fc.integer({ min: 1, max: 3 }), left: reference, right: reference })
const graph = fc.array(fc.array(struct, { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 4 })

/** Structs of some clients that refer to each other at random, but never to later ones of their own client. */
const encode = (sections: readonly (readonly { length: number; left?: Reference; right?: Reference }[])[]) =>
  update(
    sections.map((structs, index) => {
      const client = clients[index] ?? 0
      let clock = 0
      return {
        client,
        structs: structs.map(({ length, ...refer }) => {
          const [left, right] = [refer.left, refer.right].map(to => {
            const other = to && clients[to.client % sections.length]
            if (!to || other === undefined) return undefined
            if (other !== client) return { client: other, clock: to.clock }
            return clock > 0 ? { client, clock: to.clock % clock } : undefined
          })
          clock += length
          return between(length, left, right)
        }),
      }
    }),
  )

const fresh = () => {
  const doc = new Y.Doc()
  doc.clientID = 4_000_000_000
  return doc
}

describe(`structs that refer to each other (seed ${seed})`, () => {
  test('a circle is refused, a gap is named, and everything else takes effect', () => {
    const seen = { circles: 0, gaps: 0, whole: 0 }
    check(
      fc.property(graph, sections => {
        const bytes = encode(sections as Parameters<typeof encode>[0])
        const doc = fresh()
        let summary: UpdateSummary | undefined
        try {
          summary = readUpdate(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(UpdateError)
          expect((error as UpdateError).reason).toContain('wait for each other')
        }
        Y.applyUpdate(doc, bytes)
        if (!summary) {
          seen.circles++
          expect(doc.store.pendingStructs).not.toBeNull()
        } else if (causalGap(summary, () => 0).isEmpty) {
          seen.whole++
          expect(doc.store.pendingStructs).toBeNull()
          for (const client of summary.structs.clients()) {
            expect(Y.getState(doc.store, client)).toBe(summary.structs.contiguous(client))
          }
        } else {
          seen.gaps++
          expect(doc.store.pendingStructs).not.toBeNull()
        }
      }),
      3_000,
    )
    expect(Math.min(seen.circles, seen.gaps, seen.whole)).toBeGreaterThan(100)
  }, 120_000)

  test('two clients that answer each other 20,000 times are no circle and are read in one pass', () => {
    const turns = 20_000
    const answer = (client: number, clock: number) => between(1, { client, clock }, undefined)
    const bytes = update([
      { client: 2, structs: Array.from({ length: turns }, (_, clock) => answer(1, clock)) },
      {
        client: 1,
        structs: Array.from({ length: turns }, (_, clock) =>
          clock === 0 ? between(1, undefined, undefined) : answer(2, clock - 1),
        ),
      },
    ])
    expect(causalGap(readUpdate(bytes), () => 0).isEmpty).toBe(true)
  })

  test('a circle is found behind 20,000 structs that wait for nobody', () => {
    const free = Array.from({ length: 20_000 }, () => between(1, undefined, undefined))
    const bytes = update([
      { client: 2, structs: [...free, between(1, { client: 1, clock: 20_000 }, undefined)] },
      { client: 1, structs: [...free, between(1, { client: 2, clock: 20_000 }, undefined)] },
    ])
    expect(() => readUpdate(bytes)).toThrow('wait for each other')
  })

  test('a wait for what lies before or beyond an update, or in what it skips, closes no circle', () => {
    const skip: Struct = encoder => {
      encoding.writeUint8(encoder, 10)
      encoding.writeVarUint(encoder, 2)
    }
    const bytes = update([
      { client: 2, clock: 5, structs: [between(1, { client: 1, clock: 1 }, { client: 1, clock: 9 })] },
      {
        client: 1,
        structs: [
          between(1, { client: 2, clock: 4 }, undefined),
          skip,
          between(1, { client: 2, clock: 5 }, undefined),
        ],
      },
    ])
    const gap = causalGap(readUpdate(bytes), () => 0)
    expect([...gap].map(({ client, clock, length }) => [client, clock, length])).toEqual([
      [1, 1, 2],
      [1, 4, 6],
      [2, 0, 5],
    ])
  })
})
