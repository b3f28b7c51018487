import type { State } from './change.ts'
import type { Environment, Table, Write } from './lmdb-environment.ts'
import {
  cellKey,
  dueKey,
  type Garbage,
  type Named,
  numberKey,
  recordKey,
  sealBytes,
  sealGarbage,
  sealNamed,
  sealNumber,
  unsealNamed,
} from './lmdb-layout.ts'
import { nameBytes } from './name.ts'
import type { Change } from './store.ts'

export const generationKey = Buffer.from('generation')
const nothing = Buffer.alloc(0)

/** A batch in the making: what it writes, and how entries look to the commits after it in the same batch. */
export class Draft {
  readonly writes: Write[] = []
  readonly #environment: Environment
  readonly #states = new Map<string, Named | undefined>()
  readonly #garbage = new Set<number>()

  constructor(environment: Environment) {
    this.#environment = environment
  }

  /** @throws StoreFailure `damaged` */
  state(name: string): Named | undefined {
    if (this.#states.has(name)) return this.#states.get(name)
    const { tables, view } = this.#environment
    const key = nameBytes(name)
    const value = tables.names.get(key, view)
    return value && unsealNamed(key, value)
  }

  /** Takes `name` from `state` to `next`. */
  change(name: string, state: State | undefined, next: State, change: Change): void {
    const key = nameBytes(name)
    const { names, records, cells, meta } = this.#environment.tables
    const { generation } = next.revision
    let position = state?.tail ?? 0
    for (const bytes of change.appends ?? []) {
      const record = recordKey(generation, position)
      this.#set(records, record, sealBytes(record, bytes))
      position += bytes.byteLength
    }
    for (const [cell, bytes] of change.cells ?? []) {
      const at = cellKey(generation, nameBytes(cell))
      if (bytes) this.#set(cells, at, sealBytes(at, bytes))
      else this.clear(cells, at)
    }
    if (next.start > (state?.start ?? 0)) this.#discard(generation, { until: next.start, gone: false })
    this.#moveDue(key, state?.due ?? null, next.due)
    this.#set(names, key, sealNamed(key, next, change.head))
    if (!state) this.#set(meta, generationKey, sealNumber(generationKey, generation))
    this.#states.set(name, { ...next, head: change.head })
  }

  /** Forgets `name`; its records and cells are garbage from now on. */
  remove(name: string, { revision, tail, due }: State): void {
    const key = nameBytes(name)
    this.clear(this.#environment.tables.names, key)
    this.#moveDue(key, due, null)
    this.#discard(revision.generation, { until: tail, gone: true })
    this.#states.set(name, undefined)
  }

  clear(table: Table, key: Buffer): void {
    this.writes.push({ table, key, value: undefined })
  }

  /** Whether this batch makes garbage of a generation, beyond what is in the view. */
  discards(generation: number): boolean {
    return this.#garbage.has(generation)
  }

  #set(table: Table, key: Buffer, value: Buffer): void {
    this.writes.push({ table, key, value })
  }

  #discard(generation: number, garbage: Garbage): void {
    const key = numberKey(generation)
    this.#set(this.#environment.tables.garbage, key, sealGarbage(key, garbage))
    this.#garbage.add(generation)
  }

  #moveDue(name: Buffer, from: number | null, to: number | null): void {
    if (from === to) return
    const { due } = this.#environment.tables
    if (from !== null) this.clear(due, dueKey(from, name))
    if (to !== null) this.#set(due, dueKey(to, name), nothing)
  }
}
