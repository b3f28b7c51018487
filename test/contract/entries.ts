import { expect } from 'vitest'
import { bytes, change, create, everything, loaded, must, type Open, text } from './fixture.ts'
import { storeTest } from './setup.ts'

/** S1, S3, S5, S7, S8, S15: heads and cells under a name. */
export const entriesContract = (open: Open): void => {
  const test = storeTest(open)

  test('[S1] load of a name that was never created answers undefined', async ({ store }) => {
    expect(await store.load('a')).toBeUndefined()
  })

  test('[S1] load answers the newest state', async ({ store }) => {
    const first = await must(store, 'a', undefined, change('one', ['x']))
    const second = await must(store, 'a', first, change('two', ['yz'], { due: 5 }))
    const entry = await store.load('a')
    expect(entry?.revision).toEqual(second)
    expect(await loaded(store, 'a')).toEqual({ head: 'two', start: 0, tail: 3, cells: {} })
  })

  test('[S1] load answers those of the cells asked for that exist', async ({ store }) => {
    const cells = new Map([
      ['x', bytes('1')],
      ['y', bytes('2')],
      ['z', bytes('')],
    ])
    await must(store, 'a', undefined, change('', [], { cells }))
    expect((await loaded(store, 'a', ['y', 'none', 'z']))?.cells).toEqual({ y: '2', z: '' })
    expect((await loaded(store, 'a'))?.cells).toEqual({})
  })

  test('[S1] load during a commit answers the state before it', async ({ store, disk }) => {
    const cells = (value: string) => new Map([['c', bytes(value)]])
    const first = await must(store, 'a', undefined, change('old', ['1'], { cells: cells('old') }))
    const held = disk.hold()
    const commit = store.commit('a', first, change('new', ['2'], { cells: cells('new') }))
    await held.reached
    expect(await loaded(store, 'a', ['c'])).toEqual({ head: 'old', start: 0, tail: 1, cells: { c: 'old' } })
    held.release()
    await commit
    expect(await loaded(store, 'a', ['c'])).toEqual({ head: 'new', start: 0, tail: 2, cells: { c: 'new' } })
  })

  test('[S3] a commit on an older revision is stale and wrote nothing', async ({ store }) => {
    const first = await create(store, 'a', 'one')
    const second = await must(store, 'a', first, change('two'))
    const late = change('late', ['late'], { cells: new Map([['c', bytes('late')]]), due: 1 })
    expect(await store.commit('a', first, late)).toBe('stale')
    expect((await store.load('a'))?.revision).toEqual(second)
    expect(await loaded(store, 'a', ['c'])).toEqual({ head: 'two', start: 0, tail: 3, cells: {} })
    expect(await everything(store, second.generation)).toEqual(['0:one'])
    expect(await store.due(10, 10)).toEqual([])
  })

  test('[S3] a commit that expects no entry is stale when there is one', async ({ store }) => {
    await create(store, 'a', 'one')
    expect(await store.commit('a', undefined, change('again'))).toBe('stale')
    expect((await loaded(store, 'a'))?.head).toBe('head')
  })

  test('[S3] a commit that expects an entry is stale when there is none', async ({ store }) => {
    expect(await store.commit('a', { generation: 1, version: 1 }, change('x'))).toBe('stale')
    expect(await store.load('a')).toBeUndefined()
  })

  test('[S3] of two commits that expect one revision exactly one succeeds', async ({ store }) => {
    const revision = await create(store, 'a')
    for (const expected of [undefined, revision]) {
      const name = expected ? 'a' : 'b'
      const both = await Promise.all(['1', '2'].map(id => store.commit(name, expected, change(id, [id]))))
      const winners = both.flatMap((result, index) => (result === 'stale' ? [] : [index + 1]))
      expect(winners).toHaveLength(1)
      expect(await loaded(store, name)).toMatchObject({ head: String(winners[0]), tail: 1 })
    }
  })

  test('[S3] a removal on an older revision is stale and removed nothing', async ({ store }) => {
    const first = await create(store, 'a', 'one')
    await must(store, 'a', first, change('two'))
    expect(await store.remove('a', first)).toBe('stale')
    expect(await store.remove('none', first)).toBe('stale')
    expect((await loaded(store, 'a'))?.head).toBe('two')
  })

  test('[S3] a revision of an earlier life of the name is stale', async ({ store }) => {
    const first = await create(store, 'a')
    await store.remove('a', first)
    const second = await create(store, 'a')
    expect(second.version).toBe(first.version)
    expect(await store.commit('a', first, change('x'))).toBe('stale')
    expect(await store.remove('a', first)).toBe('stale')
  })

  test('[S5] every creation has a generation above all before it, whatever the name', async ({ store }) => {
    let last = 0
    for (const name of ['b', 'a', 'b', 'c', 'b']) {
      const entry = await store.load(name)
      if (entry) await store.remove(name, entry.revision)
      const { generation } = await create(store, name)
      expect(generation).toBeGreaterThan(last)
      last = generation
    }
    const burst = await Promise.all(['x', 'y', 'z'].map(name => create(store, name)))
    const generations = burst.map(revision => revision.generation)
    expect(new Set([...generations, last]).size).toBe(4)
    expect(Math.min(...generations)).toBeGreaterThan(last)
  })

  test('[S5] a commit keeps the generation and raises the version', async ({ store }) => {
    const first = await create(store, 'a')
    const second = await must(store, 'a', first, change('two'))
    expect(second.generation).toBe(first.generation)
    expect(second.version).toBeGreaterThan(first.version)
  })

  test('[S7] head, cells, records and due number become visible together', async ({ store, disk }) => {
    const seen = async () => ({
      entry: await loaded(store, 'a', ['c', 'd']),
      records: await everything(store, first.generation),
      due: await store.due(100, 10),
    })
    const cells = new Map([['c', bytes('1')]])
    const first = await must(store, 'a', undefined, change('one', ['x'], { cells, due: 7 }))
    const before = await seen()
    const held = disk.hold()
    const swap = new Map([
      ['c', undefined],
      ['d', bytes('2')],
    ] as const)
    const commit = store.commit('a', first, change('two', ['y'], { cells: swap, due: null }))
    await held.reached
    expect(await seen()).toEqual(before)
    held.release()
    await commit
    expect(await seen()).toEqual({
      entry: { head: 'two', start: 0, tail: 2, cells: { d: '2' } },
      records: ['0:x', '1:y'],
      due: [],
    })
  })

  test('[S7] a creation and a removal become visible when they resolve', async ({ store, disk }) => {
    const old = await create(store, 'old', 'x')
    const held = disk.hold()
    const both = Promise.all([store.remove('old', old), store.commit('new', undefined, change('n', ['y']))])
    await held.reached
    expect(await store.list('', undefined, 10)).toEqual(['old'])
    expect(await everything(store, old.generation)).toEqual(['0:x'])
    held.release()
    await both
    expect(await store.list('', undefined, 10)).toEqual(['new'])
    expect(await everything(store, old.generation)).toEqual([])
  })

  test('[S8] a removed entry is gone with its cells and records', async ({ store }) => {
    const cells = new Map([['c', bytes('1')]])
    const revision = await must(store, 'a', undefined, change('one', ['x', 'y'], { cells, due: 1 }))
    expect(await store.remove('a', revision)).toBe('removed')
    expect(await store.load('a', ['c'])).toBeUndefined()
    expect(await everything(store, revision.generation)).toEqual([])
    expect(await store.list('', undefined, 10)).toEqual([])
    expect(await store.due(100, 10)).toEqual([])
    expect(await store.remove('a', revision)).toBe('stale')
  })

  test('[S8] a name created again sees nothing of its old life', async ({ store }) => {
    const cells = new Map([['c', bytes('1')]])
    const old = await must(store, 'a', undefined, change('one', ['xyz'], { cells, due: 1 }))
    const [removed, created] = await Promise.all([
      store.remove('a', old),
      store.commit('a', undefined, change('two', ['n'])),
    ])
    expect(removed).toBe('removed')
    if (created === 'stale') throw new Error('the removal came first, so there was nothing in the way')
    expect(await loaded(store, 'a', ['c'])).toEqual({ head: 'two', start: 0, tail: 1, cells: {} })
    expect(await everything(store, created.generation)).toEqual(['0:n'])
    expect(await everything(store, old.generation)).toEqual([])
    expect(await store.due(100, 10)).toEqual([])
  })

  test('[S15] bytes handed in may change after the commit resolved', async ({ store }) => {
    const head = bytes('head')
    const record = bytes('record')
    const cell = bytes('cell')
    const revision = await must(store, 'a', undefined, {
      head,
      appends: [record],
      cells: new Map([['c', cell]]),
    })
    for (const buffer of [head, record, cell]) buffer.fill(0)
    expect(await loaded(store, 'a', ['c'])).toMatchObject({ head: 'head', cells: { c: 'cell' } })
    expect(await everything(store, revision.generation)).toEqual(['0:record'])
  })

  test('[S15] bytes handed out may be changed by the caller', async ({ store }) => {
    const large = 'r'.repeat(100_000)
    const cells = new Map([['c', bytes('cell')]])
    const revision = await must(store, 'a', undefined, change('head', ['record', large], { cells }))
    const entry = await store.load('a', ['c'])
    const slice = await store.read(revision.generation, 0, 1 << 20)
    const kept = Buffer.from(slice.records[1]?.bytes ?? [])
    await store.load('a', ['c'])
    await store.read(revision.generation, 0, 1)
    expect(text(slice.records[0]?.bytes)).toBe('record')
    expect(kept.equals(Buffer.from(large))).toBe(true)
    for (const given of [entry?.head, entry?.cells.get('c'), ...slice.records.map(record => record.bytes)]) {
      given?.fill(0)
    }
    expect(await loaded(store, 'a', ['c'])).toMatchObject({ head: 'head', cells: { c: 'cell' } })
    expect(await everything(store, revision.generation)).toEqual(['0:record', `6:${large}`])
  })
}
