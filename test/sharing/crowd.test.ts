import { expect, test, vi } from 'vitest'
import { Ledger } from '../../provider/ledger.ts'
import { weathers } from '../sim/weather.ts'
import { Scene } from './scene.ts'

test('[T60] of twelve tabs all are welcomed within a second, with one hello each and one for the leader', async () => {
  const scene = new Scene()
  const browser = scene.browser()
  const tabs = browser.openMany(12)
  await scene.until('all are in', () => tabs.every(({ provider }) => provider.synced), 1_000)
  expect(browser.leaders).toHaveLength(1)
  expect(browser.count('lead')).toBe(1)
  expect(browser.count('hello')).toBeLessThanOrEqual(24)
  expect(browser.count('welcome')).toBeLessThanOrEqual(24)
  expect(tabs.flatMap(({ requests }) => requests).length).toBeLessThanOrEqual(5)
})

test('[T61] among twelve tabs one edit is one edit, one read and one held, whoever makes it', async () => {
  const scene = new Scene()
  const browser = scene.browser()
  const tabs = browser.openMany(12)
  await scene.settle()
  await scene.pass(1_000)
  for (const at of [0, 5]) {
    browser.said.length = 0
    tabs[at]?.type('x')
    await scene.settle()
    await scene.pass(300)
    const kinds = browser.said.map(({ kind }) => kind).filter(kind => kind !== 'ask' && kind !== 'here')
    expect(kinds.sort()).toEqual(['edit', 'held', 'read'])
  }
})

test('[T62] twelve tabs at rest say little: a question each twice a second, and one answer to all that ask at once', async () => {
  const scene = new Scene()
  const browser = scene.browser()
  browser.openMany(12)
  await scene.settle()
  await scene.pass(2_000)
  browser.said.length = 0
  await scene.pass(10_000)
  expect(new Set(browser.said.map(({ kind }) => kind))).toEqual(new Set(['ask', 'here']))
  expect(browser.count('ask')).toBeLessThanOrEqual(11 * 25)
  expect(browser.count('here')).toBeLessThanOrEqual(browser.count('ask'))
  for (const { requests } of browser.tabs.slice(1)) expect(requests).toEqual([])
})

test('[T63] when the leader of twelve dies the others are in again within a second, and none of them got the document anew', async () => {
  const scene = new Scene()
  const browser = scene.browser()
  const tabs = browser.openMany(12)
  await scene.settle()
  tabs[3]?.type('word '.repeat(5_000))
  await scene.settle()
  await scene.pass(1_000)
  browser.said.length = 0
  tabs[0]?.crash()
  await scene.until('all are in', () => browser.leaders.length === 1 && scene.isSettled, 1_500)
  expect(browser.count('welcome')).toBeLessThanOrEqual(22)
  const sizes = browser.said.map(message => (message.kind === 'welcome' ? message.update.length : 0))
  expect(Math.max(...sizes)).toBeLessThan(100)
})

test('[T64] a tab that shares with nobody stands beside those that do, and all have the same', async () => {
  const scene = new Scene()
  const browser = scene.browser()
  const [first, second] = browser.openMany(2)
  const alone = browser.open({ tabs: false })
  await scene.settle()
  alone.type('a')
  second?.type('b')
  await scene.settle()
  expect(first?.provider.tabs?.count).toBe(2)
  expect(alone.provider.tabs).toBeUndefined()
  expect(alone.requests.length).toBeGreaterThan(0)
  expect([...scene.logged].sort()).toEqual(['a', 'b'])
  expect(scene.journal.doubled).toEqual([])
  expect(scene.wrong).toEqual([])
})

test('[T65] tabs of two accounts do not meet, and neither do those of two documents', async () => {
  const scene = new Scene()
  const browser = scene.browser()
  const tabs = [
    browser.open({ account: 'ada' }),
    browser.open({ account: 'ada lovelace' }),
    browser.open({ account: 'ada' }),
    browser.open(),
    browser.open({ name: 'd/ada' }),
  ]
  await scene.until('all are in', () => tabs.every(({ provider }) => provider.synced))
  expect(tabs.map(({ provider }) => provider.tabs?.count)).toEqual([2, 1, 2, 1, 1])
  expect(tabs.map(({ leads }) => leads)).toEqual([true, true, false, true, true])
  browser.cut()
  tabs[0]?.type('x')
  await scene.pass(1_000)
  expect(tabs.map(({ text }) => text)).toEqual(['x', '', 'x', '', ''])
})

test('[T66] what the server turns out to lack is unsaved in every tab, until it has it', async () => {
  const scene = new Scene()
  const browser = scene.browser()
  const tabs = browser.openMany(3)
  const saved = () => tabs.map(({ provider }) => provider.saved)
  await scene.settle()
  tabs[0]?.type('a')
  await scene.settle()
  browser.loses = true
  tabs[1]?.type('b'.repeat(1_000))
  await scene.until('it was acknowledged', () => saved().every(each => each))
  expect(scene.logged).toBe('a')
  browser.loses = false
  browser.line.weather = { ...weathers.calm, latencyMs: [200, 200] }
  tabs[2]?.type('c')
  await scene.until('the leader knows better', () => browser.count('lacking') > 0)
  await scene.pass(10)
  scene.wrong.length = 0
  expect(saved()).toEqual([false, false, false])
  for (const { provider } of tabs.slice(1)) expect(provider.unsaved?.bytes).toBeGreaterThan(1_000)
  await scene.settle()
  expect(scene.logged).toBe(`a${'b'.repeat(1_000)}c`)
  expect(scene.journal.doubled).toEqual([])
  expect(scene.wrong).toEqual([])
})

