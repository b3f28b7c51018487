import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openLmdbStore } from '../../server/store/lmdb.ts'
import { appendOf, creation, forking, openStreams } from './fixture.ts'
import { checkLineage } from './lineage.ts'

test('In a store without room no fork is made, and every fork and its source can be deleted', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'full-'))
  const store = await openLmdbStore({ directory, mapBytes: 2 << 20 })
  onTestFinished(async () => {
    await store.close()
    await rm(directory, { recursive: true })
  })
  const { streams } = openStreams(store)
  const names = ['stream/0', 'stream/1', 'stream/2', 'stream/3']
  await streams.create('stream/0', creation())
  for (let at = 1; at < names.length; at++) {
    await streams.append(`stream/${at - 1}`, appendOf(`${at}`))
    await streams.fork(`stream/${at}`, forking(`stream/${at - 1}`))
  }
  await streams.create('stream/filler', creation())
  let failure: unknown
  for (let size = 100_000; size > 1_000; size = Math.floor(size / 2)) {
    while (failure === undefined) {
      failure = await streams.append('stream/filler', appendOf('x'.repeat(size))).then(
        () => undefined,
        (error: unknown) => error,
      )
    }
    expect(failure).toMatchObject({ code: 'full' })
    failure = undefined
  }
  await expect(
    streams.fork('stream/late', forking('stream/3', { body: new Uint8Array(3_000) })),
  ).rejects.toMatchObject({ code: 'full' })
  await checkLineage(store)
  for (const name of ['stream/1', 'stream/0', 'stream/3', 'stream/2']) {
    expect(await streams.remove(name)).toBeDefined()
  }
  expect(await store.list('', undefined, 10)).toEqual(['stream/filler'])
}, 30_000)
