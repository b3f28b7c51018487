import fc from 'fast-check'
import * as encoding from 'lib0/encoding'
import { describe, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { readUpdate, UpdateError, type UpdateSummary } from '../../protocol/index.ts'
import { seed } from '../seeded.ts'
import { anyValue, edits, play, updatesOf } from './edits.ts'
import { any, embed, json, text, update } from './handmade.ts'
import { check } from './property.ts'
import { listed } from './vectors.ts'

vi.spyOn(console, 'warn').mockImplementation(() => {}) // Yjs warns when mutated bytes use the client id of the reader

const pool = fc.sample(edits, 40).flatMap(script => updatesOf(play(script)))

const summaryOf = (bytes: Uint8Array): UpdateSummary | undefined => {
  try {
    return readUpdate(bytes)
  } catch (error) {
    expect(error).toBeInstanceOf(UpdateError)
    return undefined
  }
}

/** What Yjs does with bytes that were accepted: reads them, keeps them and writes them again. */
const expectReadable = (bytes: Uint8Array, summary: UpdateSummary) => {
  const doc = new Y.Doc()
  doc.clientID = 4_000_000_000
  Y.applyUpdate(doc, bytes)
  expect(() => Y.encodeStateAsUpdate(doc)).not.toThrow()
  const clocks = Y.decodeUpdate(bytes).structs.reduce((sum, { length }) => sum + length, 0)
  const skipped = Y.decodeUpdate(bytes).structs.reduce(
    (sum, struct) => (struct instanceof Y.Skip ? sum + struct.length : sum),
    0,
  )
  expect(listed(summary.structs).reduce((sum, [, , length]) => sum + (length ?? 0), 0)).toBe(clocks - skipped)
}

const favourites = [0x00, 0x01, 0x02, 0x04, 0x07, 0x08, 0x09, 0x0a, 0x44, 0x7f, 0x80, 0x84, 0xc4, 0xff]
const mutation = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: fc.nat(), value: fc.nat(7) }),
  fc.record({ kind: fc.constant('write' as const), at: fc.nat(), value: fc.constantFrom(...favourites) }),
  fc.record({ kind: fc.constant('insert' as const), at: fc.nat(), value: fc.nat(255) }),
  fc.record({ kind: fc.constant('remove' as const), at: fc.nat(), value: fc.nat(3) }),
)
type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never

const mutate = (bytes: Uint8Array, { kind, at, value }: Mutation): Uint8Array => {
  const place = at % (bytes.length || 1)
  const before = bytes.slice(0, place)
  const rest = bytes.slice(place)
  if (kind === 'insert') return Uint8Array.of(...before, value, ...rest)
  if (kind === 'remove') return Uint8Array.of(...before, ...rest.slice(value))
  const changed = bytes.slice()
  changed[place] = kind === 'write' ? value : (bytes[place] ?? 0) ^ (1 << value)
  return changed
}

describe(`bytes that were tampered with (seed ${seed})`, () => {
  const pick = fc.nat(pool.length - 1)
  const taken = (index: number): Uint8Array => pool[index] ?? new Uint8Array()

  test('a mutated update is refused, or Yjs can read it', () => {
    let accepted = 0
    check(
      fc.property(pick, fc.array(mutation, { minLength: 1, maxLength: 3 }), (index, mutations) => {
        const bytes = mutations.reduce(mutate, taken(index))
        const summary = summaryOf(bytes)
        if (!summary) return
        accepted++
        expectReadable(bytes, summary)
      }),
      8_000,
    )
    expect(accepted).toBeGreaterThan(1_000)
  })

  test('a truncated update is refused', () => {
    check(
      fc.property(pick, fc.nat(), (index, at) => {
        const bytes = taken(index)
        expect(summaryOf(bytes.slice(0, at % bytes.length))).toBeUndefined()
      }),
      2_000,
    )
  })

  test('the front of one update spliced to the back of another is refused, or Yjs can read it', () => {
    let accepted = 0
    check(
      fc.property(pick, pick, fc.nat(), fc.nat(), (left, right, from, to) => {
        const front = taken(left)
        const back = taken(right)
        const bytes = Uint8Array.of(
          ...front.slice(0, from % (front.length + 1)),
          ...back.slice(to % (back.length + 1)),
        )
        const summary = summaryOf(bytes)
        if (!summary) return
        accepted++
        expectReadable(bytes, summary)
      }),
      8_000,
    )
    expect(accepted).toBeGreaterThan(100)
  })

  test('random bytes are refused, or Yjs can read them', () => {
    check(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom(...favourites), fc.nat(255)), { maxLength: 24 }),
        list => {
          const bytes = Uint8Array.from(list)
          const summary = summaryOf(bytes)
          if (summary) expectReadable(bytes, summary)
        },
      ),
      20_000,
    )
  })

  test('an update in V2 encoding is refused', () => {
    for (const bytes of pool) expect(summaryOf(Y.convertUpdateFormatV1ToV2(bytes))).toBeUndefined()
  })
})

