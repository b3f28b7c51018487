import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeFrames, encodeFrames, FrameError } from '../../protocol/index.ts'
import { seed } from '../seeded.ts'
import { check } from './property.ts'
import { fromHex, toHex, vectors } from './vectors.ts'

interface Whole {
  readonly name: string
  readonly made: string
  readonly hex: string
  readonly payloads: readonly string[]
  readonly ends: readonly number[]
}
const { whole, broken } = vectors<{ whole: Whole[]; broken: { name: string; hex: string }[] }>('frames')

/** Every prefix of whole frames decodes to the payloads it has in full, or is refused. */
const expectCuts = (bytes: Uint8Array, payloads: readonly string[], ends: readonly number[]) => {
  for (let cut = 0; cut <= bytes.length; cut++) {
    const decode = () => decodeFrames(bytes.slice(0, cut)).map(toHex)
    if (cut === 0 || ends.includes(cut)) {
      expect(decode(), `cut at ${cut}`).toEqual(payloads.slice(0, ends.indexOf(cut) + 1))
    } else expect(decode, `cut at ${cut}`).toThrow(FrameError)
  }
}

describe('frames', () => {
  test.each(whole)('bytes of whole frames decode to their payloads: $name', ({ hex, payloads }) => {
    expect(decodeFrames(fromHex(hex)).map(toHex)).toEqual(payloads)
  })

  test.each(whole.filter(({ made }) => !made.startsWith('by hand')))(
    'payloads encode to the bytes lib0 writes: $name',
    ({ hex, payloads }) => {
      expect(toHex(encodeFrames(payloads.map(fromHex)))).toBe(hex)
    },
  )

  test.each(broken)('bytes that are not whole frames are refused: $name', ({ hex }) => {
    expect(() => decodeFrames(fromHex(hex))).toThrow(FrameError)
  })

  test.each(whole)('a cut is refused unless it falls between two frames: $name', vector => {
    expectCuts(fromHex(vector.hex), vector.payloads, vector.ends)
  })

  test('payloads are views into the bytes, not copies', () => {
    const bytes = encodeFrames([Uint8Array.of(1, 2), Uint8Array.of(3)])
    for (const payload of decodeFrames(bytes)) expect(payload.buffer).toBe(bytes.buffer)
  })

  test(`any payloads come back from their frames, and from no cut inside one (seed ${seed})`, () => {
    const payload = fc.oneof(
      fc.uint8Array({ maxLength: 6 }),
      fc.uint8Array({ minLength: 126, maxLength: 130 }),
    )
    check(
      fc.property(fc.array(payload, { maxLength: 4 }), payloads => {
        const ends = payloads.map((_, index) => encodeFrames(payloads.slice(0, index + 1)).length)
        expectCuts(encodeFrames(payloads), payloads.map(toHex), ends)
      }),
    )
  })

  test(`any bytes decode or are refused with FrameError (seed ${seed})`, () => {
    let decoded = 0
    check(
      fc.property(fc.uint8Array({ maxLength: 24 }), bytes => {
        let payloads: Uint8Array[]
        try {
          payloads = decodeFrames(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError)
          return
        }
        decoded++
        expect(decodeFrames(encodeFrames(payloads)).map(toHex)).toEqual(payloads.map(toHex))
      }),
      2_000,
    )
    expect(decoded).toBeGreaterThan(50)
  })
})
