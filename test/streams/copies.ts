/** The end of an append: the token that was given for it, and how many bytes lie before it. */
export interface Mark {
  readonly token: string
  readonly at: number
}

export interface Copy {
  text: string
  closed: boolean
  deleted: boolean
  /** The beginning, and the end of every append, in order. */
  readonly marks: Mark[]
  readonly ends: number | undefined
  readonly source: string | undefined
}

/** Streams and their forks in the simplest way there is: a fork is a copy. */
export class Copies {
  readonly #streams = new Map<string, Copy>()

  /** What there is, deleted or not. */
  get names(): readonly string[] {
    return [...this.#streams.keys()].toSorted()
  }

  /** What anybody may ask for. */
  alive(name: string): Copy | undefined {
    const copy = this.#streams.get(name)
    return copy?.deleted ? undefined : copy
  }

  absence(name: string): 'missing' | 'deleted' {
    return this.#streams.get(name)?.deleted ? 'deleted' : 'missing'
  }

  create(name: string, copy: Omit<Copy, 'closed' | 'deleted'>): void {
    this.#streams.set(name, { ...copy, closed: false, deleted: false })
  }

  append(name: string, body: string, token: string): void {
    const copy = this.#streams.get(name)
    if (!copy) throw new Error(`there is no ${name}`)
    copy.text += body
    copy.marks.push({ token, at: copy.text.length })
  }

  /** A deleted stream stays while something was forked from it; with the last such it goes, and so on. */
  remove(name: string): void {
    const first = this.#streams.get(name)
    if (first) first.deleted = true
    for (let at: string | undefined = name; at !== undefined; ) {
      const copy: Copy | undefined = this.#streams.get(at)
      if (!copy?.deleted || [...this.#streams.values()].some(({ source }) => source === at)) return
      this.#streams.delete(at)
      at = copy.source
    }
  }

  /** Removes what ends by `now`. */
  expire(now: number): void {
    for (const [name, { ends, deleted }] of [...this.#streams]) {
      if (!deleted && ends !== undefined && ends <= now) this.remove(name)
    }
  }
}
