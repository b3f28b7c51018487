import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Glob, isGlob } from '../../server/subscriptions/glob.ts'

const matches = (pattern: string, path: string): boolean => new Glob(pattern).matches(path)

test.each([
  ['[G1] one segment, whatever it is', 'events/*', 'events/a', true],
  ['[G1] not none', 'events/*', 'events', false],
  ['[G1] not two', 'events/*', 'events/a/b', false],
  ['[G1] in the middle', 'a/*/c', 'a/b/c', true],
  ['[G2] none', 'events/**', 'events', true],
  ['[G2] many', 'events/**', 'events/a/b/c', true],
  ['[G2] everything', '**', 'a/b', true],
  ['[G2] in the middle, none', 'a/**/z', 'a/z', true],
  ['[G2] in the middle, many', 'a/**/z', 'a/z/b/z', true],
  ['[G2] in the middle, no end', 'a/**/z', 'a/z/b', false],
  ['[G2] twice', '**/x/**/y', 'x/x/y/y', true],
  ['[G3] a segment is itself', 'events/a', 'events/a', true],
  ['[G3] and no beginning of another', 'events/a', 'events/ab', false],
  ['[G3] and no pattern of another kind', 'events/a.c', 'events/abc', false],
])('%s: %s and %s', (_, pattern, path, expected) => {
  expect(matches(pattern, path)).toBe(expected)
})

const word = fc.constantFrom('a', 'b', 'c')
const path = fc.array(word, { minLength: 1, maxLength: 7 })
const pattern = fc.array(fc.oneof(word, fc.constant('*'), fc.constant('**')), { minLength: 1, maxLength: 6 })

/** The definition, word for word. */
const defined = ([part, ...parts]: readonly string[], segments: readonly string[]): boolean => {
  if (part === undefined) return segments.length === 0
  if (part === '**') {
    return Array.from({ length: segments.length + 1 }, (_, skip) => skip).some(skip =>
      defined(parts, segments.slice(skip)),
    )
  }
  const [segment, ...rest] = segments
  return segment !== undefined && (part === '*' || part === segment) && defined(parts, rest)
}

test('[G1] [G2] [G3] a pattern matches what its definition says', () => {
  fc.assert(
    fc.property(pattern, path, (parts, segments) => {
      expect(matches(parts.join('/'), segments.join('/'))).toBe(defined(parts, segments))
    }),
    { numRuns: 2_000 },
  )
})

test('A path that matches begins with the prefix of the pattern', () => {
  fc.assert(
    fc.property(pattern, path, (parts, segments) => {
      const glob = new Glob(parts.join('/'))
      const whole = segments.join('/')
      if (glob.matches(whole)) expect(whole.startsWith(glob.prefix)).toBe(true)
    }),
    { numRuns: 2_000 },
  )
})

test('[G4] a pattern made to be slow is not', () => {
  const began = performance.now()
  expect(matches(`${'**/a/'.repeat(50)}b`, `${'a/'.repeat(200)}c`)).toBe(false)
  expect(performance.now() - began).toBeLessThan(1_000)
})

test('An asterisk that is a part of a segment makes no pattern', () => {
  expect(['*', '**', 'a/*/b/**', 'a'].every(isGlob)).toBe(true)
  expect(['a*', '*a', '***', 'a/b*c'].some(isGlob)).toBe(false)
})
