import { expect } from 'vitest'
import { change, create, everything, loaded, must, type Open } from './fixture.ts'
import { storeTest } from './setup.ts'

/** S4, S6, S9: records and positions. */
export const recordsContract = (open: Open): void => {
  const test = storeTest(open)

  test('[S4] read answers whole records in order, within the limit', async ({ store }) => {
    const { generation } = await create(store, 'a', 'aa', 'bbb', 'c', 'dddd')
    const slices: string[][] = []
    for (let at = 0; ; ) {
      const { records, next } = await store.read(generation, at, 5)
      if (records.length === 0) break
      slices.push(records.map(record => `${record.position}:${Buffer.from(record.bytes)}`))
      at = next
    }
    expect(slices).toEqual([
      ['0:aa', '2:bbb'],
      ['5:c', '6:dddd'],
    ])
  })

  test('[S4] read answers one record when the first alone is above the limit', async ({ store }) => {
    const { generation } = await create(store, 'a', 'long record', 'x')
    for (const limit of [0, 1, 10, 11]) {
      const { records, next } = await store.read(generation, 0, limit)
      expect(records).toHaveLength(1)
      expect(next).toBe(11)
    }
    expect((await store.read(generation, 0, 12)).records).toHaveLength(2)
  })

  test('[S4] read goes on where the last slice ended, which has so many records at most', async ({
    store,
  }) => {
    const many = Array.from({ length: 5_000 }, (_, index) => `record ${index};`)
    const { generation } = await create(store, 'a', ...many)
    let position = 0
    const expected = many.map(record => {
      const line = `${position}:${record}`
      position += record.length
      return line
    })
    expect(await everything(store, generation)).toEqual(expected)
    expect(await everything(store, generation, 0, 1_000)).toEqual(expected)
    expect((await store.read(generation, 0, 1 << 20)).records.length).toBeLessThan(many.length)
  })

  test('[S4] read from inside a record answers from the next whole one', async ({ store }) => {
    const { generation } = await create(store, 'a', 'abc', 'def')
    expect(await everything(store, generation, 1)).toEqual(['3:def'])
  })

  test('[S4] read at or past the tail answers nothing and the position asked for', async ({ store }) => {
    const { generation } = await create(store, 'a', 'abc')
    for (const from of [3, 4, 1_000])
      expect(await store.read(generation, from, 10)).toEqual({ records: [], next: from })
    expect(await store.read(generation + 1, 0, 10)).toEqual({ records: [], next: 0 })
  })

  test('[S4] read never answers a record of a commit that did not resolve', async ({ store, disk }) => {
    const first = await create(store, 'a', 'old')
    const held = disk.hold()
    const commit = store.commit('a', first, change('head', ['new']))
    await held.reached
    expect(await everything(store, first.generation)).toEqual(['0:old'])
    expect(await store.read(first.generation, 3, 10)).toEqual({ records: [], next: 3 })
    held.release()
    await commit
    expect(await everything(store, first.generation)).toEqual(['0:old', '3:new'])
  })

  test('[S4] entries do not see the records of their neighbours', async ({ store }) => {
    const names = ['a', 'b', 'c']
    const revisions = await Promise.all(names.map(name => create(store, name, name, name + name)))
    for (const [index, { generation }] of revisions.entries()) {
      const name = names[index] ?? ''
      expect(await everything(store, generation)).toEqual([`0:${name}`, `1:${name}${name}`])
    }
  })

  test('[S6] the tail grows by exactly the lengths of the records', async ({ store }) => {
    let revision = await create(store, 'a')
    let tail = 0
    for (const lengths of [[1], [], [200, 3_000], [70_000], [1, 1, 1]]) {
      const records = lengths.map(length => 'x'.repeat(length))
      revision = await must(store, 'a', revision, change('head', records))
      tail += lengths.reduce((sum, length) => sum + length, 0)
      expect((await store.load('a'))?.tail).toBe(tail)
    }
    expect((await store.read(revision.generation, 1, 1 << 20)).next).toBe(tail)
  })

  test('[S6] an empty record is refused and nothing of its commit is written', async ({ store }) => {
    const revision = await create(store, 'a')
    await expect(store.commit('a', revision, change('new', ['x', '']))).rejects.toThrow(RangeError)
    expect(await loaded(store, 'a')).toMatchObject({ head: 'head', tail: 0 })
  })

  test('[S9] records before start are gone for every reader', async ({ store }) => {
    const first = await create(store, 'a', 'aa', 'bb', 'cc')
    const second = await must(store, 'a', first, change('head', [], { start: 4 }))
    expect(await loaded(store, 'a')).toMatchObject({ start: 4, tail: 6 })
    for (const from of [0, 2, 4]) expect(await everything(store, second.generation, from)).toEqual(['4:cc'])
    await must(store, 'a', second, change('head', ['dd'], { start: 6 }))
    expect(await everything(store, second.generation)).toEqual(['6:dd'])
  })

  test('[S9] start may move to the tail, and past records of its own commit', async ({ store }) => {
    const first = await create(store, 'a', 'aa')
    const second = await must(store, 'a', first, change('head', [], { start: 2 }))
    expect(await everything(store, second.generation)).toEqual([])
    const third = await must(store, 'a', second, change('head', ['bb', 'cc'], { start: 4 }))
    expect(await everything(store, third.generation)).toEqual(['4:cc'])
    expect(await loaded(store, 'a')).toMatchObject({ start: 4, tail: 6 })
  })

  test('[S9] a start that goes back, or is not between two records, is refused whole', async ({ store }) => {
    const first = await create(store, 'a', 'aa', 'bb')
    const second = await must(store, 'a', first, change('head', [], { start: 2 }))
    for (const start of [0, 1, 3, 6, 2.5, -2]) {
      await expect(store.commit('a', second, change('new', ['x'], { start }))).rejects.toThrow(RangeError)
    }
    expect(await loaded(store, 'a')).toMatchObject({ head: 'head', start: 2, tail: 4 })
    expect(await must(store, 'a', second, change('same', [], { start: 2 }))).toBeDefined()
  })
}
