/** Which states can be sent, and what stands in for those that cannot: the last of the same client that could. */
export class Fitting {
  readonly #fitted = new Map<number, string>()
  /** Clients whose present state cannot be sent. */
  readonly #unsendable = new Set<number>()
  readonly #onUnsendable: (client: number, chars: number | undefined, cause: unknown) => void
  /** A state with so many characters was refused. */
  #tooMany = Number.POSITIVE_INFINITY

  /** @param onUnsendable called once until a state of that client can be sent again; without `chars` it is no JSON */
  constructor(onUnsendable: (client: number, chars: number | undefined, cause: unknown) => void) {
    this.#onUnsendable = onUnsendable
  }

  /** What to send as the state of a client; undefined when there is nothing. */
  textFor(client: number, state: unknown): string | undefined {
    const text = this.#write(client, state)
    const fitted = this.#fitted.get(client)
    if (text !== undefined && text === fitted) this.#unsendable.delete(client)
    if (text !== undefined && text.length < this.#tooMany) return text
    if (text !== undefined) this.#tell(client, text.length, undefined)
    return fitted
  }

  took(client: number, text: string): void {
    if (this.#fitted.get(client) !== text) this.#unsendable.delete(client)
    this.#fitted.set(client, text)
  }

  /** Another server may take more. */
  tryAll(): void {
    this.#tooMany = Number.POSITIVE_INFINITY
  }

  refused(client: number, text: string, cause: unknown): void {
    this.#tooMany = Math.min(this.#tooMany, text.length)
    this.#tell(client, text.length, cause)
  }

  forget(client: number): void {
    this.#fitted.delete(client)
    this.#unsendable.delete(client)
  }

  #write(client: number, state: unknown): string | undefined {
    try {
      const text: string | undefined = JSON.stringify(state)
      if (text === undefined) throw new TypeError('the state has no JSON form')
      return text
    } catch (cause) {
      this.#tell(client, undefined, cause)
      return undefined
    }
  }

  #tell(client: number, chars: number | undefined, cause: unknown): void {
    if (this.#unsendable.has(client)) return
    this.#unsendable.add(client)
    this.#onUnsendable(client, chars, cause)
  }
}
