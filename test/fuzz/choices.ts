import * as prng from 'lib0/prng'

/** Spreads neighbouring numbers over 32 bits: executions of one seed, and seeds of one index, have nothing in common. */
const scattered = (seed: number, index: number): number => {
  let bits = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b)) >>> 0
  bits = Math.imul(bits ^ (bits >>> 16), 0x7feb352d)
  bits = Math.imul(bits ^ (bits >>> 15), 0x846ca68b)
  return (bits ^ (bits >>> 16)) >>> 0
}

/**
 * Everything an execution leaves to chance, as a list of whole numbers: drawn from a seed, or given. The generators ask
 * for nothing else, so a shorter list is a smaller execution, and a list is all that shrinking has to know about. By
 * convention 0 is the plainest choice; a list that has run out answers 0.
 */
export class Choices {
  readonly taken: number[] = []
  readonly #source: (bound: number) => number

  private constructor(source: (bound: number) => number) {
    this.#source = source
  }

  /** The execution `index` of `seed`: a function of these two and of nothing else. */
  static drawn(seed: number, index: number): Choices {
    const generator = prng.create(scattered(seed, index))
    return new Choices(bound => Math.floor(prng.real53(generator) * bound))
  }

  static given(numbers: readonly number[]): Choices {
    let at = 0
    return new Choices(bound => Math.min(numbers[at++] ?? 0, bound - 1))
  }

  /** A whole number from 0 to `bound` - 1. */
  below(bound: number): number {
    const number = this.#source(bound)
    this.taken.push(number)
    return number
  }

  /** A whole number from `least` to `most`, both included; `least` is the plainest. */
  whole(least: number, most: number): number {
    return least + this.below(most - least + 1)
  }

  /** True in `percent` of a hundred cases. */
  happens(percent: number): boolean {
    return this.below(100) >= 100 - percent
  }

  oneOf<T>(items: readonly [T, ...T[]]): T {
    return items[this.below(items.length)] ?? items[0]
  }

  /** One of a list that may be empty. */
  anyOf<T>(items: readonly T[]): T | undefined {
    return items.length === 0 ? undefined : items[this.below(items.length)]
  }

  /** One of the keys, each as likely as its weight. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][]
    let left = this.below(entries.reduce((sum, [, weight]) => sum + weight, 0))
    for (const [key, weight] of entries) {
      left -= weight
      if (left < 0) return key
    }
    throw new RangeError('there is nothing to choose from')
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256))
  }

  word(least: number, most: number): string {
    return Array.from({ length: this.whole(least, most) }, () =>
      String.fromCharCode(97 + this.below(26)),
    ).join('')
  }
}
