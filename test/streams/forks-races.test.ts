import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { StoreFailure } from '../../server/store/failure.ts'
import { openMemoryStore } from '../../server/store/memory.ts'
import type { Store } from '../../server/store/store.ts'
import { Streams } from '../../server/streams/streams.ts'
import { appendOf, creation, forking, openStreams, stateOf, utf8, whole } from './fixture.ts'
import { gate } from './gates.ts'
import { checkLineage, entriesOf } from './lineage.ts'
import { type Choose, chosenBy, everySchedule, play } from './schedules.ts'
import { FakeWorld, settled } from './world.ts'

const source = 'stream/source'
const fork = 'stream/fork'
const opened = (store: Store, world = new FakeWorld()) => new Streams({ store, world, readBytes: 1 << 20 })

type Command = (streams: Streams) => Promise<{ readonly kind: string } | object | undefined>
const appends =
  (name: string, body: string): Command =>
  streams =>
    streams.append(name, appendOf(body))
const forks =
  (name: string, from: string): Command =>
  streams =>
    streams.fork(name, forking(from))
const removes =
  (name: string): Command =>
  streams =>
    streams.remove(name).then(removed => ({ kind: removed ? 'removed' : 'missing' }))

/** Runs each process's commands, one started after another, in the order that `choose` says; answers their outcomes. */
const run = async (
  processes: readonly (readonly Command[])[],
  choose: Choose,
): Promise<{ store: Store; kinds: string[][] }> => {
  const store = openMemoryStore()
  await opened(store).create(source, creation({ body: utf8('a') }))
  const gates = processes.map(() => gate(store))
  const kinds: string[][] = processes.map(() => [])
  const steps = processes.flatMap((commands, process) => {
    const streams = opened(gates[process]?.store ?? store)
    return commands.map((command, at) => () => {
      void command(streams).then(
        outcome => {
          kinds[process]?.splice(at, 1, outcome && 'kind' in outcome ? outcome.kind : 'done')
        },
        (error: unknown) => void kinds[process]?.splice(at, 1, String(error)),
      )
      kinds[process]?.push('pending')
    })
  })
  await play(gates, steps, choose)
  await checkLineage(store)
  return { store, kinds }
}

/** Deletes whatever is left; then nothing may be. */
const clearAway = async (store: Store): Promise<void> => {
  const streams = opened(store)
  for (const name of await store.list('', undefined, 100)) await streams.remove(name)
  expect(await store.list('', undefined, 100)).toEqual([])
}

describe('Whatever the schedule', () => {
  test('a fork made during an append has all of it or nothing', async () => {
    const { all, runs } = await everySchedule(async choose => {
      const { store, kinds } = await run([[forks(fork, source), appends(source, 'b')]], choose)
      expect(kinds).toEqual([['created', 'appended']])
      expect(['a', 'ab']).toContain(await whole(opened(store), fork))
      expect(await whole(opened(store), source)).toBe('ab')
    }, 20_000)
    expect([all, runs > 1]).toEqual([true, true])
  }, 60_000)

  test('a fork of a source that is deleted meanwhile is made whole or refused', async () => {
    const { all } = await everySchedule(async choose => {
      const { store, kinds } = await run([[forks(fork, source), removes(source)]], choose)
      const [made, removed] = kinds[0] ?? []
      expect(removed).toBe('removed')
      expect(['created', 'sourceMissing']).toContain(made)
      const streams = opened(store)
      expect(await whole(streams, fork)).toBe(made === 'created' ? 'a' : 'no stream')
      expect(await streams.absence(source)).toBe(made === 'created' ? 'deleted' : 'missing')
      await clearAway(store)
    }, 20_000)
    expect(all).toBe(true)
  }, 60_000)

  const schedule = fc.array(fc.nat(12), { maxLength: 120 })

  test('two processes that fork, append and delete agree on every count, and lose no append', async () => {
    const names = fc.constantFrom(source, fork, 'stream/b', 'stream/c')
    const command = fc.oneof(
      names.map(name => [`append ${name}`, appends(name, 'x')] as const),
      fc.tuple(names, names).map(([name, from]) => [`fork ${from} ${name}`, forks(name, from)] as const),
      names.map(name => [`remove ${name}`, removes(name)] as const),
    )
    const scripts = fc.tuple(
      fc.array(command, { minLength: 1, maxLength: 5 }),
      fc.array(command, { minLength: 1, maxLength: 5 }),
    )
    await fc.assert(
      fc.asyncProperty(scripts, schedule, async (script, numbers) => {
        const processes = script.map(commands => commands.map(([, one]) => one))
        const { store, kinds } = await run(processes, chosenBy(numbers))
        const allowed = [
          ...['appended', 'missing', 'deleted'],
          ...['created', 'exists', 'mismatch', 'sourceMissing', 'sourceDeleted', 'removed'],
        ]
        for (const kind of kinds.flat()) expect(allowed).toContain(kind)
        await clearAway(store)
      }),
      { numRuns: 400 },
    )
  }, 120_000)

  test('of two processes that make the same fork one does, and it counts once', async () => {
    await fc.assert(
      fc.asyncProperty(schedule, async numbers => {
        const { store, kinds } = await run([[forks(fork, source)], [forks(fork, source)]], chosenBy(numbers))
        expect(kinds.flat().toSorted()).toEqual(['created', 'exists'])
        expect((await stateOf(opened(store), source)).refs).toBe(1)
      }),
      { numRuns: 100 },
    )
  }, 60_000)

  test('of two processes that delete the same fork one does, and its source is let go once', async () => {
    await fc.assert(
      fc.asyncProperty(schedule, async numbers => {
        const processes = [
          [forks(fork, source), forks('stream/b', source), removes(fork)],
          [removes(fork), removes(fork)],
        ]
        const { store } = await run(processes, chosenBy(numbers))
        await opened(store).remove(fork)
        const states = await entriesOf(store)
        expect(states.get(source)?.refs).toBe(states.has('stream/b') ? 1 : 0)
        expect(states.has(fork)).toBe(false)
      }),
      { numRuns: 200 },
    )
  }, 60_000)
})

