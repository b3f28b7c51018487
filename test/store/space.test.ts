import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { LmdbStore } from '../../server/store/lmdb.ts'
import type { Revision } from '../../server/store/store.ts'
import { change, create, everything, loaded, must } from '../contract/fixture.ts'
import { openStore, temporaryDirectory, withRaw } from './temporary.ts'

const fileBytes = async (directory: string): Promise<number> => (await stat(join(directory, 'data.mdb'))).size

const block = Buffer.alloc(1_000, 'x')

/** Appends `count` records of 1,000 bytes, a hundred to a commit. */
const fill = async (store: LmdbStore, name: string, count: number): Promise<Revision> => {
  let revision = await must(store, name, undefined, change('head'))
  for (let written = 0; written < count; written += 100) {
    const appends = Array.from({ length: 100 }, () => block)
    revision = await must(store, name, revision, { head: Buffer.from('head'), appends })
  }
  return revision
}

/** Waits, by committing elsewhere, until what is in use has fallen below `bytes`. */
const reclaimed = async (store: LmdbStore, bytes: number): Promise<void> => {
  let revision = await create(store, 'tick')
  for (let turn = 0; store.usage().usedBytes >= bytes; turn++) {
    if (turn === 1_000) throw new Error(`still ${store.usage().usedBytes} bytes in use`)
    revision = await must(store, 'tick', revision, change(String(turn)))
  }
  await store.remove('tick', revision)
}

/** How many keys each table has, and how many of them belong to a generation. */
const keysOf = (directory: string, generation: number): Promise<Record<string, number>> =>
  withRaw(directory, table =>
    Object.fromEntries(
      ['records', 'cells', 'garbage'].map(name => [
        name,
        [...table(name).getKeys()].filter(key => Number(key.readBigUInt64BE()) === generation).length,
      ]),
    ),
  )

test('[S8] the space of a removed entry is used again: the file does not grow', async () => {
  const directory = await temporaryDirectory()
  const store = await openStore(directory)
  const empty = store.usage().usedBytes
  let revision = await fill(store, 'large', 8_000)
  await store.remove('large', revision)
  await reclaimed(store, empty + 500_000)
  const grown = await fileBytes(directory)
  expect(grown).toBeGreaterThan(8_000_000)
  for (let round = 0; round < 3; round++) {
    revision = await fill(store, 'large', 8_000)
    await store.remove('large', revision)
    await reclaimed(store, empty + 500_000)
  }
  expect(await fileBytes(directory)).toBe(grown)
  await store.close()
  expect(await keysOf(directory, revision.generation)).toEqual({ records: 0, cells: 0, garbage: 0 })
})

test('[S9] the space before start is used again while the stream goes on', async () => {
  const directory = await temporaryDirectory()
  const store = await openStore(directory)
  let revision = await fill(store, 'large', 4_000)
  const full = store.usage().usedBytes
  revision = await must(store, 'large', revision, change('head', [], { start: 3_990_000 }))
  await reclaimed(store, full / 4)
  const grown = await fileBytes(directory)
  await fill(store, 'other', 3_500)
  expect(await fileBytes(directory)).toBe(grown)
  expect((await everything(store, revision.generation)).length).toBe(10)
  await store.close()
  expect(await keysOf(directory, revision.generation)).toEqual({ records: 10, cells: 0, garbage: 0 })
})

test('[S8] what was not reclaimed before the process ended is reclaimed by the next', async () => {
  const directory = await temporaryDirectory()
  let store = await openStore(directory)
  const many = new Map(Array.from({ length: 1_500 }, (_, index) => [`cell ${index}`, Buffer.from('c')]))
  const first = await fill(store, 'large', 5_000)
  const revision = await must(store, 'large', first, change('head', [], { cells: many }))
  const { usedBytes } = store.usage()
  await store.remove('large', revision)
  await store.close()
  const left = await keysOf(directory, revision.generation)
  expect(left).toMatchObject({ cells: 1_500, garbage: 1 })
  expect(left['records']).toBeGreaterThanOrEqual(4_000)
  store = await openStore(directory)
  expect(await everything(store, revision.generation)).toEqual([])
  await reclaimed(store, usedBytes / 10)
  await store.close()
  expect(await keysOf(directory, revision.generation)).toEqual({ records: 0, cells: 0, garbage: 0 })
})

