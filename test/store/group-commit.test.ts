import { expect, test } from 'vitest'
import { GroupCommit } from '../../server/store/group-commit.ts'

/** A queue whose writes finish when the test says so. */
const setUp = () => {
  const writes: { readonly jobs: readonly string[]; finish(): void; fail(error: Error): void }[] = []
  const commits = new GroupCommit<string[]>({
    open: () => [],
    write: jobs => new Promise((resolve, reject) => writes.push({ jobs, finish: resolve, fail: reject })),
    gather: () => Promise.resolve(),
  })
  const add = (job: string, bytes = 0) =>
    commits.add(bytes, draft => {
      draft.push(job)
      return job
    })
  return { commits, writes, add }
}

/** Until every promise that can go on has gone on. */
const settle = () => new Promise(resolve => setImmediate(resolve))

test('[S12] what arrives during a write is the next batch, in the order it came', async () => {
  const { writes, add } = setUp()
  const first = [add('a'), add('b')]
  await settle()
  const second = [add('c'), add('d'), add('e')]
  await settle()
  expect(writes.map(({ jobs }) => jobs)).toEqual([['a', 'b']])
  writes[0]?.finish()
  expect(await Promise.all(first)).toEqual(['a', 'b'])
  await settle()
  expect(writes.map(({ jobs }) => jobs)).toEqual([
    ['a', 'b'],
    ['c', 'd', 'e'],
  ])
  writes[1]?.finish()
  expect(await Promise.all(second)).toEqual(['c', 'd', 'e'])
})

test.each([
  ['1,024 commits', 1_500, 10, [1_024, 476]],
  ['8 MiB', 20, 1 << 20, [8, 8, 4]],
  ['8 MiB, but one commit at least', 3, 9 << 20, [1, 1, 1]],
])('a batch has at most %s', async (_, count, bytes, sizes) => {
  const { writes, add } = setUp()
  const all = Array.from({ length: count }, (_, index) => add(`${index}`, bytes))
  for (let batch = 0; batch < sizes.length; batch++) {
    await settle()
    writes[batch]?.finish()
  }
  expect(await Promise.all(all)).toHaveLength(count)
  expect(writes.map(({ jobs }) => jobs.length)).toEqual(sizes)
})

test('a commit that throws while it is decided fails alone', async () => {
  const { commits, writes, add } = setUp()
  const results = Promise.allSettled([
    add('a'),
    commits.add(0, () => {
      throw new RangeError('no')
    }),
    add('b'),
  ])
  await settle()
  expect(writes.map(({ jobs }) => jobs)).toEqual([['a', 'b']])
  writes[0]?.finish()
  expect(await results).toMatchObject([{ value: 'a' }, { reason: expect.any(RangeError) }, { value: 'b' }])
})

test('[S13] a write that fails fails its batch, those that wait and those that come', async () => {
  const { commits, writes, add } = setUp()
  const first = add('a')
  await settle()
  const second = add('b')
  const cause = new Error('EIO')
  writes[0]?.fail(cause)
  const failure = { name: 'StoreFailure', code: 'failed', cause }
  await expect(first).rejects.toMatchObject(failure)
  await expect(second).rejects.toMatchObject(failure)
  await expect(add('c')).rejects.toMatchObject(failure)
  await commits.close()
  await settle()
  expect(writes).toHaveLength(1)
})

test('[S16] close resolves after the last batch, and what comes later is refused', async () => {
  const { commits, writes, add } = setUp()
  const first = add('a')
  await settle()
  const second = add('b')
  let closed = false
  const closing = commits.close().then(() => {
    closed = true
  })
  await expect(add('c')).rejects.toMatchObject({ code: 'closed' })
  writes[0]?.finish()
  await first
  await settle()
  expect(closed).toBe(false)
  writes[1]?.finish()
  await second
  await closing
  expect(writes.map(({ jobs }) => jobs)).toEqual([['a'], ['b']])
})

test('a queue that ran empty starts again', async () => {
  const { writes, add } = setUp()
  for (const job of ['a', 'b']) {
    const added = add(job)
    await settle()
    writes.at(-1)?.finish()
    expect(await added).toBe(job)
    await settle()
  }
  expect(writes).toHaveLength(2)
})
