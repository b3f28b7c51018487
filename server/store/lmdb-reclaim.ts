import type { Draft } from './lmdb-draft.ts'
import type { Environment } from './lmdb-environment.ts'
import { numberKey, readNumber, recordKey, unsealGarbage } from './lmdb-layout.ts'

/** Keys taken away in one batch: few enough that commits in the same batch hardly notice. */
const sliceKeys = 1_000

/**
 * Takes away some of what no reader sees any more.
 * @returns whether there may be more
 */
export const reclaimSlice = ({ tables, view }: Environment, draft: Draft): boolean => {
  for (const { key, value } of tables.garbage.getRange({ ...view, limit: 1 })) {
    const generation = readNumber(key)
    const { until, gone } = unsealGarbage(key, value)
    let left = sliceKeys
    const records = { start: recordKey(generation, 0), end: recordKey(generation, until) }
    for (const record of tables.records.getKeys({ ...view, ...records, limit: left })) {
      draft.clear(tables.records, record)
      left--
    }
    const cells = { start: numberKey(generation), end: numberKey(generation + 1) }
    for (const cell of gone ? tables.cells.getKeys({ ...view, ...cells, limit: left }) : []) {
      draft.clear(tables.cells, cell)
      left--
    }
    if (left > 0 && !draft.discards(generation)) draft.clear(tables.garbage, key)
    return true
  }
  return false
}

/** Runs slices, one after another, as long as there is something to reclaim. */
export class Reclaimer {
  readonly #slice: () => Promise<boolean>
  #running: Promise<void> | undefined
  #woken = false
  #stopped = false

  /** `slice` answers whether there may be more. When it rejects, the rest waits for the next `wake`. */
  constructor(slice: () => Promise<boolean>) {
    this.#slice = slice
  }

  wake(): void {
    this.#woken = true
    this.#running ??= this.#run()
  }

  /** Resolves when no slice is under way and none will be. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  async #run(): Promise<void> {
    try {
      while (this.#woken && !this.#stopped) {
        this.#woken = false
        if (await this.#slice()) this.#woken = true
      }
    } catch {
      // Whoever commits next learns of a store that failed; garbage that stays only takes space.
      this.#woken = false
    }
    this.#running = undefined
  }
}
