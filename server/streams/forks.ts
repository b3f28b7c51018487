import type { Birth } from '../rules/create.ts'
import {
  decideFork,
  decideForkAgain,
  type ForkCommand,
  type Found,
  locateFork,
  mustLookUp,
} from '../rules/fork.ts'
import type { ForkOutcome, ForkRefusal } from '../rules/outcome.ts'
import type { Origin, StreamState } from '../rules/state.ts'
import type { Revision, Store } from '../store/store.ts'
import type { World } from '../world.ts'
import { birthChange } from './record.ts'
import { readParts } from './stitch.ts'
import type { Step, Turns } from './turns.ts'

export interface ForksParts {
  readonly store: Store
  readonly turns: Turns
  readonly world: World
  /** The stream as it is, also a deleted one that forks hold. */
  readonly find: (name: string) => Promise<StreamState | undefined>
}

/**
 * PROTOCOL 4.2: forks over a store. A source counts its forks; a fork is made, and let go, in one commit with that
 * count, in a turn of the source, so that the count is right whenever a process ends, and a busy source keeps no fork
 * waiting.
 */
export class Forks {
  readonly #parts: ForksParts

  constructor(parts: ForksParts) {
    this.#parts = parts
  }

  /** Makes the fork, or says what is there, or why there can be none. */
  async create(name: string, command: ForkCommand): Promise<ForkOutcome> {
    const { find, turns } = this.#parts
    for (;;) {
      const existing = await find(name)
      if (existing) return existing.deleted ? { kind: 'deleted' } : decideForkAgain(existing, command)
      const source = await find(command.source)
      if (!source || name === command.source) return { kind: 'sourceMissing' }
      const found = await this.#lookUp(source, command)
      const outcome = await turns.take<ForkOutcome | 'again'>(command.source, [], (state, _cells, deleted) =>
        state
          ? this.#decide(name, state, command, found)
          : { outcome: { kind: deleted ? 'sourceDeleted' : 'sourceMissing' } },
      )
      if (outcome !== 'again') return outcome
    }
  }

  /**
   * Removes a fork together with its place in its source's count. The source may be over by that.
   * @returns false when the fork's revision is stale
   */
  async release(name: string, expected: Revision, { source, generation }: Origin): Promise<boolean> {
    const { turns, store } = this.#parts
    const outcome = await turns.take<'released' | 'stale' | 'unheld'>(
      source,
      [],
      (state, _cells, deleted) => {
        const holder = state ?? deleted
        if (holder?.generation !== generation) return { outcome: 'unheld' }
        return {
          state: { ...holder, refs: holder.refs - 1 },
          company: { edits: [{ name, expected }], committed: () => 'released', stale: 'stale' },
        }
      },
    )
    if (outcome !== 'unheld') return outcome === 'released'
    // A source that was lost must not keep its forks from being deleted.
    return (await store.remove(name, expected)) === 'removed'
  }

  /** One read of the store, if that: never more, however long the source is. */
  async #lookUp(source: StreamState, command: ForkCommand): Promise<Found | undefined> {
    const place = locateFork(source, command)
    if (place.kind !== 'at' || !mustLookUp(source, place.position, command)) return undefined
    const { generation, tail } = source
    const { position } = place
    if (position === tail) return { generation, position, append: 'none' }
    const { records } = await readParts(this.#parts.store, source, position, 1)
    const [first] = records
    return { generation, position, append: first?.position === position ? first.bytes : 'inside' }
  }

  #decide(
    name: string,
    source: StreamState,
    command: ForkCommand,
    found: Found | undefined,
  ): Step<ForkOutcome | 'again'> {
    const birth = decideFork(source, command, found, this.#parts.world.now())
    if (!birth) return { outcome: 'again' }
    if (isRefusal(birth)) return { outcome: birth }
    return {
      state: { ...source, refs: source.refs + 1 },
      company: {
        edits: [{ name, expected: undefined, change: birthChange(birth) }],
        committed: ([revision]) =>
          revision
            ? { kind: 'created', state: { ...birth.state, generation: revision.generation } }
            : 'again',
        stale: 'again',
      },
    }
  }
}

const isRefusal = (decision: Birth | ForkRefusal): decision is ForkRefusal => 'kind' in decision
