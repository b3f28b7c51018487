import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open, type RootDatabase } from 'lmdb'
import { onTestFinished } from 'vitest'
import { type LmdbOptions, type LmdbStore, openLmdbStore } from '../../server/store/lmdb.ts'
import type { Table } from '../../server/store/lmdb-environment.ts'

/** A directory that is gone after the test. */
export const temporaryDirectory = async (): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'store-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** A store that is closed after the test. */
export const openStore = async (
  directory: string,
  options: Partial<LmdbOptions> = {},
): Promise<LmdbStore> => {
  const store = await openLmdbStore({ directory, ...options })
  onTestFinished(() => store.close())
  return store
}

/** LMDB's own handle on a directory that no store has open: what a test wants to see or spoil. */
export const withRaw = async <Result>(
  directory: string,
  use: (table: (name: string) => Table, root: RootDatabase) => Result,
): Promise<Result> => {
  const root = open({ path: directory, overlappingSync: false })
  try {
    return use(name => root.openDB<Buffer, Buffer>({ name, encoding: 'binary', keyEncoding: 'binary' }), root)
  } finally {
    await root.close()
  }
}
