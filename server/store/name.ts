/** Bytes of UTF-8 of the longest name of an entry or a cell: a key of LMDB (1,978 bytes) has room for it. */
export const maxNameBytes = 1_000

const loneSurrogate = /\p{Surrogate}/u

/**
 * The UTF-8 bytes of a name of an entry or a cell.
 * @throws RangeError for an empty name, one above `maxNameBytes`, or one with half a surrogate pair: UTF-8 cannot tell
 * two of those apart
 */
export const nameBytes = (name: string): Buffer => {
  const bytes = Buffer.from(name)
  if (bytes.byteLength === 0) throw new RangeError('a name has at least one byte')
  if (bytes.byteLength > maxNameBytes) {
    throw new RangeError(`a name has at most ${maxNameBytes} bytes of UTF-8, this one ${bytes.byteLength}`)
  }
  if (loneSurrogate.test(name)) throw new RangeError('a name is well-formed text')
  return bytes
}

/** The order of the UTF-8 bytes of two names (S10). JavaScript's own order differs above U+FFFF. */
export const byteOrder = (a: string, b: string): number => {
  const shared = Math.min(a.length, b.length)
  for (let at = 0; at < shared; at++) {
    const difference = rank(a.charCodeAt(at)) - rank(b.charCodeAt(at))
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

// Surrogates stand for code points above all others, but lie below U+E000 as numbers.
const rank = (unit: number): number => (unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800)
