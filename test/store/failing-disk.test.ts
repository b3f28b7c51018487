import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import type { Filled } from './filler.ts'
import { openStore, temporaryDirectory } from './temporary.ts'

const run = promisify(execFile)

test('[S13] a write the system refuses stops the store; what was acknowledged is there after a restart', async () => {
  const directory = await temporaryDirectory()
  // The limit on the size of a file stands for any disk that stops taking data: the write ends early.
  const script = 'ulimit -f 8192 && exec "$0" --import tsx "$1" "$2"'
  const filler = join(import.meta.dirname, 'filler.ts')
  const { stdout } = await run('sh', ['-c', script, process.execPath, filler, directory])
  const filled = JSON.parse(stdout) as Filled
  expect(filled.codes).toEqual(['failed', 'failed', 'failed', 'failed', 'failed'])
  expect(filled).toMatchObject({ caused: true, strays: 0, readable: filled.acknowledged })
  expect(filled.acknowledged).toBeGreaterThan(1_000_000)

  const store = await openStore(directory)
  const entry = await store.load('a')
  expect(entry?.tail).toBe(filled.acknowledged)
  if (!entry) return
  const slice = await store.read(entry.revision.generation, 0, 1 << 30)
  expect(slice.next).toBe(filled.acknowledged)
  expect(await store.commit('a', entry.revision, { head: Buffer.from('on') })).not.toBe('stale')
}, 60_000)
