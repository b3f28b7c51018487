import { Ranges, readUpdate, snapshotLimits, type UpdateSummary } from '../../protocol/index.ts'

/** What some updates hold together, to tell whether another one adds anything. */
export class Coverage {
  readonly #structs = new Ranges()
  readonly #deletes = new Ranges()

  static of(summaries: readonly UpdateSummary[]): Coverage {
    const coverage = new Coverage()
    for (const summary of summaries) coverage.add(summary)
    return coverage
  }

  add({ structs, deletes, erased }: UpdateSummary): void {
    this.#structs.addAll(structs)
    this.#deletes.addAll(deletes)
    this.#deletes.addAll(erased)
  }

  has({ structs, deletes }: UpdateSummary): boolean {
    return this.#structs.missingFrom(structs).isEmpty && this.#deletes.missingFrom(deletes).isEmpty
  }
}

/** @throws UpdateError unless Yjs can read it */
export const summaryOf = (update: Uint8Array): UpdateSummary => readUpdate(update, snapshotLimits)
