import { mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cellKey, recordKey, sealNumber, unsealNumber } from '../../server/store/lmdb-layout.ts'
import { bytes, change, create, everything, loaded, must } from '../contract/fixture.ts'
import { openStore, temporaryDirectory, withRaw } from './temporary.ts'

const formatKey = Buffer.from('format')

const spoil = (value: Buffer | undefined): Buffer => {
  if (!value) throw new Error('there is nothing to spoil')
  const last = value.byteLength - 1
  value[last] = (value[last] ?? 0) ^ 1
  return value
}

test('a directory is made when it is not there, with its parents', async () => {
  const directory = join(await temporaryDirectory(), 'some', 'where')
  const store = await openStore(directory)
  await create(store, 'a', 'x')
  expect(await readdir(directory)).toEqual(expect.arrayContaining(['data.mdb', 'lock.mdb']))
})

test('a new store writes down its format', async () => {
  const directory = await temporaryDirectory()
  await (await openStore(directory)).close()
  await withRaw(directory, table => {
    const value = table('meta').get(formatKey)
    expect(value && unsealNumber(formatKey, value)).toBe(1)
  })
})

test('a directory of a newer format is refused with both formats and what to do, and left as it is', async () => {
  const directory = await temporaryDirectory()
  const store = await openStore(directory)
  const { generation } = await create(store, 'a', 'x')
  await store.close()
  await withRaw(directory, table => table('meta').putSync(formatKey, sealNumber(formatKey, 2)))
  const failure = await openStore(directory).catch((error: unknown) => error)
  expect(failure).toMatchObject({ name: 'StoreFailure', code: 'newer' })
  expect(String(failure)).toMatch(/format 2.*format 1.*run the newer version/)
  await withRaw(directory, table => table('meta').putSync(formatKey, sealNumber(formatKey, 1)))
  expect(await everything(await openStore(directory), generation)).toEqual(['0:x'])
})

test('a directory with files of somebody else is refused and left as it is', async () => {
  const directory = await temporaryDirectory()
  await writeFile(join(directory, 'thesis.txt'), 'four years')
  await expect(openStore(directory)).rejects.toMatchObject({ code: 'foreign' })
  expect(await readdir(directory)).toEqual(['thesis.txt'])
})

test('a data file of another program is refused and left as it is', async () => {
  const directory = await temporaryDirectory()
  await withRaw(directory, table => table('theirs').putSync(bytes('key'), bytes('value')))
  await expect(openStore(directory)).rejects.toMatchObject({ code: 'foreign' })
  await withRaw(directory, (table, root) => {
    expect([...root.getKeys()]).toEqual(['theirs'])
    expect(table('theirs').get(bytes('key'))).toEqual(bytes('value'))
  })
})

test.each([
  ['of something else', 20_000],
  ['too short for anything', 10],
])('a data file %s is refused and left as it is', async (_, size) => {
  const directory = await temporaryDirectory()
  const content = Buffer.alloc(size, 'nonsense')
  await writeFile(join(directory, 'data.mdb'), content)
  await expect(openStore(directory)).rejects.toMatchObject({ code: 'foreign' })
  expect((await readFile(join(directory, 'data.mdb'))).equals(content)).toBe(true)
})

test('a data file that was cut short is refused', async () => {
  const directory = await temporaryDirectory()
  await (await openStore(directory)).close()
  await truncate(join(directory, 'data.mdb'), 5_000)
  await expect(openStore(directory)).rejects.toMatchObject({ code: 'foreign' })
})

test('an empty data file becomes a store', async () => {
  const directory = await temporaryDirectory()
  await writeFile(join(directory, 'data.mdb'), '')
  await create(await openStore(directory), 'a')
})

test('a file where the directory should be is an error', async () => {
  const path = join(await temporaryDirectory(), 'file')
  await writeFile(path, '')
  await expect(openStore(path)).rejects.toThrow(/EEXIST|ENOTDIR/)
})

test('what volumes and desktops leave in an empty directory does not matter', async () => {
  const directory = await temporaryDirectory()
  await mkdir(join(directory, 'lost+found'))
  await writeFile(join(directory, '.gitkeep'), '')
  await create(await openStore(directory), 'a')
})

