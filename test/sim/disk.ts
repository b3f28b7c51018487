import { openMemoryStore } from '../../server/store/memory.ts'
import type { Change, Entry, Revision, Slice, Store } from '../../server/store/store.ts'
import { producerCell } from '../../server/streams/record.ts'
import type { Chance } from './chance.ts'
import type { Life } from './clock.ts'

/** Milliseconds a disk takes. */
export interface DiskSpeed {
  readonly readMs: number
  readonly writeMs: number
}

/** What survives a server. */
export class Disk {
  readonly #store = openMemoryStore()
  /** The cells in which a stream's producers were remembered. */
  readonly #producers = new Map<string, Set<string>>()
  readonly #onCommit: (name: string, change: Change) => void

  /** `onCommit` hears of every commit at the moment it becomes durable. */
  constructor(onCommit: (name: string, change: Change) => void) {
    this.#onCommit = onCommit
  }

  /**
   * The disk as one server sees it: calls take time, and those that the server's life ends under never return. A commit
   * may be durable by then or not.
   */
  mount(life: Life, chance: Chance, { readMs, writeMs }: DiskSpeed): Store {
    const store = this.#store
    const commits = (stream: string, change: Change) => {
      for (const cell of change.cells?.keys() ?? []) this.#remember(stream, cell)
      this.#onCommit(stream, change)
    }
    const waits = async (most: number) => {
      const ms = chance.whole(0, most)
      if (ms > 0) await life.delay(ms)
    }
    /** The answer may be old when it arrives. */
    const reading = async <T>(read: () => Promise<T>): Promise<T> => {
      await waits(readMs)
      const result = await read()
      await waits(readMs)
      return result
    }
    return {
      manifest: { name: 'simulated', durable: true },
      load: (name, cells): Promise<Entry | undefined> => reading(() => store.load(name, cells)),
      read: (generation, from, limit): Promise<Slice> => reading(() => store.read(generation, from, limit)),
      list: (prefix, after, limit) => reading(() => store.list(prefix, after, limit)),
      due: (until, limit) => reading(() => store.due(until, limit)),
      async commit(name, expected, change): Promise<Revision | 'stale'> {
        await waits(writeMs)
        const revision = await store.commit(name, expected, change)
        if (revision !== 'stale') commits(name, change)
        await waits(readMs)
        return revision
      },
      async commitAll(edits) {
        await waits(writeMs)
        const revisions = await store.commitAll(edits)
        if (revisions !== 'stale') for (const { name, change } of edits) if (change) commits(name, change)
        await waits(readMs)
        return revisions
      },
      async remove(name, expected) {
        await waits(writeMs)
        return store.remove(name, expected)
      },
      close: () => Promise.resolve(),
    }
  }

  /** Whoever wrote to this stream is unknown from now on, as after years. */
  async forgetProducers(stream: string): Promise<void> {
    const entry = await this.#store.load(stream)
    if (!entry) return
    const cells = new Map([...(this.#producers.get(stream) ?? [])].map(cell => [cell, undefined]))
    await this.#store.commit(stream, entry.revision, { head: entry.head, cells })
  }

  #remember(stream: string, cell: string): void {
    if (!cell.startsWith(producerCell(''))) return
    const cells = this.#producers.get(stream) ?? new Set<string>()
    this.#producers.set(stream, cells.add(cell))
  }
}
