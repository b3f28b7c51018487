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
 * after a 401 it is called once for all the requests that were sent with what was refused.
 */
export class HeaderSource {
  readonly #give: HeaderFunction
  #turns = 0
  #asking: Promise<AskedHeaders> | undefined
  #renewed: { readonly turn: number; readonly headers: Promise<AskedHeaders> } | undefined

  constructor(give: HeaderFunction) {
    this.#give = give
  }

  /** For a request about to be sent. Rejects with what the function threw. */
  current(): Promise<AskedHeaders> {
    return this.#asking ?? this.#ask(false)
  }

  /** In place of headers that a server answered with 401. */
  renew(refused: AskedHeaders): Promise<AskedHeaders> {
    if (this.#renewed && this.#renewed.turn > refused.turn) return this.#renewed.headers
    const headers = this.#ask(true)
    const renewed = { turn: this.#turns, headers }
    this.#renewed = renewed
    headers.catch(() => {
      if (this.#renewed === renewed) this.#renewed = undefined
    })
    return headers
  }

  #ask(refused: boolean): Promise<AskedHeaders> {
    const turn = ++this.#turns
    const asking = (async () => ({ record: await this.#give({ refused }), turn }))()
    const settled = () => {
      if (this.#asking === asking) this.#asking = undefined
    }
    asking.then(settled, settled)
    this.#asking = asking
    return asking
  }
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
