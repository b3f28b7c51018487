import * as prng from 'lib0/prng'

/** A seeded source of chance. Forks draw on their own, so that more draws in one part leave the others as they were. */
export class Chance {
  readonly #generator: prng.PRNG

  constructor(seed: number) {
    this.#generator = prng.create(seed || 0xffffffff) // of 0 it makes nothing but zeros
  }

  fork(): Chance {
    return new Chance(prng.uint32(this.#generator, 0, 0xffffffff))
  }

  /** A number in [0, 1). */
  readonly real = (): number => prng.real53(this.#generator)

  /** A whole number from `least` to `most`, both included. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.real() * (most - least + 1))
  }

  happens(probability: number): boolean {
    return this.real() < probability
  }

  oneOf<T>(items: readonly [T, ...T[]]): T {
    return items[this.whole(0, items.length - 1)] ?? items[0]
  }

  /** One of the keys, each as likely as its weight. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][]
    let left = this.real() * entries.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [key, weight] of entries) {
      left -= weight
      if (left < 0) return key
    }
    throw new RangeError('there is nothing to choose from')
  }

  word(least: number, most: number): string {
    const length = this.whole(least, most)
    return Array.from({ length }, () => String.fromCharCode(97 + this.whole(0, 25))).join('')
  }
}
