import { readUpdate, type UpdateSummary } from '../protocol/index.ts'

/** What one transaction of a trace became. */
export interface Typed {
  /** Its place in the trace. */
  readonly index: number
  readonly update: Uint8Array
  readonly summary: UpdateSummary
}

/** By agent, what was typed so far, in order. */
export class Exchange {
  readonly #typed: readonly (Typed | undefined)[][]
  readonly #watchers: (() => void)[] = []

  constructor(agents: number) {
    this.#typed = Array.from({ length: agents }, () => [])
  }

  /** @param update left out for a transaction that changed nothing */
  add(agent: number, index: number, update: Uint8Array | undefined): void {
    this.#typed[agent]?.push(update && { index, update, summary: readUpdate(update) })
    if (!update) for (const tell of this.#watchers) tell()
  }

  /** Calls `tell` for what no document will ever tell of: a transaction that changed nothing. */
  watch(tell: () => void): void {
    this.#watchers.push(tell)
  }

  /** How many transactions of an agent are here. */
  count(agent: number): number {
    return this.#typed[agent]?.length ?? 0
  }

  /** What the `nth` transaction of an agent became; undefined when it changed nothing. */
  get(agent: number, nth: number): Typed | undefined {
    return this.#typed[agent]?.[nth]
  }
}
