export type HeaderRecord = Readonly<Record<string, string>>

/** Why headers are asked for: `refused` after a 401, when what was given before is of no more use. */
export interface HeaderAsk {
  readonly refused: boolean
}
export type HeaderFunction = (ask: HeaderAsk) => HeaderRecord | Promise<HeaderRecord>

/** Headers as one request got them. `turn` orders the calls of the function. */
export interface AskedHeaders {
  readonly record: HeaderRecord
  readonly turn: number
}

/**
 * Where the headers of a caller come from. A function is called for every request, but never twice at the same time;
 * after a 401 it is called once for all the requests that were sent with what was refused. Rejects with what the function
 * threw, or a TypeError when it gave no headers.
 */
export class HeaderSource {
  readonly #give: HeaderFunction
  #turns = 0
  #asking: Promise<AskedHeaders> | undefined
  #renewed: { readonly turn: number; readonly headers: Promise<AskedHeaders> } | undefined
  #last: AskedHeaders | undefined

  constructor(give: HeaderFunction) {
    this.#give = give
  }

  /** For a request about to be sent. */
  current(): Promise<AskedHeaders> {
    return this.#asking ?? this.#ask(false)
  }

  /** For a request whose page may be gone before a function has answered: what it gave last. */
  latest(): Promise<AskedHeaders> {
    return this.#last ? Promise.resolve(this.#last) : this.current()
  }

  /** In place of headers that a server answered with 401. */
  renew(refused: AskedHeaders): Promise<AskedHeaders> {
    if (this.#renewed && this.#renewed.turn > refused.turn) return this.#renewed.headers
    if (this.#last && this.#last.turn <= refused.turn) this.#last = undefined
    const headers = this.#ask(true)
    const renewed = { turn: this.#turns, headers }
    this.#renewed = renewed
    headers.catch(() => {
      if (this.#renewed === renewed) this.#renewed = undefined
    })
    return headers
  }

  /** The function has not answered in time, and may never: the next request asks it again. */
  giveUp(asked: Promise<AskedHeaders>): void {
    if (this.#asking === asked) this.#asking = undefined
    if (this.#renewed?.headers === asked) this.#renewed = undefined
  }

  #ask(refused: boolean): Promise<AskedHeaders> {
    const turn = ++this.#turns
    const before = this.#asking
    const ask = async () => {
      if (before) await before.catch(() => {}) // what it gives may be what was refused
      const headers = { record: checked(await this.#give({ refused })), turn }
      if (turn > (this.#last?.turn ?? 0)) this.#last = headers
      return headers
    }
    const asking = ask()
    const settled = () => {
      if (this.#asking === asking) this.#asking = undefined
    }
    asking.then(settled, settled)
    this.#asking = asking
    return asking
  }
}

/** @throws TypeError for what no request can carry: a token that was undefined would travel as that word */
const checked = (given: unknown): HeaderRecord => {
  if (typeof given !== 'object' || given === null) throw new TypeError(`headers are an object, not ${given}`)
  const record: Record<string, string> = {}
  for (const [name, value] of given instanceof Headers ? given : Object.entries(given)) {
    if (typeof value !== 'string')
      throw new TypeError(`the header ${name} must be a string, not ${typeof value}`)
    record[name] = value
  }
  new Headers(record)
  return record
}

const sources = new WeakMap<HeaderFunction, HeaderSource>()

/** One source per function: streams that were given the same one share its calls. */
export const headerSource = (give: HeaderFunction): HeaderSource => {
  const known = sources.get(give)
  if (known) return known
  const source = new HeaderSource(give)
  sources.set(give, source)
  return source
}
