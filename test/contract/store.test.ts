import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open as openRaw } from 'lmdb'
import { expect, test } from 'vitest'
import { openLmdbStore } from '../../server/store/lmdb.ts'
import { recordKey } from '../../server/store/lmdb-layout.ts'
import { openMemoryStore } from '../../server/store/memory.ts'
import { Disk } from './disk.ts'
import { storeContract } from './store.ts'

storeContract('memory', async () => {
  const disk = new Disk()
  const store = openMemoryStore({ onWrite: disk.hook })
  return { store, disk, dispose: () => store.close() }
})

storeContract('lmdb', async () => {
  const disk = new Disk()
  const directory = await mkdtemp(join(tmpdir(), 'store-'))
  const open = () => openLmdbStore({ directory, onWrite: disk.hook })
  let store = await open()
  const reopen = async () => {
    await store.close()
    store = await open()
    return store
  }
  return {
    store,
    disk,
    reopen,
    damage: async (generation, position) => {
      await store.close()
      await flipByte(directory, recordKey(generation, position))
      return reopen()
    },
    dispose: async () => {
      await store.close()
      await rm(directory, { recursive: true })
    },
  }
})

/** Turns one bit of the last byte of a stored record. */
const flipByte = async (directory: string, key: Buffer): Promise<void> => {
  const root = openRaw({ path: directory, overlappingSync: false })
  const records = root.openDB<Buffer, Buffer>({ name: 'records', encoding: 'binary', keyEncoding: 'binary' })
  const value = records.get(key)
  if (!value) throw new Error('there is no such record to damage')
  const last = value.byteLength - 1
  value[last] = (value[last] ?? 0) ^ 1
  records.putSync(key, value)
  await root.close()
}

test('every sentence of the store seam has a contract test, and every contract test a sentence', async () => {
  const here = import.meta.dirname
  const seam = await readFile(join(here, '../../server/store/store.ts'), 'utf8')
  const sentences = new Set([...seam.matchAll(/^ \* - (S\d+) /gm)].map(([, id]) => id))
  const named = new Set<string | undefined>()
  for (const file of await readdir(here)) {
    if (file.endsWith('.test.ts')) continue
    const source = await readFile(join(here, file), 'utf8')
    for (const [title] of source.matchAll(/(?<=\btest\(['`])\[.*/g)) {
      for (const [, id] of title.matchAll(/\[(S\d+)\]/g)) named.add(id)
    }
  }
  expect(sentences.size).toBeGreaterThan(0)
  expect([...sentences].filter(id => !named.has(id))).toEqual([])
  expect([...named].filter(id => !sentences.has(id))).toEqual([])
})