describe('A source in constant use', () => {
  /** Appends to `name` again and again, ten at a time, until told to stop; answers how many there were. */
  const busy = (streams: Streams, name: string) => {
    let going = true
    let count = 0
    const writers = Array.from({ length: 10 }, async () => {
      while (going && count < 5_000) {
        await streams.append(name, appendOf('x'))
        count++
      }
    })
    return async () => {
      going = false
      await Promise.all(writers)
      return count
    }
  }

  test('is forked, and its forks are deleted, without waiting for a pause', async () => {
    const { streams, store } = openStreams()
    await streams.create(source, creation())
    const stop = busy(streams, source)
    for (let round = 0; round < 5; round++) {
      expect(await streams.fork(fork, forking(source))).toMatchObject({ kind: 'created' })
      expect(await streams.remove(fork)).toBeDefined()
    }
    expect(await stop()).toBeLessThan(2_000)
    await checkLineage(store)
  })

  test('is deleted, and so is a fork in constant use, without waiting for a pause', async () => {
    const { streams, store } = openStreams()
    await streams.create(source, creation())
    await streams.fork(fork, forking(source))
    const stops = [busy(streams, source), busy(streams, fork)]
    await settled()
    expect(await streams.remove(source)).toBeDefined()
    expect(await streams.remove(fork)).toBeDefined()
    for (const stop of stops) await stop()
    expect(await store.list('', undefined, 10)).toEqual([])
  })
})

describe('A process that ends', () => {
  /** A store whose commits end its process from the `limit`-th on: before it, or after it but before the answer. */
  const dying = (inner: Store, limit: number, committed: boolean): Store => {
    let commits = 0
    const may = async <Result>(commit: () => Promise<Result>): Promise<Result> => {
      commits++
      if (commits === limit && committed) await commit()
      if (commits >= limit) throw new StoreFailure('failed', 'the process ended')
      return commit()
    }
    return {
      ...gate(inner, []).store,
      commit: (name, expected, change) => may(() => inner.commit(name, expected, change)),
      commitAll: edits => may(() => inner.commitAll(edits)),
      remove: (name, expected) => may(() => inner.remove(name, expected)),
    }
  }

  const life: readonly Command[] = [
    streams => streams.create(source, creation({ body: utf8('a') })),
    forks('stream/1', source),
    appends('stream/1', 'b'),
    forks('stream/2', 'stream/1'),
    forks('stream/3', 'stream/2'),
    forks('stream/4', 'stream/2'),
    removes(source),
    removes('stream/2'),
    removes('stream/1'),
    removes('stream/4'),
    removes('stream/3'),
  ]

  test('anywhere leaves every count exact, and what it began is finished by those who come after', async () => {
    let longest = 0
    for (const committed of [false, true]) {
      for (let limit = 1; ; limit++) {
        const inner = openMemoryStore()
        const streams = opened(dying(inner, limit, committed))
        let failed = false
        for (const command of life) {
          failed = await command(streams).then(
            () => false,
            error => error instanceof StoreFailure,
          )
          if (failed) break
          await checkLineage(inner)
        }
        await checkLineage(inner)
        const after = opened(inner)
        while ((await after.sweep(10)) > 0) await checkLineage(inner)
        await checkLineage(inner)
        for (const state of (await entriesOf(inner)).values()) {
          expect(state.deleted && state.refs === 0).toBe(false)
        }
        for (const [name, body] of [
          ['stream/3', 'ab'],
          ['stream/4', 'ab'],
        ] as const) {
          if (await after.load(name)) expect(await whole(after, name)).toBe(body)
        }
        await clearAway(inner)
        longest = limit
        if (!failed) break
      }
    }
    expect(longest).toBeGreaterThan(life.length)
  })

  test('between the two commits of a deletion leaves a name that is free', async () => {
    const inner = openMemoryStore()
    const before = opened(inner)
    await before.create(source, creation({ body: utf8('a') }))
    await before.fork(fork, forking(source))
    await expect(opened(dying(inner, 2, false)).remove(fork)).rejects.toThrow(StoreFailure)
    expect((await entriesOf(inner)).get(fork)).toMatchObject({ deleted: true, refs: 0 })
    const after = opened(inner)
    expect(await after.absence(fork)).toBe('missing')
    expect((await stateOf(after, source)).refs).toBe(0)
    expect(await after.fork(fork, forking(source))).toMatchObject({ kind: 'created' })
  })
})
