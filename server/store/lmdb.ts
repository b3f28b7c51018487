import { statfs } from 'node:fs/promises'
import { checkEdits, type Decided, decideEdits } from './change.ts'
import { StoreFailure } from './failure.ts'
import { GroupCommit, type WriteHook } from './group-commit.ts'
import { Draft, generationKey } from './lmdb-draft.ts'
import { Environment, openRoot, openTables, type Usage } from './lmdb-environment.ts'
import { checkFormat, prepareDirectory, syncDirectory } from './lmdb-format.ts'
import { takeGuard } from './lmdb-guard.ts'
import {
  cellKey,
  dueKey,
  endOf,
  type Named,
  numberKey,
  readDueName,
  readPosition,
  recordKey,
  sealedBytes,
  unsealCell,
  unsealGarbage,
  unsealNamed,
  unsealNumber,
  unsealRecord,
} from './lmdb-layout.ts'
import { Reclaimer, reclaimSlice } from './lmdb-reclaim.ts'
import { maxNameBytes, nameBytes } from './name.ts'
import { Room } from './room.ts'
import { maxSliceRecords } from './slice.ts'
import type { Change, Edit, Entry, Position, Record, Revision, Slice, Store } from './store.ts'

export interface LmdbOptions {
  /** Where the files are; made when it is not there. On a local disk: LMDB maps its file. */
  readonly directory: string
  /** How large the data file may become. Default: as large as the disk allows. */
  readonly mapBytes?: number
  /**
   * The least generation to give to what is created from now on. One derived from the clock also keeps a directory that
   * was emptied, or put back from a copy, from giving a generation twice.
   */
  readonly firstGeneration?: number
  readonly onWrite?: WriteHook
}

export interface LmdbStore extends Store {
  usage(): Usage
}

/**
 * Opens the store in a directory, or makes a new one there. One store to a directory, among all processes.
 * @throws StoreFailure `busy`, `newer`, `foreign`, `damaged`; `failed` when LMDB cannot open its files; the system's own
 * error when the directory cannot be made or used
 */
export const openLmdbStore = async (options: LmdbOptions): Promise<LmdbStore> => {
  const directory = await prepareDirectory(options.directory)
  const environment = await openEnvironment(directory)
  try {
    const room = openRoom(environment, directory, options.mapBytes)
    await room.refresh()
    return new Lmdb(environment, room, options)
  } catch (error) {
    await environment.close()
    throw error
  }
}

const openEnvironment = async (directory: string): Promise<Environment> => {
  const root = openRoot(directory)
  try {
    const guard = takeGuard(root, directory)
    checkFormat(root, directory)
    const environment = new Environment(root, openTables(root), guard)
    await syncDirectory(directory)
    return environment
  } catch (error) {
    await root.close()
    throw error
  }
}

const openRoom = (environment: Environment, directory: string, ceiling = Number.POSITIVE_INFINITY): Room =>
  new Room({
    ceiling,
    usage: () => environment.usage(),
    diskFree: async () => {
      const { bavail, bsize } = await statfs(directory)
      return bavail * bsize
    },
    now: () => performance.now(),
  })

class Lmdb implements LmdbStore {
  readonly manifest = { name: 'lmdb', durable: true }
  readonly #environment: Environment
  readonly #room: Room
  readonly #commits: GroupCommit<Draft>
  readonly #reclaimer: Reclaimer
  #generation: number
  #closing: Promise<void> | undefined

