import { decodeUtf8 } from 'lib0/string'
import { UpdateError } from './update-error.ts'

/** How many UTF-16 units the UTF-8 in `bytes[from, to)` decodes to, or -1 when a fatal decoder would throw. */
export const utf16Length = (bytes: Uint8Array, from: number, to: number): number => {
  let units = 0
  let at = from
  while (at < to) {
    const lead = bytes[at++] as number
    units++
    if (lead < 0x80) continue
    let more = 1
    let least = 0x80 // of the second byte: rules out overlong forms, surrogates and code points that do not exist
    let most = 0xbf
    if (lead < 0xc2 || lead > 0xf4) return -1
    if (lead >= 0xf0) {
      more = 3
      units++
      if (lead === 0xf0) least = 0x90
      else if (lead === 0xf4) most = 0x8f
    } else if (lead >= 0xe0) {
      more = 2
      if (lead === 0xe0) least = 0xa0
      else if (lead === 0xed) most = 0x9f
    }
    if (to - at < more) return -1
    const second = bytes[at] as number
    if (second < least || second > most) return -1
    for (let next = 1; next < more; next++) if (((bytes[at + next] as number) & 0xc0) !== 0x80) return -1
    at += more
  }
  return units
}

/**
 * Walks forward over untrusted bytes in lib0's encoding. Every read stays inside the bytes or throws `UpdateError`, and
 * none builds what it walks over except `text`.
 */
export class ByteReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get at(): number {
    return this.#at
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  fail(reason: string, cause?: unknown): never {
    throw new UpdateError(reason, this.#at, cause === undefined ? undefined : { cause })
  }

  byte(): number {
    const byte = this.#bytes[this.#at]
    if (byte === undefined) this.fail('the bytes end too early')
    this.#at++
    return byte
  }

  uint(): number {
    const first = this.byte()
    return first < 0x80 ? first : this.#rest(first & 0x7f, 0x80)
  }

  /** A signed number: seven bits of the first byte are a sign and six of its digits. */
  skipInt(): void {
    const first = this.byte()
    if (first >= 0x80) this.#rest(first & 0x3f, 0x40)
  }

  /** A number of things that take at least `least` bytes each, refused when the bytes left cannot hold them. */
  count(least: number, most: number, what: string): number {
    const count = this.uint()
    if (count * least > this.left) this.fail(`${count} ${what} do not fit in ${this.left} bytes`)
    if (count > most) this.fail(`${count} ${what}, at most ${most} are taken`)
    return count
  }

  skip(length: number): void {
    if (length > this.left) this.fail(`${length} bytes are announced, ${this.left} are left`)
    this.#at += length
  }

  /** Bytes behind their length. */
  skipBytes(): void {
    this.skip(this.uint())
  }

  /** A string. Answers its length in UTF-16 units, which is what Yjs counts. */
  skipText(): number {
    const length = this.uint()
    const from = this.#at
    this.skip(length)
    const units = utf16Length(this.#bytes, from, this.#at)
    if (units < 0) this.fail('text that is not UTF-8')
    return units
  }

  text(): string {
    const length = this.uint()
    const from = this.#at
    this.skip(length)
    try {
      return decodeUtf8(this.#bytes.subarray(from, this.#at))
    } catch (cause) {
      return this.fail('text that is not UTF-8', cause)
    }
  }

  /** The bytes after the first of a number. Eight bytes hold 2^53 - 1; lib0 would let longer ones become NaN. */
  #rest(low: number, unit: number): number {
    let value = low
    let scale = unit
    for (let more = 1; more < 8; more++) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) this.fail('a number above 2^53 - 1')
        return value
      }
      scale *= 0x80
    }
    return this.fail('a number of more than eight bytes')
  }
}
