import { limits } from './limits.ts'
import type { Edit } from './message.ts'

/**
 * Which edits of other tabs are of the life of the document that this tab has: those of tabs that follow a leader it has
 * followed, or been. A tab that was frozen while the document was created anew has another one, and goes on talking for a moment.
 */
export class Lineage {
  readonly #hear: (update: Uint8Array) => void
  /** The latest one last. */
  readonly #leaders = new Set<string>()
  /** Edits of tabs whose leader this one has not followed yet: its welcome may have been given before them. */
  #early: Edit[] = []
  #earlyBytes = 0
  /** Whether some of those were too much to be kept. The welcome that makes up for them has all that come after them, too. */
  #missed = false

  constructor(hear: (update: Uint8Array) => void) {
    this.#hear = hear
  }

  /** Those that led tabs with this life of the document, as far as is known. */
  get leaders(): readonly string[] {
    return [...this.#leaders]
  }

  /** Something was edited elsewhere. `isIn`: whether this tab has what it may build on. */
  heard(edit: Edit, isIn: boolean): void {
    const isOurs = this.#leaders.has(edit.leader)
    if (isOurs && isIn) this.#hear(edit.update)
    else if (isOurs || !this.#missed) this.#keep(edit)
  }

  /**
   * This tab has what these led, the latest one last, as it was when the welcome was given.
   * @returns false when edits that came after that may be missing: another welcome has them
   */
  follow(leaders: Iterable<string>): boolean {
    for (const leader of leaders) {
      this.#leaders.delete(leader)
      this.#leaders.add(leader)
    }
    for (const leader of this.#leaders) if (this.#leaders.size > limits.leaders) this.#leaders.delete(leader)
    for (const edit of this.#release()) this.#keep(edit)
    const isComplete = !this.#missed
    this.#missed = false
    return isComplete
  }

  /** This tab leads: whoever wants to follow is heard then. */
  lead(own: string): void {
    this.follow([own])
    this.#release()
  }

  /** Past the limits, those that only wait for their turn have it now, and of the others none is kept. */
  #keep(edit: Edit): void {
    this.#early.push(edit)
    this.#earlyBytes += edit.update.length
    if (this.#early.length <= limits.earlyEdits && this.#earlyBytes <= limits.earlyBytes) return
    if (this.#release().length > 0) this.#missed = true
  }

  /** Those whose turn it is are heard. @returns the others, none of which is kept any more */
  #release(): readonly Edit[] {
    const early = this.#early
    this.#early = []
    this.#earlyBytes = 0
    const isOurs = ({ leader }: Edit): boolean => this.#leaders.has(leader)
    for (const { update } of early.filter(isOurs)) this.#hear(update)
    return early.filter(edit => !isOurs(edit))
  }
}