test('[S8] a removal while a trim of the same entry is being reclaimed leaves nothing', async () => {
  const directory = await temporaryDirectory()
  let store = await openStore(directory)
  const { usedBytes } = store.usage()
  const first = await fill(store, 'large', 3_000)
  const second = await must(store, 'large', first, change('head', [], { start: 2_000_000 }))
  await store.remove('large', second)
  await reclaimed(store, usedBytes + 200_000)
  await store.close()
  expect(await keysOf(directory, second.generation)).toEqual({ records: 0, cells: 0, garbage: 0 })
  store = await openStore(directory)
  expect(await store.list('', undefined, 10)).toEqual([])
})

test('a store at its ceiling says full, has written nothing of that, and takes more after a removal', async () => {
  const directory = await temporaryDirectory()
  const mapBytes = 4 << 20
  const store = await openStore(directory, { mapBytes })
  const appends = Array.from({ length: 100 }, () => block)
  const fillUp = async (name: string): Promise<Revision> => {
    let revision = await create(store, name)
    for (;;) {
      const before = await loaded(store, name)
      try {
        revision = await must(store, name, revision, { head: Buffer.from('grown'), appends, due: 1 })
      } catch (error) {
        expect(error).toMatchObject({ name: 'StoreFailure', code: 'full' })
        expect(await loaded(store, name)).toEqual(before)
        return revision
      }
    }
  }
  const revision = await fillUp('a')
  const { tail = 0 } = (await store.load('a')) ?? {}
  expect(tail).toBeGreaterThan(mapBytes / 4)
  await expect(store.commit('b', undefined, change('x'.repeat(300_000)))).rejects.toMatchObject({
    code: 'full',
  })
  expect(await store.list('', undefined, 10)).toEqual(['a'])

  // Forgetting is let through where growing is not.
  const trimmed = await must(store, 'a', revision, change('grown', [], { start: tail / 2 }))
  await store.remove('a', trimmed)
  for (let round = 0; round < 4; round++) {
    await reclaimed(store, mapBytes / 4)
    await store.remove(`again ${round}`, await fillUp(`again ${round}`))
  }
  expect(await fileBytes(directory)).toBeLessThanOrEqual(mapBytes)
})

test('[S17] of a commit over several entries that does not fit whole nothing is written; forgetting fits always', async () => {
  const store = await openStore(await temporaryDirectory(), { mapBytes: 2 << 20 })
  const small = await create(store, 'small', 'x')
  const doomed = await create(store, 'doomed', 'x')
  let revision = await create(store, 'large')
  const appends = Array.from({ length: 50 }, () => block)
  const large = () => ({ name: 'large', expected: revision, change: { head: Buffer.from('head'), appends } })
  for (;;) {
    const grown = await store.commitAll([large()]).catch((error: unknown) => error)
    if (!Array.isArray(grown)) {
      expect(grown).toMatchObject({ name: 'StoreFailure', code: 'full' })
      break
    }
    revision = grown[0]
  }
  const before = await loaded(store, 'large')
  const forgetting = [
    { name: 'small', expected: small, change: change('less') },
    { name: 'doomed', expected: doomed },
  ]
  await expect(store.commitAll([...forgetting, large()])).rejects.toMatchObject({ code: 'full' })
  expect(await loaded(store, 'large')).toEqual(before)
  expect(await loaded(store, 'small')).toMatchObject({ head: 'head' })
  expect(await store.list('', undefined, 10)).toEqual(['doomed', 'large', 'small'])
  expect(await store.commitAll(forgetting)).toMatchObject([{ generation: small.generation }, undefined])
  expect(await store.list('', undefined, 10)).toEqual(['large', 'small'])
})

test('of a batch that no longer fits whole, those that fit are written', async () => {
  const store = await openStore(await temporaryDirectory(), { mapBytes: 2 << 20 })
  const names = Array.from({ length: 60 }, (_, index) => `name ${index}`)
  const appends = Array.from({ length: 100 }, () => block)
  const results = await Promise.allSettled(
    names.map(name => store.commit(name, undefined, { head: Buffer.alloc(0), appends })),
  )
  const written = names.filter((_, index) => results[index]?.status === 'fulfilled')
  expect(written.length).toBeGreaterThan(2)
  expect(written.length).toBeLessThan(60)
  expect([...(await store.list('', undefined, 100))].sort()).toEqual([...written].sort())
  for (const result of results) {
    if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'full' })
  }
})
