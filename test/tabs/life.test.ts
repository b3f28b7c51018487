import { expect, test } from 'vitest'
import { holdLife, whenGone } from '../../provider/tabs/life.ts'
import { Chance } from '../sim/chance.ts'
import { Clock, Life } from '../sim/clock.ts'
import { SimulatedOrigin } from '../sim/origin.ts'

const name = 'tab 1'
/** Of somebody who watches or lives for good. */
const never = (): AbortSignal => new AbortController().signal

/** One tab that lives and others that watch it. */
const world = (watchers: number) => {
  const clock = new Clock()
  const origin = new SimulatedOrigin(clock, new Chance(1))
  const tab = () => {
    const life = new Life(clock)
    return { life, locks: origin.tab(life).locks }
  }
  const settle = () => clock.run(() => false, 10)
  return { clock, settle, watched: tab(), watchers: Array.from({ length: watchers }, tab) }
}

/** What became of a promise so far. */
const outcome = <Result>(promise: Promise<Result>): { got: Result | undefined } => {
  const seen: { got: Result | undefined } = { got: undefined }
  promise.then(
    value => {
      seen.got = value
    },
    () => undefined,
  )
  return seen
}

test('[L1] a tab holds its life until its signal fires, and says when it does', async () => {
  const { settle, watched, watchers } = world(1)
  const stop = new AbortController()
  const held = outcome(holdLife(watched.locks, name, stop.signal))
  expect(held.got).toBeUndefined()
  await settle()
  expect(held.got).toBe(true)
  const gone = outcome(whenGone(watchers[0]?.locks ?? watched.locks, name, never()))
  await settle()
  expect(gone.got).toBeUndefined()
  stop.abort()
  await settle()
  expect(gone.got).toBe(true)
})

test('[L2] all that watch a tab learn within milliseconds that it died, also behind one that is frozen', async () => {
  const { settle, watched, watchers } = world(11)
  const held = outcome(holdLife(watched.locks, name, never()))
  await settle()
  expect(held.got).toBe(true)
  const gone = watchers.map(({ locks }) => outcome(whenGone(locks, name, never())))
  await settle()
  watchers[0]?.life.freeze()
  watched.life.end()
  await settle()
  expect(gone.map(({ got }) => got)).toEqual([undefined, ...Array(10).fill(true)])
  watchers[0]?.life.thaw()
  await settle()
  expect(gone[0]?.got).toBe(true)
})

test('[L3] a frozen tab is not gone', async () => {
  const { clock, settle, watched, watchers } = world(1)
  await Promise.all([holdLife(watched.locks, name, never()), settle()])
  const gone = outcome(whenGone(watchers[0]?.locks ?? watched.locks, name, never()))
  watched.life.freeze()
  await clock.run(() => false, 3_600_000)
  expect(gone.got).toBeUndefined()
})

test('[L4] who watches no more hears false, and the tab it watched lives on', async () => {
  const { settle, watched, watchers } = world(2)
  await Promise.all([holdLife(watched.locks, name, never()), settle()])
  const [first, second] = watchers
  const bored = new AbortController()
  const gone = outcome(whenGone(first?.locks ?? watched.locks, name, bored.signal))
  await settle()
  bored.abort()
  await settle()
  expect(gone.got).toBe(false)
  const other = outcome(whenGone(second?.locks ?? watched.locks, name, never()))
  await settle()
  expect(other.got).toBeUndefined()
})

test('[L5] who stops before it holds its life never held it', async () => {
  const { settle, watched } = world(0)
  const stop = new AbortController()
  const held = outcome(holdLife(watched.locks, name, stop.signal))
  stop.abort()
  await settle()
  expect(held.got).toBe(false)
  const gone = outcome(whenGone(watched.locks, name, never()))
  await settle()
  expect(gone.got).toBe(true)
})

test('[L6] where there are no locks nobody holds a life, and nobody is called gone', async () => {
  const locks = { request: () => Promise.reject(new DOMException('No locks.', 'SecurityError')) }
  expect(await holdLife(locks, name, never())).toBe(false)
  expect(await whenGone(locks, name, never())).toBe(false)
})
