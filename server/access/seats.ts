/** So many at a time for each key. Holds no more keys than there are seats taken. */
export class Seats {
  readonly #most: number
  readonly #taken = new Map<string, number>()

  constructor(most: number) {
    this.#most = most
  }

  /** @returns how to leave, once; undefined when all are taken */
  take(key: string): (() => void) | undefined {
    const before = this.#taken.get(key) ?? 0
    if (before >= this.#most) return undefined
    this.#taken.set(key, before + 1)
    let left = false
    return () => {
      if (left) return
      left = true
      const rest = (this.#taken.get(key) ?? 1) - 1
      if (rest > 0) this.#taken.set(key, rest)
      else this.#taken.delete(key)
    }
  }

  /** Of all keys. */
  get taken(): number {
    return [...this.#taken.values()].reduce((sum, count) => sum + count, 0)
  }
}
