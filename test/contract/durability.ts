import { expect } from 'vitest'
import { bytes, change, create, everything, loaded, must, type Open } from './fixture.ts'
import { storeTest } from './setup.ts'

/** S2, S5, S12, S13, S14, S16: what is on the disk, and what happens when it fails. */
export const durabilityContract = (open: Open): void => {
  const test = storeTest(open)

  test('[S2] what was committed is there after a restart, when the manifest says so', async opened => {
    const { store, reopen } = opened
    expect(reopen !== undefined).toBe(store.manifest.durable)
    if (!reopen) return
    const cells = new Map([['c', bytes('cell')]])
    const first = await must(store, 'a', undefined, change('one', ['x', 'yy'], { cells, due: 5 }))
    await must(store, 'a', first, change('two', ['zzz'], { start: 1 }))
    const gone = await create(store, 'gone', 'g')
    await store.remove('gone', gone)
    const again = await reopen()
    expect(await loaded(again, 'a', ['c'])).toEqual({ head: 'two', start: 1, tail: 6, cells: { c: 'cell' } })
    expect(await everything(again, first.generation)).toEqual(['1:yy', '3:zzz'])
    expect(await again.list('', undefined, 10)).toEqual(['a'])
    expect(await again.due(5, 10)).toEqual(['a'])
    expect(await everything(again, gone.generation)).toEqual([])
    expect(await again.commit('a', first, change('late'))).toBe('stale')
  })

  test('[S2] a commit resolves after its write, not before', async ({ store, disk }) => {
    const held = disk.hold()
    let resolved = false
    const commit = create(store, 'a', 'x').then(() => {
      resolved = true
    })
    await held.reached
    await new Promise(resolve => setImmediate(resolve))
    expect(resolved).toBe(false)
    held.release()
    await commit
    expect(disk.writes).toBe(1)
  })

  test('[S5] generations grow across a restart, also when everything was removed', async ({
    store,
    reopen,
  }) => {
    expect(reopen !== undefined).toBe(store.manifest.durable)
    if (!reopen) return
    let last = 0
    for (const name of ['a', 'b']) {
      const revision = await create(store, name, 'x')
      await store.remove(name, revision)
      last = revision.generation
    }
    const again = await reopen()
    expect(await again.list('', undefined, 10)).toEqual([])
    expect((await create(again, 'a')).generation).toBeGreaterThan(last)
  })

  test('[S12] commits to many names that arrive during a write share the next one', async ({
    store,
    disk,
  }) => {
    const held = disk.hold()
    const first = create(store, 'first')
    await held.reached
    const before = disk.writes
    const others = Array.from({ length: 200 }, (_, index) => create(store, `name ${index}`, 'x'))
    held.release()
    await Promise.all([first, ...others])
    expect(disk.writes).toBe(before + 1)
    expect(await store.list('name', undefined, 1_000)).toHaveLength(200)
  })

  test('[S12] a stale commit does not keep its batch from the disk', async ({ store }) => {
    const revision = await create(store, 'a')
    const [stale, fine, refused] = await Promise.allSettled([
      store.commit('a', undefined, change('x')),
      store.commit('b', undefined, change('x')),
      store.commit('a', revision, change('x', [], { start: 9 })),
    ])
    expect(stale).toMatchObject({ value: 'stale' })
    expect(fine).toMatchObject({ status: 'fulfilled' })
    expect(refused).toMatchObject({ reason: expect.any(RangeError) })
    expect(await store.list('', undefined, 10)).toEqual(['a', 'b'])
  })

  test('[S13] after a failed write every commit fails, and reads still work', async ({ store, disk }) => {
    const revision = await create(store, 'a', 'kept')
    disk.failNext()
    const failure = { name: 'StoreFailure', code: 'failed', cause: expect.any(Error) }
    const batch = await Promise.allSettled([
      store.commit('a', revision, change('lost', ['lost'])),
      store.commit('b', undefined, change('lost', ['lost'])),
    ])
    for (const result of batch) expect(result).toMatchObject({ status: 'rejected', reason: failure })
    await expect(store.commit('a', revision, change('after'))).rejects.toMatchObject(failure)
    await expect(store.remove('a', revision)).rejects.toMatchObject(failure)
    expect(disk.writes).toBe(2)
    expect(await loaded(store, 'a')).toEqual({ head: 'head', start: 0, tail: 4, cells: {} })
    expect(await everything(store, revision.generation)).toEqual(['0:kept'])
    expect(await store.list('', undefined, 10)).toEqual(['a'])
  })

  test('[S13] commits that waited behind a failing write fail with it', async ({ store, disk }) => {
    const held = disk.hold()
    disk.failNext()
    const first = store.commit('a', undefined, change('x'))
    await held.reached
    const second = store.commit('b', undefined, change('x'))
    held.release()
    await expect(first).rejects.toMatchObject({ code: 'failed' })
    await expect(second).rejects.toMatchObject({ code: 'failed' })
    expect(await store.list('', undefined, 10)).toEqual([])
  })

  test('[S14] a damaged record is reported and never answered', async ({ store, damage }) => {
    // What has no disk has nothing that could be damaged behind its back.
    expect(damage !== undefined).toBe(store.manifest.durable)
    if (!damage) return
    const { generation } = await create(store, 'a', 'first', 'secret', 'third')
    const again = await damage(generation, 5)
    const failure = await again.read(generation, 0, 100).catch((error: unknown) => error)
    expect(failure).toMatchObject({ name: 'StoreFailure', code: 'damaged' })
    expect(String(failure)).toContain(`${generation}/5`)
    expect(String(failure)).not.toContain('secret')
    expect((await again.read(generation, 0, 1)).records).toHaveLength(1)
    expect(await everything(again, generation, 11)).toEqual(['11:third'])
  })

  test('[S16] close waits for commits under way', async ({ store, disk, reopen }) => {
    const held = disk.hold()
    const order: string[] = []
    const commits = ['a', 'b'].map(name => create(store, name).then(() => order.push('commit')))
    await held.reached
    const waiting = create(store, 'c').then(() => order.push('commit'))
    const closed = store.close().then(() => order.push('closed'))
    held.release()
    await Promise.all([...commits, waiting, closed])
    expect(order).toEqual(['commit', 'commit', 'commit', 'closed'])
    if (reopen) expect(await (await reopen()).list('', undefined, 10)).toEqual(['a', 'b', 'c'])
  })

  test('[S16] every call after close fails, and closing again does not', async ({ store }) => {
    const revision = await create(store, 'a', 'x')
    const closed = store.close()
    for (let late = 0; late < 2; late++) {
      const calls = [
        store.load('a'),
        store.commit('a', revision, change('x')),
        store.commitAll([{ name: 'a', expected: revision }]),
        store.read(revision.generation, 0, 10),
        store.remove('a', revision),
        store.list('', undefined, 10),
        store.due(0, 10),
      ]
      for (const call of calls) {
        await expect(call).rejects.toMatchObject({ name: 'StoreFailure', code: 'closed' })
      }
      await closed
    }
    await store.close()
  })
}