  constructor(environment: Environment, room: Room, options: LmdbOptions) {
    const { firstGeneration = 1, onWrite = write => write() } = options
    this.#environment = environment
    this.#room = room
    this.#generation = Math.max(this.#lastGeneration(), firstGeneration - 1)
    this.#commits = new GroupCommit({
      open: () => {
        room.begin()
        return new Draft(environment)
      },
      write: ({ writes }) =>
        writes.length > 0 ? onWrite(() => environment.write(writes)) : Promise.resolve(),
      // The next turn of the event loop: requests that came in with the same poll share a flush.
      gather: () => new Promise(resolve => setImmediate(resolve)),
    })
    this.#reclaimer = new Reclaimer(() => this.#commits.add(0, draft => reclaimSlice(environment, draft)))
    this.#reclaimer.wake() // what the last process left
  }

  async load(name: string, cells: readonly string[] = []): Promise<Entry | undefined> {
    const { tables, view } = this.#open
    const key = nameBytes(name)
    const value = tables.names.get(key, view)
    if (!value) return undefined
    const { revision, start, tail, head } = unsealNamed(key, value)
    const found = new Map<string, Uint8Array>()
    for (const cell of cells) {
      const at = cellKey(revision.generation, nameBytes(cell))
      const bytes = tables.cells.get(at, view)
      if (bytes) found.set(cell, unsealCell(at, bytes))
    }
    return { revision, start, tail, head, cells: found }
  }

  async commit(name: string, expected: Revision | undefined, change: Change): Promise<Revision | 'stale'> {
    const revisions = await this.commitAll([{ name, expected, change }])
    return revisions === 'stale' ? 'stale' : (revisions[0] ?? 'stale')
  }

  async commitAll(edits: readonly Edit[]): Promise<readonly (Revision | undefined)[] | 'stale'> {
    checkEdits(edits)
    const bytes = edits.reduce((sum, { change }) => sum + (change ? weight(change) : 0), 0)
    const answer = await this.#commits.add(bytes, draft => {
      const decided = decideEdits(edits, name => draft.state(name), this.#engine)
      if (decided === 'stale') return 'stale'
      const grown = decided.reduce((sum, one) => sum + growth(one), 0)
      if (grown > 0 && !this.#room.take(grown)) throw full()
      for (const one of decided) {
        if (one.next) draft.change(one.name, one.before, one.next, one.change)
        else draft.remove(one.name, one.before)
      }
      return decided.map(({ next }) => next?.revision)
    })
    if (edits.some(({ change }) => !change || change.start !== undefined)) this.#reclaimer.wake()
    return answer
  }

  async read(generation: number, from: Position, limit: number): Promise<Slice> {
    const { tables, view } = this.#open
    const key = numberKey(generation)
    const garbage = tables.garbage.get(key, view)
    const start = garbage ? Math.max(from, unsealGarbage(key, garbage).until) : from
    const range = {
      start: recordKey(generation, start),
      end: recordKey(generation, Number.MAX_SAFE_INTEGER),
      limit: maxSliceRecords,
    }
    const records: Record[] = []
    let next = from
    let left = limit
    for (const { key, value } of tables.records.getRange({ ...view, ...range })) {
      if (records.length > 0 && sealedBytes(value) > left) break
      const position = readPosition(key)
      if (records.length > 0 && position !== next) {
        throw new StoreFailure('damaged', `the record at ${generation}/${next} is missing`)
      }
      const bytes = unsealRecord(key, value)
      records.push({ position, bytes })
      next = position + bytes.byteLength
      left -= bytes.byteLength
    }
    return { records, next }
  }

  async remove(name: string, expected: Revision): Promise<'removed' | 'stale'> {
    return (await this.commitAll([{ name, expected }])) === 'stale' ? 'stale' : 'removed'
  }

  async list(prefix: string, after: string | undefined, limit: number): Promise<readonly string[]> {
    const { tables, view } = this.#open
    const first = Buffer.from(prefix)
    if (first.byteLength > maxNameBytes) return []
    const past = after === undefined ? undefined : Buffer.concat([nameBytes(after), Buffer.alloc(1)])
    const start = past && Buffer.compare(past, first) > 0 ? past : first
    const end = endOf(first)
    const range = { ...(start.byteLength > 0 && { start }), ...(end && { end }), limit }
    return [...tables.names.getKeys({ ...view, ...range })].map(key => key.toString())
  }

  async due(until: number, limit: number): Promise<readonly string[]> {
    const { tables, view } = this.#open
    const end = dueKey(until, Buffer.of(0xff)) // no byte of UTF-8 is that large
    return [...tables.due.getKeys({ ...view, end, limit })].map(readDueName)
  }

  /** Of the file as LMDB sees it: a batch under way may be in it. */
  usage(): Usage {
    return this.#open.usage()
  }

  close(): Promise<void> {
    this.#closing ??= this.#shut()
    return this.#closing
  }

  async #shut(): Promise<void> {
    await Promise.all([this.#reclaimer.stop(), this.#commits.close()])
    await this.#environment.close()
  }

  readonly #engine = {
    newGeneration: () => ++this.#generation,
    hasRecord: (generation: number, position: Position) => {
      const { tables, view } = this.#environment
      return tables.records.get(recordKey(generation, position), view) !== undefined
    },
  }

  #lastGeneration(): number {
    const { tables, view } = this.#environment
    const value = tables.meta.get(generationKey, view)
    return value ? unsealNumber(generationKey, value) : 0
  }

  get #open(): Environment {
    if (this.#closing) throw new StoreFailure('closed', 'the store is closed')
    return this.#environment
  }
}

const weight = ({ head, appends, cells }: Change): number => {
  let bytes = head.byteLength
  for (const record of appends ?? []) bytes += record.byteLength
  for (const cell of cells?.values() ?? []) bytes += cell?.byteLength ?? 0
  return bytes
}

const full = (): StoreFailure =>
  new StoreFailure('full', 'the store has no room for this; nothing of it was written')

/** Bytes of the file an edit may take at most. None for one that only replaces and forgets: that is always let through. */
const growth = (decided: Decided<Named>): number => {
  if (!decided.next) return 0
  const { name, before } = decided
  const { head, appends, cells } = decided.change
  let bytes = before
    ? Math.max(0, head.byteLength - before.head.byteLength)
    : pages(nameBytes(name).byteLength + head.byteLength)
  for (const record of appends ?? []) bytes += pages(record.byteLength)
  for (const cell of cells?.values() ?? []) bytes += cell ? pages(cell.byteLength) : 0
  return bytes
}

// Small values share pages, which may be half empty; large ones have whole pages to themselves.
const pages = (bytes: number): number => (bytes < 2_048 ? 2 * (bytes + 64) : bytes + 8_192)
