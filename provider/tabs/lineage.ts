import type { Edit } from './message.ts'

/**
 * Which edits of other tabs are of the life of the document that this tab has: those of tabs that follow a leader it has
 * followed, or been. A tab that was frozen while the document was created anew has another one, and goes on talking for a moment.
 */
export class Lineage {
  readonly #hear: (update: Uint8Array) => void
  readonly #leaders = new Set<string>()
  /** Edits of tabs whose leader this one has not followed yet: its welcome may have been given before them. */
  #early: Edit[] = []

  constructor(hear: (update: Uint8Array) => void) {
    this.#hear = hear
  }

  /** All that ever led tabs with this life of the document, as far as is known. */
  get leaders(): readonly string[] {
    return [...this.#leaders]
  }

  /** Something was edited elsewhere. `isIn`: whether this tab has what it may build on. */
  heard(edit: Edit, isIn: boolean): void {
    if (isIn && this.#leaders.has(edit.leader)) this.#hear(edit.update)
    else this.#early.push(edit)
  }

  /** This tab has what these led. */
  follow(leaders: Iterable<string>): void {
    for (const leader of leaders) this.#leaders.add(leader)
    const early = this.#early
    this.#early = early.filter(({ leader }) => !this.#leaders.has(leader))
    for (const { leader, update } of early) if (this.#leaders.has(leader)) this.#hear(update)
  }

  /** This tab leads: whoever wants to follow is heard then. */
  lead(own: string): void {
    this.follow([own])
    this.#early = []
  }
}