describe(`content (seed ${seed})`, () => {
  const raw = (bytes: Uint8Array) => (encoder: encoding.Encoder) => {
    encoding.writeUint8(encoder, 4)
    encoding.writeVarUint(encoder, 1)
    encoding.writeVarString(encoder, 'a')
    encoding.writeVarUint8Array(encoder, bytes)
  }
  const one = (struct: (encoder: encoding.Encoder) => void) => update([{ client: 1, structs: [struct] }])
  const length = (summary: UpdateSummary | undefined) => summary?.structs.contiguous(1)

  test('text counts as many clocks as it has UTF-16 units', () => {
    check(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), string => {
        expect(length(readUpdate(one(text(string))))).toBe(string.length)
      }),
      1_000,
    )
  })

  test('bytes are taken for text exactly when a fatal decoder takes them', () => {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    const lead = fc.constantFrom(0x41, 0xc1, 0xc2, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff)
    const edge = fc.constantFrom(0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0)
    const seen = { valid: 0, invalid: 0 }
    check(
      fc.property(fc.array(fc.oneof(lead, edge, edge), { minLength: 1, maxLength: 8 }), list => {
        const bytes = Uint8Array.from(list)
        let expected: number | undefined
        try {
          expected = decoder.decode(bytes).length
        } catch {
          expected = undefined
        }
        if (expected === undefined) seen.invalid++
        else seen.valid++
        expect(length(summaryOf(one(raw(bytes))))).toBe(expected)
      }),
      20_000,
    )
    expect(Math.min(seen.valid, seen.invalid)).toBeGreaterThan(200)
  })

  test('every any value lib0 writes is read, and no prefix of it', () => {
    check(
      fc.property(anyValue, value => {
        const bytes = encoding.encode(encoder =>
          encoding.writeAny(encoder, value as Parameters<typeof encoding.writeAny>[1]),
        )
        expect(length(readUpdate(one(any(bytes))))).toBe(1)
        for (let cut = 0; cut < bytes.length; cut++) {
          const whole = one(any(bytes.slice(0, cut)))
          expect(summaryOf(whole.slice(0, -1))).toBeUndefined()
        }
      }),
      1_000,
    )
  })

  test('a text is taken for JSON exactly when JSON.parse takes it', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '"',
      ':',
      ',',
      '1',
      '-',
      'e',
      '.',
      ' ',
      'null',
      'true',
      '\\',
      '\t',
    )
    const loose = fc.array(piece, { maxLength: 7 }).map(pieces => pieces.join(''))
    check(
      fc.property(fc.oneof(loose, fc.json()), string => {
        let parses = true
        try {
          JSON.parse(string)
        } catch {
          parses = false
        }
        expect(summaryOf(one(embed(string))) !== undefined).toBe(parses)
        expect(summaryOf(one(json('undefined', string))) !== undefined).toBe(parses)
      }),
      3_000,
    )
  })
})
