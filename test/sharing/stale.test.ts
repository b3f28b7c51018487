import { expect, test } from 'vitest'
import { ProviderCode } from '../../provider/index.ts'
import { freezes } from '../sim/clock.ts'
import { weathers } from '../sim/weather.ts'
import { remake, visit } from './lives.ts'
import { Scene } from './scene.ts'
import type { Tab } from './tab.ts'

/** A tab that read the document and went offline before that was made anew, and the browser that it is in. */
const leftBehind = async (seed: number, what = '') => {
  const scene = new Scene({ seed })
  await visit(scene, 'old')
  const browser = scene.browser()
  const [other, tab] = browser.openMany(2) as [Tab, Tab]
  await scene.settle()
  tab.provider.disconnect()
  other.close()
  await remake(scene, what)
  return { scene, browser, tab }
}

const events = (tabs: readonly Tab[]): readonly (readonly string[])[] => tabs.map(tab => [...tab.events])

test.each(freezes)(
  '[T92] a leader whose %s is thawed, and does not know yet that it was deposed, changes nothing for anybody',
  async what => {
    for (const seed of [1, 2, 3, 4]) {
      const scene = new Scene({ seed })
      const browser = scene.browser()
      const [first, ...others] = browser.openMany(4)
      await scene.settle()
      first?.freeze(what)
      await scene.until('another leads', () => others.some(tab => tab.leads), 2_000)
      others.push(browser.open())
      await scene.pass(5_000)
      const before = events(others)
      first?.thaw()
      await scene.pass(5_000)
      expect(events(others)).toEqual(before)
      expect([first?.leads, first?.provider.synced]).toEqual([false, true])
      expect(scene.wrong).toEqual([])
    }
  },
)

test('[T93] a thawed leader with a life of the document that is no more stops nobody but itself', async () => {
  for (const seed of [1, 2, 3, 4]) {
    const scene = new Scene({ seed })
    await visit(scene, 'old')
    const browser = scene.browser()
    const [first, second] = browser.openMany(2) as [Tab, Tab]
    await scene.settle()
    first.freeze('page')
    await scene.until('the second leads', () => second.leads, 2_000)
    await remake(scene, 'new')
    await scene.until('the second is stopped', () => second.errors.length > 0, 60_000)
    second.close()
    const fresh = [browser.open(), browser.open()]
    await scene.until('the new ones have read', () => fresh.every(tab => tab.provider.synced), 60_000)
    first.thaw()
    await scene.until('the first is stopped', () => first.errors.length > 0, 60_000)
    await scene.pass(10_000)
    expect(first.errors.map(({ code }) => code)).toEqual([ProviderCode.documentReset])
    expect(fresh.map(tab => [tab.text, tab.provider.synced, tab.errors])).toEqual([
      ['new', true, []],
      ['new', true, []],
    ])
    expect((await visit(scene)).text).toBe('new')
  }
})

test('[T94] a leader that reads another life of the document than it is being taught merges the two nowhere', async () => {
  const seen = new Set<string>()
  for (let at = 250; at < 320; at += 2) {
    const { scene, browser, tab } = await leftBehind(at + 1, 'new')
    browser.line.weather = { ...weathers.calm, latencyMs: [100, 100] }
    const newcomer = browser.open()
    await scene.pass(at)
    tab.provider.connect()
    await scene.until('the old one is stopped', () => tab.errors.length > 0, 60_000)
    await scene.pass(5_000)
    // Taught before it read, the other one is of the old life as well.
    const expected = newcomer.errors.length > 0 ? 'old' : 'new'
    expect([tab.text, newcomer.text, (await visit(scene)).text]).toEqual(['old', expected, 'new'])
    seen.add(expected)
  }
  expect([...seen].sort()).toEqual(['new', 'old'])
})

test('[T95] a tab is not led by one that found the document empty which it knows full: it is another life, and the tab stops', async () => {
  const { scene, browser, tab } = await leftBehind(3)
  const newcomer = browser.open()
  await scene.until('the newcomer has read', () => newcomer.provider.synced)
  tab.provider.connect()
  await scene.until('the old one is stopped', () => tab.errors.length > 0, 60_000)
  expect(tab.errors.map(({ code }) => code)).toEqual([ProviderCode.documentReset])
  newcomer.type('new')
  await scene.until('saved', () => newcomer.provider.synced)
  expect([tab.text, newcomer.text, (await visit(scene)).text]).toEqual(['old', 'new', 'new'])
})

test.each(freezes)(
  '[T96] a tab whose %s was frozen when the lead came to it leaves it to who took it',
  async what => {
    for (const seed of [1, 2, 3]) {
      const scene = new Scene({ seed })
      const browser = scene.browser()
      const [first, second, ...others] = browser.openMany(4) as [Tab, Tab, ...Tab[]]
      await scene.settle()
      second.freeze(what)
      first.close()
      await scene.until('another leads', () => others.some(tab => tab.leads), 10_000)
      await scene.pass(5_000)
      const before = events(others)
      second.thaw()
      await scene.pass(5_000)
      expect(events(others)).toEqual(before)
      expect([second.leads, second.provider.synced]).toEqual([false, true])
      expect(scene.wrong).toEqual([])
    }
  },
)

test('[T97] the last words of a tab arrive by themselves when its leader is not there to send them', async () => {
  const scene = new Scene({ seed: 2 })
  const browser = scene.browser()
  const [first, second] = browser.openMany(2) as [Tab, Tab]
  await scene.settle()
  first.freeze()
  await scene.pass(300)
  second.type('x')
  await scene.pass(100)
  second.leave()
  first.crash()
  await scene.pass(5_000)
  expect(scene.logged).toBe('x')
  expect(scene.journal.doubled).toEqual([])
})
