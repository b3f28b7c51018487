import fc from 'fast-check'
import { expect, test } from 'vitest'
import { clientCursor, currentCursor, nextCursor } from '../../server/rules/cursor.ts'

const epoch = Date.UTC(2024, 9, 9)

test('[K1] a cursor is the number of the 20-second interval since 9 October 2024', () => {
  expect(currentCursor(epoch)).toBe(0)
  expect(currentCursor(epoch + 19_999)).toBe(0)
  expect(currentCursor(epoch + 20_000)).toBe(1)
  expect(currentCursor(Date.UTC(2024, 9, 10))).toBe(4_320)
  expect(currentCursor(0)).toBe(0)
})

test.each([
  [undefined, undefined],
  ['', undefined],
  ['abc', undefined],
  ['-5', undefined],
  ['1.5', undefined],
  ['1e3', undefined],
  [' 7', undefined],
  ['9'.repeat(16), undefined],
  ['9'.repeat(15), 999_999_999_999_999],
  ['0', 0],
  ['007', 7],
  ['1000', 1000],
])('[K2] of what a client brings, %j counts as %s', (text, cursor) => {
  expect(clientCursor(text)).toBe(cursor)
})

test('[K3] without a cursor, or with an old one, the answer is the current interval', () => {
  const now = epoch + 20_000 * 1_000
  expect(nextCursor(now, undefined, () => 0.5)).toBe('1000')
  expect(nextCursor(now, 999, () => 0.5)).toBe('1000')
})

test('[K3] a current cursor is moved on by 1 to 3,600 seconds', () => {
  const now = epoch + 20_000 * 1_000
  expect(nextCursor(now, 1_000, () => 0)).toBe('1001')
  expect(nextCursor(now, 1_000, () => 0.999_999)).toBe('1180')
  expect(nextCursor(now, 5_000, () => 0)).toBe('5001')
})

test('[K3] the answer is decimal, never behind the clock, and strictly beyond a cursor that is not behind it', () => {
  const cases = fc.record({
    now: fc.nat(2 ** 44),
    client: fc.option(
      fc.oneof(
        fc.nat(100_000_000),
        fc.maxSafeNat().map(n => n % 10 ** 15),
      ),
      {
        nil: undefined,
      },
    ),
    random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  })
  fc.assert(
    fc.property(cases, ({ now, client, random }) => {
      const answer = nextCursor(now, client, () => random)
      expect(answer).toMatch(/^\d+$/)
      expect(Number(answer)).toBeGreaterThanOrEqual(currentCursor(now))
      if (client !== undefined && client >= currentCursor(now)) expect(Number(answer)).toBeGreaterThan(client)
    }),
  )
})

test('[K4] whoever gets the same bytes goes on with the same cursor, however long each has been following', () => {
  const cases = fc.record({
    began: fc.nat(2 ** 40),
    turns: fc.array(fc.record({ ms: fc.nat(3_600_000), bytes: fc.integer({ min: 1, max: 2 ** 30 }) }), {
      minLength: 2,
      maxLength: 20,
    }),
    joins: fc.array(fc.nat(18), { minLength: 1 }),
  })
  fc.assert(
    fc.property(cases, ({ began, turns, joins }) => {
      const readers = joins.map(turn => ({ turn, cursor: undefined as string | undefined }))
      let now = epoch + began
      let position = 0
      for (const [turn, { ms, bytes }] of turns.entries()) {
        now += ms
        position += bytes
        const present = readers.filter(reader => reader.turn <= turn)
        for (const reader of present) {
          reader.cursor = nextCursor(now, clientCursor(reader.cursor), () => 0.5, position)
        }
        expect(new Set(present.map(({ cursor }) => cursor)).size).toBeLessThanOrEqual(1)
      }
    }),
  )
})

test('[K3] a client that echoes what it got never gets the same cursor twice while time stands still', () => {
  const seen = new Set<string>()
  let cursor: string | undefined
  for (let turn = 0; turn < 100; turn++) {
    cursor = nextCursor(epoch, clientCursor(cursor), () => turn / 100)
    expect(seen.has(cursor)).toBe(false)
    seen.add(cursor)
  }
})
