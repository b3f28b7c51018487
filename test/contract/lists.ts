import { expect } from 'vitest'
import { change, create, must, type Open } from './fixture.ts'
import { storeTest } from './setup.ts'

/** S10, S11: finding names. */
export const listsContract = (open: Open): void => {
  const test = storeTest(open)

  test('[S10] list answers names in the order of their bytes', async ({ store }) => {
    // As JavaScript compares strings the last but one would come before the one above it.
    const ordered = ['A', 'a', 'a/', 'a/b', 'aa', 'b', 'é', '日本', '\u{ffee}', '\u{1f600}', '\u{10ffff}']
    await Promise.all([...ordered].reverse().map(name => create(store, name)))
    expect(await store.list('', undefined, 100)).toEqual(ordered)
  })

  test('[S10] list answers names with a prefix, after a name, at most so many', async ({ store }) => {
    await Promise.all(['a', 'a/1', 'a/2', 'a/3', 'b/1', 'é/1'].map(name => create(store, name)))
    expect(await store.list('a/', undefined, 10)).toEqual(['a/1', 'a/2', 'a/3'])
    expect(await store.list('a/', undefined, 2)).toEqual(['a/1', 'a/2'])
    expect(await store.list('a/', 'a/2', 2)).toEqual(['a/3'])
    expect(await store.list('a/', 'a/11', 2)).toEqual(['a/2', 'a/3'])
    expect(await store.list('a', 'a', 10)).toEqual(['a/1', 'a/2', 'a/3'])
    expect(await store.list('b', 'a', 10)).toEqual(['b/1'])
    expect(await store.list('a', 'b', 10)).toEqual([])
    expect(await store.list('é', undefined, 10)).toEqual(['é/1'])
    expect(await store.list('none', undefined, 10)).toEqual([])
    expect(await store.list('', undefined, 0)).toEqual([])
  })

  test('[S10] list follows removals and creations', async ({ store }) => {
    const revision = await create(store, 'a')
    await create(store, 'b')
    expect(await store.list('', undefined, 10)).toEqual(['a', 'b'])
    await store.remove('a', revision)
    await create(store, 'c')
    expect(await store.list('', undefined, 10)).toEqual(['b', 'c'])
  })

  test('[S10] a name has 1 to 1,000 bytes of well-formed text', async ({ store }) => {
    const longest = 'é'.repeat(500)
    const cell = new Map([[longest, Buffer.from('c')]])
    await must(store, longest, undefined, change('head', ['record'], { cells: cell, due: 1 }))
    expect(await store.list('', undefined, 10)).toEqual([longest])
    expect(await store.list(longest, undefined, 10)).toEqual([longest])
    expect(await store.due(1, 10)).toEqual([longest])
    expect((await store.load(longest, [longest]))?.cells.get(longest)).toBeDefined()
    for (const name of ['', `${longest}x`, 'half \ud83d pair']) {
      await expect(store.commit(name, undefined, change('head'))).rejects.toThrow(RangeError)
      await expect(store.load(name)).rejects.toThrow(RangeError)
      await expect(store.remove(name, { generation: 1, version: 1 })).rejects.toThrow(RangeError)
      const cells = new Map([[name, Buffer.from('c')]])
      await expect(store.commit('other', undefined, change('head', [], { cells }))).rejects.toThrow(
        RangeError,
      )
    }
    expect(await store.list('', undefined, 10)).toEqual([longest])
    expect(await store.list(`${longest}x`, undefined, 10)).toEqual([])
  })

  test('[S11] due answers names at or below a number, lowest first, at most so many', async ({ store }) => {
    const numbers = { e: -1.5, d: -1, c: 0, b: 0.5, a: 1_700_000_000_000, never: null }
    for (const [name, due] of Object.entries(numbers))
      await must(store, name, undefined, change('', [], { due }))
    await must(store, 'unset', undefined, change(''))
    expect(await store.due(Number.MAX_VALUE, 10)).toEqual(['e', 'd', 'c', 'b', 'a'])
    expect(await store.due(0, 10)).toEqual(['e', 'd', 'c'])
    expect(await store.due(-0.001, 10)).toEqual(['e', 'd'])
    expect(await store.due(1_699_999_999_999, 2)).toEqual(['e', 'd'])
    expect(await store.due(-2, 10)).toEqual([])
  })

  test('[S11] a due number stays until it is moved or taken away', async ({ store }) => {
    let revision = await must(store, 'a', undefined, change('', [], { due: 5 }))
    revision = await must(store, 'a', revision, change(''))
    expect(await store.due(5, 10)).toEqual(['a'])
    revision = await must(store, 'a', revision, change('', [], { due: 9 }))
    expect(await store.due(8, 10)).toEqual([])
    expect(await store.due(9, 10)).toEqual(['a'])
    revision = await must(store, 'a', revision, change('', [], { due: null }))
    expect(await store.due(100, 10)).toEqual([])
    revision = await must(store, 'a', revision, change('', [], { due: 3 }))
    await store.remove('a', revision)
    expect(await store.due(100, 10)).toEqual([])
    for (const due of [Number.NaN, Number.POSITIVE_INFINITY]) {
      await expect(store.commit('a', undefined, change('', [], { due }))).rejects.toThrow(RangeError)
    }
  })
}
