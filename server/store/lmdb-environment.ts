import { type Database, open, type RootDatabase, type Transaction } from 'lmdb'
import { StoreFailure } from './failure.ts'

export type Table = Database<Buffer, Buffer>

/** One key of a batch to set, or without a value to clear. */
export interface Write {
  readonly table: Table
  readonly key: Buffer
  readonly value: Buffer | undefined
}

export interface Usage {
  /** Bytes the data file has taken from the disk; it never shrinks. */
  readonly fileBytes: number
  /** Bytes of it in use; the rest is written again before the file grows. */
  readonly usedBytes: number
}

const binary = { encoding: 'binary', keyEncoding: 'binary' } as const
const tableNames = ['meta', 'names', 'records', 'cells', 'due', 'garbage'] as const

export type Tables = Readonly<{ [name in (typeof tableNames)[number]]: Table }>

/** Address space, not memory or disk: LMDB maps more by itself when the data outgrows it. */
const mapBytes = 1 << 30

/**
 * Opens LMDB's files in `directory`, creating them.
 *
 * `overlappingSync` would acknowledge before the flush. Batching by event turn would make a second promise of which we
 * never hear, so that a failed write ended the process as an unhandled rejection.
 * @throws StoreFailure `failed` when the files cannot be opened
 */
export const openRoot = (directory: string): RootDatabase => {
  try {
    return open({
      ...binary,
      path: directory,
      noSubdir: false,
      maxDbs: 2 * tableNames.length,
      mapSize: mapBytes,
      overlappingSync: false,
      eventTurnBatching: false,
    })
  } catch (cause) {
    throw new StoreFailure('failed', `the data file in ${directory} cannot be opened`, { cause })
  }
}

/** The names of the tables that are there. */
export const tablesOf = (root: RootDatabase): readonly string[] =>
  [...root.getKeys()].map(key => (key as Buffer).toString().replace(/\0$/, ''))

/** The tables, created as needed. `meta` is the first, so that a directory with others but without it is not ours. */
export const openTables = (root: RootDatabase): Tables =>
  Object.fromEntries(tableNames.map(name => [name, openTable(root, name)])) as Tables

export const openTable = (root: RootDatabase, name: (typeof tableNames)[number]): Table =>
  root.openDB<Buffer, Buffer>({ ...binary, name })

/**
 * LMDB as this store uses it: batches that are durable when they resolve, and one view of the last such batch for every
 * read. LMDB itself shows a batch to readers shortly before its flush has ended; the view does not.
 */
export class Environment {
  readonly tables: Tables
  readonly #root: RootDatabase
  #view: Transaction

  /** `guard` is a read transaction, which this takes over. */
  constructor(root: RootDatabase, tables: Tables, guard: Transaction) {
    this.#root = root
    this.tables = tables
    this.#view = guard
    this.#advance()
  }

  /** An option of every read. */
  get view(): { readonly transaction: Transaction } {
    return { transaction: this.#view }
  }

  /**
   * Resolves when all writes are on the disk and in the view. Only one may be under way.
   * @throws whatever LMDB reports; nothing of the batch is in the view then
   */
  async write(writes: readonly Write[]): Promise<void> {
    if (writes.length === 0) return
    try {
      const written = this.#root.batch(() => {
        for (const { table, key, value } of writes) void (value ? table.put(key, value) : table.remove(key))
      })
      await Promise.all([written, this.#root.flushed])
    } catch (error) {
      throw await reasonOf(error)
    }
    this.#advance()
  }

  usage(): Usage {
    const pages = Object.values(this.tables).map(table => table.getStats() as Stats)
    this.#root.resetReadTxn() // the view must not become LMDB's own current transaction
    const [{ root, free, pageSize, lastPageNumber }] = pages as [Stats]
    const used = [...pages, root, free].reduce((sum, tree) => sum + pagesOf(tree), metaPages)
    return { fileBytes: (lastPageNumber + 1) * pageSize, usedBytes: used * pageSize }
  }

  async close(): Promise<void> {
    this.#view.done()
    await this.#root.close()
  }

  /**
   * Moves the view to the newest batch. Never without a read transaction in between: one is what guards the directory.
   * The reset makes lmdb-js leave the view to us; it would otherwise keep cursors on it past its end.
   */
  #advance(): void {
    const old = this.#view
    this.#view = this.#root.useReadTransaction()
    this.#root.resetReadTxn()
    old.done()
  }
}

const metaPages = 2

interface Tree {
  readonly treeBranchPageCount: number
  readonly treeLeafPageCount: number
  readonly overflowPages: number
}

interface Stats extends Tree {
  readonly root: Tree
  readonly free: Tree
  readonly pageSize: number
  readonly lastPageNumber: number
}

const pagesOf = (tree: Tree): number => tree.treeBranchPageCount + tree.treeLeafPageCount + tree.overflowPages

/** lmdb-js rejects with an error that only points to a promise of the reason. */
const reasonOf = async (error: unknown): Promise<unknown> => {
  if (!(error instanceof Error) || !('commitError' in error)) return error
  const reason = Promise.resolve(error.commitError).then(
    () => error,
    (cause: unknown) => cause,
  )
  // It is settled by now, unless lmdb-js took the engine's error number for one of its own; then there is none.
  return Promise.race([reason, new Promise(resolve => setImmediate(() => resolve(error)))])
}
