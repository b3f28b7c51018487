import { expect } from 'vitest'
import type { Revision, Store } from '../../server/store/store.ts'
import { bytes, change, create, everything, loaded, must, type Open, text } from './fixture.ts'
import { storeTest } from './setup.ts'

/** S17, S18, S19: one commit over several entries. */
export const togetherContract = (open: Open): void => {
  const test = storeTest(open)

  test('[S17] creations, changes and removals are done in one commit, each as if alone', async ({
    store,
  }) => {
    const changed = await create(store, 'changed', 'a')
    const removed = await must(store, 'removed', undefined, change('old', ['x'], { due: 1 }))
    const revisions = await store.commitAll([
      { name: 'created', expected: undefined, change: change('new', ['n1', 'n2'], { due: 3 }) },
      {
        name: 'changed',
        expected: changed,
        change: change('next', ['b'], { cells: new Map([['c', bytes('cell')]]), due: 2, start: 1 }),
      },
      { name: 'removed', expected: removed },
      { name: 'created too', expected: undefined, change: change('second') },
    ])
    if (revisions === 'stale') throw new Error('nothing was stale')
    const [first, next, gone, second] = revisions
    expect(gone).toBeUndefined()
    expect(next).toEqual({ generation: changed.generation, version: changed.version + 1 })
    expect(second?.generation).toBeGreaterThan(first?.generation ?? 0)
    expect(first?.generation).toBeGreaterThan(removed.generation)
    for (const [name, revision] of [
      ['created', first],
      ['changed', next],
      ['created too', second],
    ] as const) {
      expect((await store.load(name))?.revision).toEqual(revision)
    }
    expect(await loaded(store, 'created')).toMatchObject({ head: 'new', tail: 4 })
    expect(await loaded(store, 'changed', ['c'])).toEqual({
      head: 'next',
      start: 1,
      tail: 2,
      cells: { c: 'cell' },
    })
    expect(await store.load('removed')).toBeUndefined()
    expect(await everything(store, first?.generation ?? 0)).toEqual(['0:n1', '2:n2'])
    expect(await everything(store, changed.generation)).toEqual(['1:b'])
    expect(await everything(store, removed.generation)).toEqual([])
    expect(await store.due(10, 10)).toEqual(['changed', 'created'])
    expect(await store.list('', undefined, 10)).toEqual(['changed', 'created', 'created too'])
  })

  const staleEdits = (old: Revision, current: Revision) =>
    [
      ['a change of an older state', { name: 'b', expected: old, change: change('late', ['late']) }],
      ['a removal of an older state', { name: 'b', expected: old }],
      ['a creation of what is there', { name: 'b', expected: undefined, change: change('again') }],
      ['a change of what is not there', { name: 'none', expected: current, change: change('x') }],
      ['a removal of what is not there', { name: 'none', expected: current }],
    ] as const

  test('[S17] when one edit is stale nothing is done, wherever it stands', async ({ store }) => {
    const a = await create(store, 'a', 'one')
    const old = await create(store, 'b', 'one')
    const b = await must(store, 'b', old, change('two', ['two']))
    const seen = async () => ({
      entries: [await loaded(store, 'a', ['c']), await loaded(store, 'b', ['c'])],
      records: [await everything(store, a.generation), await everything(store, b.generation)],
      names: await store.list('', undefined, 10),
      due: await store.due(10, 10),
    })
    const before = await seen()
    for (const [, stale] of staleEdits(old, b)) {
      const fine = [
        { name: 'a', expected: a, change: change('new', ['x'], { cells: new Map([['c', bytes('1')]]) }) },
        { name: 'n', expected: undefined, change: change('n', ['n'], { due: 1 }) },
      ]
      for (const edits of [
        [stale, ...fine],
        [...fine, stale],
      ]) {
        expect(await store.commitAll(edits)).toBe('stale')
        expect(await seen()).toEqual(before)
      }
    }
    expect(await store.commitAll([{ name: 'a', expected: a }])).toEqual([undefined])
  })

  test('[S17] an edit that is refused keeps the others from being done', async ({ store }) => {
    const a = await create(store, 'a', 'abc')
    const fine = { name: 'n', expected: undefined, change: change('n', ['n']) }
    const refused = [
      { name: 'a', expected: a, change: change('x', [], { start: 2 }) },
      { name: 'a', expected: a, change: change('x', ['']) },
      { name: '', expected: undefined, change: change('x') },
      { name: 'n', expected: undefined, change: change('twice') },
    ]
    for (const edit of refused) {
      await expect(store.commitAll([fine, edit])).rejects.toThrow(RangeError)
      expect(await store.list('', undefined, 10)).toEqual(['a'])
      expect(await loaded(store, 'a')).toMatchObject({ head: 'head', tail: 3 })
    }
  })

  test('[S17] of commits that share one entry one succeeds, and of the others nothing is there', async ({
    store,
  }) => {
    const shared = await create(store, 'shared')
    const results = await Promise.all(
      ['a', 'b', 'c'].map(name =>
        store.commitAll([
          { name, expected: undefined, change: change(name, [name]) },
          { name: 'shared', expected: shared, change: change(name) },
        ]),
      ),
    )
    const winners = ['a', 'b', 'c'].filter((_, index) => results[index] !== 'stale')
    expect(winners).toHaveLength(1)
    expect(await store.list('', undefined, 10)).toEqual([...winners, 'shared'])
    expect((await loaded(store, 'shared'))?.head).toBe(winners[0])
  })

  test('[S17] a commit meets what the commits before it in its flush did', async ({ store, disk }) => {
    const held = disk.hold()
    const first = create(store, 'first')
    await held.reached
    const before = disk.writes
    const made = store.commitAll([
      { name: 'a', expected: undefined, change: change('a') },
      { name: 'b', expected: undefined, change: change('b') },
    ])
    const again = store.commitAll([{ name: 'b', expected: undefined, change: change('late') }])
    held.release()
    const revision = await first
    expect(await again).toBe('stale')
    expect(await made).toHaveLength(2)
    expect(disk.writes).toBe(before + 1)
    expect(await store.commitAll([{ name: 'first', expected: revision }])).toEqual([undefined])
  })

  test('[S18] all of it becomes visible when it resolves, none of it before', async ({ store, disk }) => {
    const old = await create(store, 'old', 'x')
    const kept = await create(store, 'kept', 'k')
    const held = disk.hold()
    const commit = store.commitAll([
      { name: 'kept', expected: kept, change: change('next', ['l']) },
      { name: 'old', expected: old },
      { name: 'new', expected: undefined, change: change('new', ['n']) },
    ])
    await held.reached
    expect(await store.list('', undefined, 10)).toEqual(['kept', 'old'])
    expect(await everything(store, kept.generation)).toEqual(['0:k'])
    expect(await everything(store, old.generation)).toEqual(['0:x'])
    held.release()
    await commit
    expect(await store.list('', undefined, 10)).toEqual(['kept', 'new'])
    expect(await everything(store, kept.generation)).toEqual(['0:k', '1:l'])
    expect(await everything(store, old.generation)).toEqual([])
  })

  test('[S18] readers never see one of a pair ahead of the other', async ({ store }) => {
    const pair = ['left', 'right']
    const moves = 60
    let done = false
    const write = async () => {
      let at: readonly (Revision | undefined)[] = [undefined, undefined]
      for (let move = 0; move < moves; move++) {
        const edits = pair.map((name, side) => ({ name, expected: at[side], change: change(`${move}`) }))
        const revisions = await store.commitAll(edits)
        if (revisions === 'stale') throw new Error('nobody else writes')
        at = revisions
      }
      done = true
    }
    const number = async (name: string) => Number(text((await store.load(name))?.head) ?? -1)
    const look = async (first: string, second: string) => {
      while (!done) {
        const before = await number(first)
        expect(await number(second)).toBeGreaterThanOrEqual(before)
        await new Promise(resolve => setImmediate(resolve))
      }
    }
    await Promise.all([write(), look('left', 'right'), look('right', 'left')])
    expect(await number('right')).toBe(moves - 1)
  }, 30_000)

  test('[S18] all of it is there after a restart, when the manifest says so', async opened => {
    const { store, reopen } = opened
    expect(reopen !== undefined).toBe(store.manifest.durable)
    if (!reopen) return
    const old = await create(store, 'old', 'x')
    const revisions = await store.commitAll([
      { name: 'a', expected: undefined, change: change('a', ['1']) },
      { name: 'old', expected: old },
      { name: 'b', expected: undefined, change: change('b', ['2']) },
    ])
    const again = await reopen()
    expect(await again.list('', undefined, 10)).toEqual(['a', 'b'])
    expect(await again.load('b').then(entry => entry?.revision)).toEqual(revisions[2])
    const later = await create(again, 'c')
    expect(later.generation).toBeGreaterThan((await again.load('b'))?.revision.generation ?? 0)
  })

  test('[S18] of one whose write failed nothing is there, now and after a restart', async opened => {
    const { store, disk, reopen } = opened
    const a = await create(store, 'a', 'kept')
    const b = await create(store, 'b', 'kept')
    disk.failNext()
    const commit = store.commitAll([
      { name: 'a', expected: a, change: change('lost', ['lost']) },
      { name: 'b', expected: b },
      { name: 'c', expected: undefined, change: change('lost') },
    ])
    await expect(commit).rejects.toMatchObject({ name: 'StoreFailure', code: 'failed' })
    const check = async (left: Store) => {
      expect(await left.list('', undefined, 10)).toEqual(['a', 'b'])
      expect(await loaded(left, 'a')).toMatchObject({ head: 'head', tail: 4 })
      expect(await everything(left, b.generation)).toEqual(['0:kept'])
    }
    await check(store)
    if (reopen) await check(await reopen())
    else await expect(store.commitAll([])).rejects.toMatchObject({ code: 'failed' })
  })

  test('[S19] it shares a flush with the commits that arrived with it, and keeps none from succeeding', async ({
    store,
    disk,
  }) => {
    const held = disk.hold()
    const first = create(store, 'first', 'abc')
    await held.reached
    const before = disk.writes
    const others = Array.from({ length: 100 }, (_, index) => create(store, `one ${index}`))
    const pairs = Array.from({ length: 100 }, (_, index) =>
      store.commitAll(
        ['left', 'right'].map(side => ({
          name: `${side} ${index}`,
          expected: undefined,
          change: change('x', ['x']),
        })),
      ),
    )
    const stale = store.commitAll([
      { name: 'one 5', expected: undefined, change: change('x') },
      { name: 'unborn', expected: undefined, change: change('x') },
    ])
    const refused = store
      .commitAll([
        { name: 'unborn', expected: undefined, change: change('x', [], { start: 7 }) },
        { name: 'unborn too', expected: undefined, change: change('x') },
      ])
      .catch((error: unknown) => error)
    held.release()
    await Promise.all([first, ...others])
    expect((await Promise.all(pairs)).flat()).toHaveLength(200)
    expect(await stale).toBe('stale')
    expect(await refused).toBeInstanceOf(RangeError)
    expect(disk.writes).toBe(before + 1)
    expect(await store.list('', undefined, 1_000)).toHaveLength(301)
    expect(await store.list('unborn', undefined, 10)).toEqual([])
  })
}