test('[T67] a follower whose observer answers what others type is saved in the end, and so is everybody', async () => {
  const scene = new Scene()
  const browser = scene.browser()
  const tabs = browser.openMany(3)
  const remote = scene.browser().open()
  await scene.settle()
  for (const tab of tabs.slice(1)) {
    const text = tab.doc.getText('text')
    text.observe((_event, { origin }) => {
      if (origin === tab.provider && !tab.text.includes(tab.name)) text.insert(0, `[${tab.name}]`)
    })
  }
  remote.type('x')
  await scene.settle()
  expect(remote.text).toContain('tab 2')
  expect(remote.text).toContain('tab 3')
  expect(scene.journal.doubled).toEqual([])
  expect(scene.wrong).toEqual([])
})

test('[T68] an observer that throws in one tab stops nobody', async () => {
  const scene = new Scene()
  const browser = scene.browser()
  const [first, second, third] = browser.openMany(3)
  await scene.settle()
  second?.doc.getText('text').observe((_event, { origin }) => {
    if (origin === second.provider) throw new Error('the app failed')
  })
  first?.type('a')
  third?.type('b')
  await scene.settle()
  expect(second?.errors.map(({ code }) => code)).toContain('OBSERVER_FAILED')
  expect([...scene.logged].sort()).toEqual(['a', 'b'])
  expect(scene.wrong).toEqual([])
})

test('[T69] requests that are lost one after the other, in any tab’s lead, leave each edit in the log once', async () => {
  for (const seed of [1, 2, 3, 4]) {
    const scene = new Scene({ seed })
    const browser = scene.browser()
    const tabs = browser.openMany(4)
    await scene.settle()
    browser.line.weather = weathers.deaf
    let typed = ''
    for (const tab of tabs) {
      for (const letter of 'xyz') {
        tab.type(letter)
        typed += letter
        await scene.pass(700)
      }
      if (browser.present.length > 1) browser.leaders[0]?.crash()
    }
    browser.line.weather = weathers.calm
    await scene.settle()
    expect([...scene.logged].sort().join('')).toBe([...typed].sort().join(''))
    expect(scene.journal.doubled).toEqual([])
    expect(scene.wrong).toEqual([])
  }
})

test('[T70] typing makes no tab walk over the document', async () => {
  const scene = new Scene()
  const browser = scene.browser()
  const tabs = browser.openMany(3)
  const remote = scene.browser().open()
  await scene.settle()
  const walks = vi.spyOn(Ledger.prototype, 'missing')
  for (let round = 0; round < 40; round++) {
    for (const tab of [...tabs, remote]) tab.type('x')
    await scene.pass(25)
  }
  await scene.settle()
  expect(walks.mock.calls).toHaveLength(0)
  walks.mockRestore()
  expect(scene.logged).toHaveLength(160)
})

test('[T71] a tab that comes later knows since when something is unsaved', async () => {
  const scene = new Scene()
  const browser = scene.browser()
  const first = browser.open()
  await scene.settle()
  browser.cut()
  const at = scene.clock.now()
  first.type('x')
  await scene.pass(20_000)
  const late = browser.open()
  await scene.until('it is in', () => late.text === 'x')
  expect(late.provider.unsaved?.since).toBe(at)
  browser.mend()
  await scene.settle()
})

test('[T72] a browser that has channels, but none for this page, leaves each tab on its own', async () => {
  const scene = new Scene()
  const browser = scene.browser({ channels: false })
  const tabs = browser.openMany(2)
  await scene.settle()
  tabs[0]?.type('x')
  await scene.settle()
  expect(tabs.flatMap(({ errors }) => errors)).toEqual([])
  expect(tabs.map(({ provider }) => provider.tabs)).toEqual([undefined, undefined])
  tabs[0]?.type('y')
  tabs[0]?.leave()
  await scene.until('what it typed last arrived', () => scene.logged === 'xy', 1_000)
})

test('[T90] a newcomer whose hello passed a tab that was not yet listening is counted there all the same', async () => {
  const scene = new Scene()
  const browser = scene.browser()
  browser.open()
  browser.open()
  await scene.settle()
  browser.misses = (tab, { kind }) => tab === 1 && kind === 'hello'
  browser.open()
  await scene.settle()
  const counts = () => browser.present.map(({ provider }) => provider.tabs?.count)
  expect(counts()).toEqual([3, 3, 3])
  browser.tabs[2]?.close()
  await scene.pass(1_000)
  expect(counts()).toEqual([2, 2])
})
