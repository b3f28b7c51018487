import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { create, loaded } from '../contract/fixture.ts'
import { openStore, temporaryDirectory } from '../store/temporary.ts'
import type { HolderAnswer, HolderOrder } from './holder-words.ts'

/** Another process, ready for orders; killed after the test. */
const startHolder = async (): Promise<ChildProcess> => {
  const child = fork(join(import.meta.dirname, 'holder.ts'), { execArgv: ['--import', 'tsx'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child, 'message')
  return child
}

const ask = async (child: ChildProcess, order: HolderOrder): Promise<HolderAnswer> => {
  const answer = once(child, 'message') as Promise<[HolderAnswer]>
  child.send(order)
  return (await answer)[0]
}

const kill = async (child: ChildProcess): Promise<void> => {
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

test('a directory that this process has open is busy, by whatever path', async () => {
  const directory = await temporaryDirectory()
  const store = await openStore(directory)
  const alias = join(await temporaryDirectory(), 'alias')
  await symlink(directory, alias)
  for (const path of [directory, alias, join(directory, '.')]) {
    const failure = await openStore(path).catch((error: unknown) => error)
    expect(failure).toMatchObject({ name: 'StoreFailure', code: 'busy' })
    expect(String(failure)).toContain(String(process.pid))
  }
  await create(store, 'a')
  await store.close()
  expect(await loaded(await openStore(directory), 'a')).toBeDefined()
})

test('of two that open a directory at once in one process, one is refused', async () => {
  const directory = await temporaryDirectory()
  const both = await Promise.allSettled([openStore(directory), openStore(directory)])
  expect(both.map(result => result.status).sort()).toEqual(['fulfilled', 'rejected'])
})

test('a directory that could not be opened is not held', async () => {
  const directory = await temporaryDirectory()
  await expect(openStore(directory, { mapBytes: 1 << 20 })).resolves.toBeDefined()
  await expect(openStore(directory)).rejects.toMatchObject({ code: 'busy' })
  const other = await startHolder()
  const theirs = await temporaryDirectory()
  await ask(other, { do: 'open', directory: theirs })
  await expect(openStore(theirs)).rejects.toMatchObject({ code: 'busy' })
  await kill(other)
  await expect(openStore(theirs)).resolves.toBeDefined()
})

test('a directory that another process has open is busy, and its pid is said', async () => {
  const directory = await temporaryDirectory()
  const [one, two] = await Promise.all([startHolder(), startHolder()])
  expect(await ask(one, { do: 'open', directory })).toEqual({ ok: true })
  for (let round = 0; round < 2; round++) {
    const refused = await ask(two, { do: 'open', directory })
    expect(refused).toMatchObject({
      ok: false,
      code: 'busy',
      message: expect.stringContaining(`${one.pid}`),
    })
    const failure = await openStore(directory).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'busy', message: expect.stringContaining(`${one.pid}`) })
  }
  expect(await ask(one, { do: 'close' })).toEqual({ ok: true })
  expect(await ask(two, { do: 'open', directory })).toEqual({ ok: true })
})

test('of processes that open at once after a kill exactly one wins, every time', async () => {
  const directory = await temporaryDirectory()
  let holders = await Promise.all(Array.from({ length: 6 }, startHolder))
  while (holders.length > 1) {
    const answers = await Promise.all(holders.map(holder => ask(holder, { do: 'open', directory })))
    const winners = holders.filter((_, index) => answers[index]?.ok)
    expect(winners, JSON.stringify(answers)).toHaveLength(1)
    const [winner] = winners
    for (const answer of answers) {
      if (!answer.ok) {
        expect(answer).toMatchObject({ code: 'busy', message: expect.stringContaining(`${winner?.pid}`) })
      }
    }
    if (winner) await kill(winner)
    holders = holders.filter(holder => holder !== winner)
  }
})

test('a process killed while it commits leaves a directory that opens with what it was told is there', async () => {
  const directory = await temporaryDirectory()
  for (let round = 0; round < 3; round++) {
    const holder = await startHolder()
    const told = new Map<string, number>()
    expect(await ask(holder, { do: 'open', directory })).toEqual({ ok: true })
    await new Promise<void>(resolve => {
      holder.on('message', ({ ok, ...answer }: HolderAnswer) => {
        if (!ok || !('committed' in answer) || !answer.committed) return
        told.set(answer.committed.name, answer.committed.turn)
        if (told.size === 20 && answer.committed.turn > 20) resolve()
      })
      holder.send({ do: 'commit' } satisfies HolderOrder)
    })
    await kill(holder)
    const store = await openStore(directory)
    for (const [name, turn] of told) {
      const entry = await loaded(store, name)
      expect(Number(entry?.head)).toBeGreaterThanOrEqual(turn)
      expect(entry?.tail).toBe(Number(entry?.head) * 500)
      const loadedEntry = await store.load(name)
      if (loadedEntry) await store.remove(name, loadedEntry.revision)
    }
    await store.close()
  }
})

test('a process may end in the middle of commits without closing', async () => {
  const directory = await temporaryDirectory()
  for (let round = 0; round < 3; round++) {
    const holder = await startHolder()
    await ask(holder, { do: 'open', directory })
    await ask(holder, { do: 'commit' })
    const exit = once(holder, 'exit')
    holder.send({ do: 'exit' } satisfies HolderOrder)
    expect(await exit).toEqual([0, null])
  }
  await openStore(directory)
})