test('a directory whose maker died before it wrote the format becomes a store', async () => {
  const directory = await temporaryDirectory()
  await withRaw(directory, table => table('meta'))
  await create(await openStore(directory), 'a')
  const unborn = await temporaryDirectory()
  await withRaw(unborn, () => undefined)
  await create(await openStore(unborn), 'a')
})

test('[S14] a damaged head is reported by load, and keeps commits and removals from building on it', async () => {
  const directory = await temporaryDirectory()
  let store = await openStore(directory)
  const revision = await must(store, 'a', undefined, change('secret', ['x']))
  await create(store, 'b', 'y')
  await store.close()
  await withRaw(directory, table => {
    const names = table('names')
    names.putSync(bytes('a'), spoil(names.get(bytes('a'))))
  })
  store = await openStore(directory)
  const damaged = { name: 'StoreFailure', code: 'damaged', message: expect.not.stringContaining('secret') }
  await expect(store.load('a')).rejects.toMatchObject(damaged)
  const [commit, removal, other] = await Promise.allSettled([
    store.commit('a', revision, change('new')),
    store.remove('a', revision),
    store.commit('c', undefined, change('fine')),
  ])
  expect(commit).toMatchObject({ reason: damaged })
  expect(removal).toMatchObject({ reason: damaged })
  expect(other).toMatchObject({ status: 'fulfilled' })
  expect(await loaded(store, 'b')).toMatchObject({ tail: 1 })
})

test('[S14] a damaged cell is reported by a load that asks for it', async () => {
  const directory = await temporaryDirectory()
  let store = await openStore(directory)
  const cells = new Map([['c', bytes('cell')]])
  const { generation } = await must(store, 'a', undefined, change('head', [], { cells }))
  await store.close()
  await withRaw(directory, table => {
    const key = cellKey(generation, bytes('c'))
    table('cells').putSync(key, spoil(table('cells').get(key)))
  })
  store = await openStore(directory)
  expect(await loaded(store, 'a')).toMatchObject({ head: 'head' })
  await expect(store.load('a', ['c'])).rejects.toMatchObject({ code: 'damaged' })
})

test('[S14] a record under the key of another is reported', async () => {
  const directory = await temporaryDirectory()
  let store = await openStore(directory)
  const { generation } = await create(store, 'a', 'one', 'two')
  await store.close()
  await withRaw(directory, table => {
    const records = table('records')
    records.putSync(recordKey(generation, 3), records.get(recordKey(generation, 0)) ?? bytes(''))
  })
  store = await openStore(directory)
  await expect(store.read(generation, 0, 100)).rejects.toMatchObject({ code: 'damaged' })
})

test('[S14] a record that is missing between others is reported', async () => {
  const directory = await temporaryDirectory()
  let store = await openStore(directory)
  const { generation } = await create(store, 'a', 'one', 'two', 'three')
  await store.close()
  await withRaw(directory, table => table('records').removeSync(recordKey(generation, 3)))
  store = await openStore(directory)
  const failure = await store.read(generation, 0, 100).catch((error: unknown) => error)
  expect(failure).toMatchObject({ code: 'damaged', message: `the record at ${generation}/3 is missing` })
})

test('[S14] a damaged generation counter keeps the store from opening, and nothing open behind', async () => {
  const directory = await temporaryDirectory()
  const store = await openStore(directory)
  const { generation } = await create(store, 'a')
  await store.close()
  const key = bytes('generation')
  await withRaw(directory, table => table('meta').putSync(key, spoil(table('meta').get(key))))
  for (let again = 0; again < 2; again++) {
    await expect(openStore(directory)).rejects.toMatchObject({ code: 'damaged' })
  }
  await withRaw(directory, table => table('meta').putSync(key, sealNumber(key, generation)))
  expect((await create(await openStore(directory), 'b')).generation).toBe(generation + 1)
})

test('[S5] generations start at the number given, and never below one given before', async () => {
  const directory = await temporaryDirectory()
  let store = await openStore(directory, { firstGeneration: 1_000 })
  expect((await create(store, 'a')).generation).toBe(1_000)
  await store.close()
  store = await openStore(directory, { firstGeneration: 5 })
  expect((await create(store, 'b')).generation).toBe(1_001)
  await store.close()
  store = await openStore(directory, { firstGeneration: 1_700_000_000_000_000 })
  expect((await create(store, 'c')).generation).toBe(1_700_000_000_000_000)
})
