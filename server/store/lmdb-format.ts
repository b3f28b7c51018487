import { access, constants, mkdir, open, readdir, realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { RootDatabase } from 'lmdb'
import { StoreFailure } from './failure.ts'
import { openTable, tablesOf } from './lmdb-environment.ts'
import { sealNumber, unsealNumber } from './lmdb-layout.ts'

/** The format this version writes, and the only one it reads. */
export const format = 1

const formatKey = Buffer.from('format')
const dataFile = 'data.mdb'
const lockFile = 'lock.mdb'
// What an empty directory may hold: the root of a volume, a file of an editor or a desktop.
const negligible = /^(\.|lost\+found$|lock\.mdb$)/

/**
 * Makes the directory, durably, and answers its real path. What LMDB would stumble over is found here: lmdb-js crashes
 * the process when LMDB cannot open its files.
 * @throws StoreFailure `foreign` when it holds other files than a store's; the system's error when it cannot be used
 */
export const prepareDirectory = async (directory: string): Promise<string> => {
  const made = await mkdir(directory, { recursive: true })
  const path = await realpath(directory)
  if (made !== undefined) await syncAncestors(path, await realpath(dirname(made)))
  await access(path, constants.R_OK | constants.W_OK | constants.X_OK)
  const names = await readdir(path)
  for (const name of [dataFile, lockFile]) {
    if (names.includes(name)) await access(join(path, name), constants.R_OK | constants.W_OK)
  }
  if (names.includes(dataFile)) await checkHeader(join(path, dataFile))
  else if (!names.every(name => negligible.test(name))) {
    throw new StoreFailure('foreign', `${path} holds other files; give the store a directory of its own`)
  }
  return path
}

/** Flushes the entries of a directory: without it a new file may be gone after a power cut, however well flushed. */
export const syncDirectory = async (directory: string): Promise<void> => {
  const handle = await open(directory).catch(() => undefined) // not every system opens directories
  await handle?.sync().catch(() => undefined)
  await handle?.close()
}

/** Flushes every directory that got a new entry when `path` was made below `ancestor`. */
const syncAncestors = async (path: string, ancestor: string): Promise<void> => {
  for (let at = path; at !== ancestor && at !== dirname(at); at = dirname(at))
    await syncDirectory(dirname(at))
}

const metaPages = 2
const headerWords = { magic: 6, version: 7, pageSize: 12 }

/** Whether LMDB will know the file as its own. An empty one will be filled. */
const checkHeader = async (path: string): Promise<void> => {
  const handle = await open(path)
  try {
    const { size } = await handle.stat()
    if (size === 0) return
    const header = new Uint32Array(16) // in the byte order of this machine, as LMDB writes it
    await handle.read(new Uint8Array(header.buffer), 0, header.byteLength, 0)
    const known = header[headerWords.magic] === 0xbeefc0de && header[headerWords.version] === 2
    const whole = size >= metaPages * (header[headerWords.pageSize] ?? 0)
    if (!known || !whole)
      throw new StoreFailure('foreign', `${path} is not a data file of LMDB, or was cut short`)
  } finally {
    await handle.close()
  }
}

/**
 * Sees to it that `root` is a store of this format: a new one becomes it.
 * @throws StoreFailure `newer`, `foreign`, `damaged`
 */
export const checkFormat = (root: RootDatabase, directory: string): void => {
  const before = root.transactionSync(() => tablesOf(root))
  if (before.length > 0 && !before.includes('meta')) throw foreign(directory)
  const meta = openTable(root, 'meta')
  const stored = root.transactionSync(() => meta.get(formatKey))
  if (stored === undefined) {
    // Made by a process that died before its next line.
    const unborn =
      before.every(table => table === 'meta') && root.transactionSync(() => meta.getKeysCount()) === 0
    if (!unborn) throw foreign(directory)
    meta.putSync(formatKey, sealNumber(formatKey, format))
    return
  }
  const found = unsealNumber(formatKey, stored)
  if (found === format) return
  throw new StoreFailure(
    'newer',
    `${directory} was written in format ${found}, this version knows format ${format}: ` +
      'run the newer version again, or this one on another directory',
  )
}

const foreign = (directory: string): StoreFailure =>
  new StoreFailure('foreign', `${join(directory, dataFile)} is a database of another program`)
