import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openLmdbStore } from '../../server/store/lmdb.ts'
import { creation, openStreams, utf8, whole } from './fixture.ts'
import type { Told } from './forker.ts'
import { checkLineage, entriesOf } from './lineage.ts'

/** Runs a forker until it told of `count` forks, then kills it; what it told last of each name. */
const killed = async (directory: string, count: number): Promise<ReadonlyMap<string, Told['what']>> => {
  const script = join(import.meta.dirname, 'forker.ts')
  const child = fork(script, [directory], { execArgv: ['--import', 'tsx'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const told = new Map<string, Told['what']>()
  let made = 0
  const exit = once(child, 'exit')
  child.on('message', ({ what, name }: Told) => {
    told.set(name, what)
    if (what === 'made' && ++made === count) child.kill('SIGKILL')
  })
  expect(await exit).toEqual([null, 'SIGKILL'])
  return told
}

test('After a kill -9 every count is exact, what was acknowledged is so, and all of it can be deleted', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'killed-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  const first = await openLmdbStore({ directory })
  await openStreams(first).streams.create('stream/source', creation({ body: utf8('kept') }))
  await first.close()
  for (const count of [1, 57, 203]) {
    const told = await killed(directory, count)
    const store = await openLmdbStore({ directory })
    await checkLineage(store)
    const { streams } = openStreams(store)
    for (const [name, what] of told) {
      if (what === 'made') expect(await whole(streams, name)).toBe('kept')
      if (what === 'removed') expect(await streams.load(name)).toBeUndefined()
    }
    while ((await streams.sweep(100)) > 0) await checkLineage(store)
    for (const state of (await entriesOf(store)).values()) {
      expect(state.deleted && state.refs === 0).toBe(false)
    }
    for (const name of await store.list('stream/', undefined, 10_000)) {
      if (name !== 'stream/source') await streams.remove(name)
    }
    expect(await store.list('', undefined, 10)).toEqual(['stream/source'])
    await store.close()
  }
}, 60_000)
