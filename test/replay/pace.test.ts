import { expect, test } from 'vitest'
import { Pacer } from '../../bench/pacer.ts'
import { ReplayError } from '../../bench/replay-error.ts'
import { unlessAborted, watched } from '../../bench/watched.ts'

/** A clock that moves when somebody sleeps or works, and only then. */
const clock = () => {
  const slept: number[] = []
  let time = 0
  return {
    slept,
    now: () => time,
    work: (ms: number) => {
      time += ms
    },
    sleep: async (ms: number) => {
      slept.push(ms)
      time += ms
    },
  }
}
const never = new AbortController().signal

test('a pacer lets so many edits a second through and no more', async () => {
  const env = clock()
  const pacer = new Pacer(5_000, env)
  for (let edit = 0; edit < 20_000; edit++) await pacer.turn(never)
  expect(env.now()).toBeGreaterThanOrEqual(3_999)
  expect(env.now()).toBeLessThanOrEqual(4_001)
})

test('a pacer without a speed never waits', async () => {
  const env = clock()
  const pacer = new Pacer(undefined, env)
  for (let edit = 0; edit < 100; edit++) await pacer.turn(never)
  expect(env.slept).toEqual([])
})

test('a pause is not made up for', async () => {
  const env = clock()
  const pacer = new Pacer(100, env)
  await pacer.turn(never)
  env.work(60_000)
  const before = env.now()
  for (let edit = 0; edit < 100; edit++) await pacer.turn(never)
  expect(env.now() - before).toBeGreaterThanOrEqual(970)
})

test('work that goes quiet is called off with a reason', async () => {
  const env = clock()
  const work = watched(env, 30_000, never, signal => unlessAborted(new Promise(() => undefined), signal))
  await expect(work).rejects.toMatchObject({ code: 'STALLED', message: 'nothing moved for 30 s' })
  expect(env.now()).toBe(30_000)
})

test('work that moves is let go on for as long as it does', async () => {
  let time = 0
  let sleeps = 0
  let touch = () => undefined as unknown
  let finish: (value: string) => void = () => undefined
  const done = new Promise<string>(resolve => {
    finish = resolve
  })
  const env = {
    now: () => time,
    sleep: async (ms: number) => {
      await undefined
      time += ms
      touch()
      if (++sleeps === 10) finish('done')
    },
  }
  const work = watched(env, 1_000, never, (signal, move) => {
    touch = move
    return unlessAborted(done, signal)
  })
  await expect(work).resolves.toBe('done')
  expect(time).toBeGreaterThanOrEqual(10_000)
})

test('the reason of the outer signal ends the work', async () => {
  const outer = new AbortController()
  const reason = new ReplayError('INTERRUPTED', 'enough')
  const env = { now: () => 0, sleep: () => new Promise<void>(() => undefined) }
  const work = watched(env, 1_000, outer.signal, signal =>
    unlessAborted(new Promise(() => undefined), signal),
  )
  outer.abort(reason)
  await expect(work).rejects.toBe(reason)
})
