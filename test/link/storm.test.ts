import { expect, onTestFinished, test, vi } from 'vitest'
import { Crowd } from './crowd.ts'

vi.setConfig({ testTimeout: 120_000 }) // of much computing; no time is waited for

const count = 500
/** As our server draws it, and as servers do that draw nothing. */
const drawn = (random: () => number) => 60_000 * (0.9 + 0.2 * random())
const fixed = () => 60_000

const crowd = (seed: number, lifeMs: (random: () => number) => number): Crowd => {
  const made = new Crowd(count, seed, lifeMs)
  onTestFinished(() => made.leave())
  return made
}
const seeds = [1, 2]

test.each(seeds)(
  '[S1] a server that loses all of 500 and is away for 30 s meets no more than 100 in a tenth of a second, and has all back within 35 s (seed %d)',
  async seed => {
    const all = crowd(seed, drawn)
    await all.come(60_000)
    all.mood = 'gone'
    all.endAll('reset')
    const lost = all.time
    await all.pass(30_000)
    expect(all.peak(lost)).toBeLessThanOrEqual(100)
    all.mood = 'up'
    const up = all.time
    expect(await all.back()).toBeLessThanOrEqual(35_000)
    expect(all.peak(up)).toBeLessThanOrEqual(50)
  },
)

test('[S6] a server that was away for 5 s has all of 500 back within 12 s, also those that happened to fail often', async () => {
  const all = crowd(7, drawn)
  await all.come(60_000)
  all.mood = 'gone'
  all.endAll('reset')
  await all.pass(5_000)
  all.mood = 'up'
  expect(await all.back()).toBeLessThanOrEqual(12_000)
})

test.each(seeds)(
  '[S2] a server that lets all of 500 go at one instant, as one that drains, and takes them back at once, has them within 1.5 s, and never more than 120 in a tenth of a second (seed %d)',
  async seed => {
    const all = crowd(seed, drawn)
    await all.come(60_000)
    await all.pass(20_000)
    all.endAll('ended')
    const ended = all.time
    expect(await all.back()).toBeLessThanOrEqual(1_500)
    expect(all.peak(ended)).toBeLessThanOrEqual(120)
  },
)

test('[S3] links that all began at one instant, of a server that ends them after exactly a minute, drift apart', async () => {
  const all = crowd(4, fixed)
  await all.come(0)
  await all.pass(58_500)
  const peaks: number[] = []
  for (let minute = 0; minute < 4; minute++) {
    const before = all.time
    await all.pass(60_000)
    peaks.push(all.peak(before))
  }
  expect(peaks[0]).toBeLessThanOrEqual(250)
  expect(peaks.at(-1)).toBeLessThanOrEqual(150)
  expect(await all.back()).toBeLessThanOrEqual(1_000)
})

test('[S4] links that end when it is their turn are opened again within a quarter of a second, and no request is wasted', async () => {
  const all = crowd(5, drawn)
  await all.come(60_000)
  const before = all.time
  let fewest = count
  for (let turn = 0; turn < 600; turn++) {
    await all.pass(100)
    fewest = Math.min(fewest, all.links.size)
  }
  expect(fewest).toBeGreaterThanOrEqual(count - 20)
  expect(all.arrivals.filter(at => at > before).length).toBeLessThanOrEqual(count * 1.2)
  expect(all.peak(before)).toBeLessThanOrEqual(20)
})

test('[S5] a server that tells all of 500 to come back in a second is not met by them at that second', async () => {
  const all = crowd(6, drawn)
  await all.come(60_000)
  all.mood = 'busy'
  all.endAll('reset')
  await all.pass(2_000)
  const before = all.time
  await all.pass(5_000)
  expect(all.peak(before)).toBeLessThanOrEqual(100)
  all.mood = 'up'
  expect(await all.back()).toBeLessThanOrEqual(40_000)
})
