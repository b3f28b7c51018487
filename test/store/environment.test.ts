import { expect, onTestFinished, test } from 'vitest'
import { Draft } from '../../server/store/lmdb-draft.ts'
import { Environment, openRoot, openTables } from '../../server/store/lmdb-environment.ts'
import { takeGuard } from '../../server/store/lmdb-guard.ts'
import { numberKey, recordKey, sealBytes, sealGarbage } from '../../server/store/lmdb-layout.ts'
import { reclaimSlice } from '../../server/store/lmdb-reclaim.ts'
import { temporaryDirectory } from './temporary.ts'

const openEnvironment = async () => {
  const directory = await temporaryDirectory()
  const root = openRoot(directory)
  const guard = takeGuard(root, directory)
  const environment = new Environment(root, openTables(root), guard)
  onTestFinished(() => environment.close())
  return { root, environment }
}

const key = Buffer.from('key')
const value = Buffer.from('value')

test('[S4] [S7] reads see a batch when its write has resolved, even if LMDB shows it before', async () => {
  const { root, environment } = await openEnvironment()
  const { meta, names } = environment.tables
  // What LMDB has in its file and we have not been told of, as while a batch is being flushed.
  await root.batch(() => void meta.put(key, value))
  root.resetReadTxn()
  expect(meta.get(key)).toEqual(value)
  root.resetReadTxn()
  expect(meta.get(key, environment.view)).toBeUndefined()
  expect([...meta.getKeys({ ...environment.view })]).toEqual([])
  await environment.write([{ table: names, key, value }])
  expect(meta.get(key, environment.view)).toEqual(value)
  expect(names.get(key, environment.view)).toEqual(value)
})

test('a view that was passed on is the same for all reads of one turn', async () => {
  const { environment } = await openEnvironment()
  const { names } = environment.tables
  await environment.write([{ table: names, key, value }])
  const [first] = names.getRange({ ...environment.view })
  const writing = environment.write([{ table: names, key, value: undefined }])
  expect(names.get(key, environment.view)).toEqual(first?.value)
  await writing
  expect(names.get(key, environment.view)).toBeUndefined()
})

test('a batch that changes nothing leaves the view as good as before', async () => {
  const { environment } = await openEnvironment()
  const { names } = environment.tables
  await environment.write([{ table: names, key, value }])
  for (let round = 0; round < 3; round++) {
    await environment.write([{ table: names, key: Buffer.from('never there'), value: undefined }])
    expect(names.get(key, environment.view)).toEqual(value)
    expect([...names.getKeys({ ...environment.view })]).toEqual([key])
  }
  await environment.write([{ table: names, key, value: undefined }])
  expect(names.get(key, environment.view)).toBeUndefined()
})

test('[S8] a slice does not forget garbage that its own batch has made more of', async () => {
  const { environment } = await openEnvironment()
  const { records, garbage } = environment.tables
  const generation = 7
  const entry = numberKey(generation)
  const record = (position: number) => {
    const key = recordKey(generation, position)
    return { table: records, key, value: sealBytes(key, value) }
  }
  const trimmed = { table: garbage, key: entry, value: sealGarbage(entry, { until: 5, gone: false }) }
  await environment.write([record(0), record(5), trimmed])

  const draft = new Draft(environment)
  draft.remove('name', { revision: { generation, version: 2 }, start: 5, tail: 10, due: null })
  expect(reclaimSlice(environment, draft)).toBe(true)
  await environment.write(draft.writes)
  expect([...records.getKeys({ ...environment.view })]).toEqual([recordKey(generation, 5)])
  expect(garbage.get(entry, environment.view)).toBeDefined()

  for (let more = true; more; ) {
    const next = new Draft(environment)
    more = reclaimSlice(environment, next)
    await environment.write(next.writes)
  }
  expect([...records.getKeys({ ...environment.view })]).toEqual([])
  expect([...garbage.getKeys({ ...environment.view })]).toEqual([])
})
