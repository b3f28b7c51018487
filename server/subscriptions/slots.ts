interface Waiter {
  readonly target: string
  enter(): void
}

/** Places for deliveries: so many in all, and so many to one target, that a slow receiver cannot take them all. */
export class Slots {
  readonly #inAll: number
  readonly #perTarget: number
  readonly #taken = new Map<string, number>()
  readonly #waiting: Waiter[] = []
  #count = 0

  constructor(inAll: number, perTarget: number) {
    this.#inAll = inAll
    this.#perTarget = perTarget
  }

  /** Resolves with how to give the place back, in order of arrival among those of one target. */
  take(target: string): Promise<() => void> {
    return new Promise(resolve => {
      const enter = () => {
        this.#count++
        this.#taken.set(target, (this.#taken.get(target) ?? 0) + 1)
        resolve(() => this.#leave(target))
      }
      if (this.#hasRoom(target)) enter()
      else this.#waiting.push({ target, enter })
    })
  }

  #hasRoom(target: string): boolean {
    return this.#count < this.#inAll && (this.#taken.get(target) ?? 0) < this.#perTarget
  }

  #leave(target: string): void {
    this.#count--
    const left = (this.#taken.get(target) ?? 1) - 1
    if (left > 0) this.#taken.set(target, left)
    else this.#taken.delete(target)
    const next = this.#waiting.findIndex(waiter => this.#hasRoom(waiter.target))
    if (next >= 0) this.#waiting.splice(next, 1)[0]?.enter()
  }
}
