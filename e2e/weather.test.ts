import { expect } from 'vitest'
import { type Asked, type Fault, fairWeather, type Weather } from '../test/faulty-proxy.ts'
import { readLog, sorted } from './log.ts'
import { test } from './openings.ts'
import { agree, reads } from './texts.ts'
import { Window } from './window.ts'

/** The `nth` of each `every` requests under /v1, whoever sends them, meets a fault at a byte that moves on. */
const each = (
  every: number,
  nth: number,
  how: Fault['how'],
  side: Fault['side'],
): NonNullable<Weather['fault']> => {
  let count = 0
  return ({ line }: Asked) => {
    if (!line.includes(' /v1/') || count++ % every !== nth) return undefined
    return { side, after: (count * 97) % 700, how }
  }
}

/** What the network does, one after another, each while both type. */
const phases: readonly (readonly [string, () => Weather])[] = [
  ['slow', () => ({ delayMs: { up: 180, down: 320 } })],
  ['answers are cut', () => ({ fault: each(2, 0, 'cut', 'down') })],
  ['requests are cut', () => ({ fault: each(2, 1, 'cut', 'up') })],
  ['resets', () => ({ fault: each(3, 1, 'reset', 'down'), delayMs: { up: 40, down: 10 } })],
  ['half of it stalls', () => ({ fault: each(2, 0, 'stall', 'down') })],
  ['nobody is let in', () => ({ admit: () => 'refuse' })],
  ['everything stalls', () => ({ admit: () => 'stall', fault: each(1, 0, 'stall', 'up') })],
]

test('through slow, cut, reset, stalled and refused connections two windows lose nothing and converge', async ({
  browser,
  service,
  proxy,
}) => {
  const [ada, ben] = await Promise.all([
    Window.open(browser, `${proxy.url}/weather`, 'Ada'),
    Window.open(browser, `${proxy.url}/weather`, 'Ben'),
  ])
  let typed = ''
  for (const [index, [, weather]] of phases.entries()) {
    proxy.weather = weather()
    if (index % 2 === 1) proxy.hangUp(index % 4 === 1 ? 'cut' : 'reset')
    const words = `Phase ${index} of ${phases.length}. `
    await Promise.all([ada.type(words, 60), ben.type(words, 60)])
    typed += words + words
  }
  // What stalls, nobody notices within a minute but by this: the phone finds another network.
  proxy.weather = fairWeather
  proxy.hangUp()
  await Promise.all([ada.says('all changes saved'), ben.says('all changes saved')])
  const text = await agree(ada, ben)
  expect(sorted(text)).toBe(sorted(typed))
  const log = await readLog(service.url, 'weather')
  expect(log.text).toBe(text)
  expect(log.written).toBe(sorted(typed))
  expect([...ada.errors, ...ben.errors]).toEqual([])
  await Promise.all([ada.close(), ben.close()])
}, 120_000)

test('a proxy that holds event streams back: letters arrive all the same, by long-poll', async ({
  browser,
  proxy,
}) => {
  proxy.weather = { holdEvents: Number.POSITIVE_INFINITY }
  const [ada, ben] = await Promise.all([
    Window.open(browser, `${proxy.url}/buffered`, 'Ada'),
    Window.open(browser, `${proxy.url}/buffered`, 'Ben'),
  ])
  await ada.type('Through. ')
  await reads(ben, 'Through. ')
  await ben.type('And back.')
  await reads(ada, 'Through. And back.')
  await Promise.all([ada.says('all changes saved'), ben.says('all changes saved')])
  expect(ada.requests.some(request => request.includes('live=long-poll'))).toBe(true)
  await ben.person('Ada').waitFor({ state: 'attached' })
  expect([...ada.errors, ...ben.errors]).toEqual([])
  await Promise.all([ada.close(), ben.close()])
}, 90_000)
