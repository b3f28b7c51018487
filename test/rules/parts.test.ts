import fc from 'fast-check'
import { expect, test } from 'vitest'
import { baseOf, inheritedBefore, offsetAt, partsOf, placeAt } from '../../server/rules/parts.ts'
import type { StreamState } from '../../server/rules/state.ts'
import { forkOf, streamState } from './states.ts'

const root = streamState({ tail: 10 }) // generation 7
const child = forkOf(root, 6, { generation: 8, tail: 9 })
const grandchild = forkOf(child, 8, { generation: 9, tail: 12 })

test('[F1] a fork has what its source had before the fork point, and its own bytes after it', () => {
  expect(partsOf(root)).toEqual([{ generation: 7, base: 0, from: 0, to: 10 }])
  expect(partsOf(child)).toEqual([
    { generation: 7, base: 0, from: 0, to: 6 },
    { generation: 8, base: 6, from: 6, to: 9 },
  ])
  expect(partsOf(grandchild)).toEqual([
    { generation: 7, base: 0, from: 0, to: 6 },
    { generation: 8, base: 6, from: 6, to: 8 },
    { generation: 9, base: 8, from: 8, to: 12 },
  ])
  expect([root, child, grandchild].map(baseOf)).toEqual([0, 6, 8])
})

test('[F1] of a source whose beginning is not kept a fork has what is kept', () => {
  const trimmed = streamState({ start: 4, tail: 10 })
  expect(partsOf(forkOf(trimmed, 6, { generation: 8, tail: 6 }))[0]).toMatchObject({ from: 4, to: 6 })
  expect(forkOf(trimmed, 4, { generation: 8 })).toMatchObject({ start: 4, tail: 4 })
})

test('[F2] what is empty is left out, so that a fork of forks without bytes inherits as much as its first source', () => {
  let state: StreamState = root
  for (let generation = 8; generation < 30; generation++) {
    state = forkOf(state, 10, { generation, tail: 10 })
    expect(state.origin?.inherited).toEqual([{ generation: 7, base: 0, from: 0, to: 10 }])
  }
  expect(inheritedBefore(child, 0)).toEqual([])
  expect(inheritedBefore(child, 6)).toEqual([{ generation: 7, base: 0, from: 0, to: 6 }])
  expect(inheritedBefore(grandchild, 3)).toEqual([{ generation: 7, base: 0, from: 0, to: 3 }])
})

test.each([
  [0, 7],
  [5, 7],
  [6, 7],
  [7, 8],
  [8, 8],
  [9, 9],
  [12, 9],
])('[F3] a fork of a fork speaks of position %i in the words of generation %i', (position, generation) => {
  expect(placeAt(grandchild, position)).toEqual({ generation, position })
})

test('[F3] a fork that inherits nothing speaks of its beginning as its source does', () => {
  const empty = forkOf(root, 0, { generation: 8, tail: 3 })
  expect(placeAt(empty, 0)).toEqual({ generation: 7, position: 0 })
  expect(placeAt(empty, 3)).toEqual({ generation: 8, position: 3 })
  const again = forkOf(empty, 0, { generation: 9, tail: 0 })
  expect(placeAt(again, 0)).toEqual({ generation: 7, position: 0 })
})

/** A chain of forks, each at some position of the one before it. */
const chains = fc
  .array(fc.record({ point: fc.nat(30), own: fc.nat(5) }), { minLength: 1, maxLength: 8 })
  .map(links => {
    const chain: StreamState[] = [root]
    for (const [at, { point, own }] of links.entries()) {
      const source = chain[at] ?? root
      const position = Math.min(point, source.tail)
      chain.push(forkOf(source, position, { generation: 8 + at, tail: position + own }))
    }
    return chain
  })

test('[F3] up to the fork point a fork and its source speak of every place the same way, after it they never do', () => {
  fc.assert(
    fc.property(chains, chain => {
      for (const [at, fork] of chain.entries()) {
        const source = chain[at - 1]
        if (!source) continue
        for (let position = 0; position <= fork.tail; position++) {
          const same = placeAt(fork, position).generation === placeAt(source, position).generation
          expect(same).toBe(position <= baseOf(fork))
        }
      }
    }),
  )
})

test('[F4] the tokens of one stream sort as their positions, however many wrote it', () => {
  fc.assert(
    fc.property(chains, chain => {
      for (const state of chain) {
        const tokens = Array.from({ length: state.tail + 1 }, (_, position) => offsetAt(state, position))
        expect(tokens.toSorted()).toEqual(tokens)
        expect(new Set(tokens).size).toBe(tokens.length)
      }
    }),
  )
})

test('[F1] [F2] the parts of a stream follow each other without a gap and have no empty one but its own', () => {
  fc.assert(
    fc.property(chains, chain => {
      for (const state of chain) {
        const parts = partsOf(state)
        expect(parts[0]?.from).toBe(state.start)
        expect(parts.at(-1)?.to).toBe(state.tail)
        for (const [at, { from }] of parts.entries()) if (at > 0) expect(parts[at - 1]?.to).toBe(from)
        expect(parts.slice(0, -1).every(({ from, to }) => from < to)).toBe(true)
        for (const { generation, from } of parts) {
          const owner = chain.find(one => one.generation === generation)
          expect(from).toBeGreaterThanOrEqual(owner ? baseOf(owner) : Number.NaN)
        }
      }
    }),
  )
})
