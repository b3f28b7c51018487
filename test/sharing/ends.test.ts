import { expect, test } from 'vitest'
import { freezes } from '../sim/clock.ts'
import { Scene } from './scene.ts'
import type { Tab } from './tab.ts'

const conditions = (tabs: readonly Tab[]) =>
  tabs.map(({ errors }) => errors.filter(({ fatal }) => fatal).map(({ condition }) => condition))

const stopped = (tabs: readonly Tab[]) => tabs.every(({ provider }) => provider.status === 'disconnected')

test('[T40] a document that is deleted ends every tab by itself, and the group is empty after that', async () => {
  const scene = new Scene()
  const browser = scene.browser()
  const tabs = browser.openMany(4)
  await scene.settle()
  tabs[2]?.type('kept here')
  await scene.settle()
  expect(await scene.operate('DELETE')).toBe(204)
  await scene.until('all stopped', () => stopped(tabs), 60_000)
  expect(conditions(tabs)).toEqual(tabs.map(() => ['deleted']))
  expect(tabs.map(({ provider }) => provider.tabs)).toEqual(tabs.map(() => undefined))
  expect(tabs.map(({ text }) => text)).toEqual(tabs.map(() => 'kept here'))
  expect(tabs.flatMap(({ requests }) => requests).filter(request => request === 'PUT ')).toHaveLength(1)
  // The lock is free: another document of the name is opened by a new tab as if nobody else were there.
  expect(await scene.operate('PUT')).toBe(201)
  const fresh = browser.open()
  await scene.until('the new one is in', () => fresh.provider.synced)
  expect([fresh.text, fresh.leads]).toEqual(['', true])
})

test('[T41] whoever waits to be saved hears that it will not be, in every tab', async () => {
  const scene = new Scene()
  const browser = scene.browser()
  const tabs = browser.openMany(3)
  await scene.settle()
  browser.cut()
  tabs[1]?.type('unsaved')
  await scene.pass(1_000)
  const heard: string[] = []
  for (const { provider } of tabs)
    provider.whenSaved().then(
      () => heard.push('saved'),
      error => heard.push(error.condition),
    )
  expect(await scene.operate('DELETE')).toBe(204)
  browser.mend()
  await scene.until('all heard', () => heard.length === 3, 120_000)
  expect(heard).toEqual(['deleted', 'deleted', 'deleted'])
  expect(stopped(tabs)).toBe(true)
  expect(tabs.map(({ provider, text }) => [provider.saved, text])).toEqual(tabs.map(() => [false, 'unsaved']))
})

test('[T42] a caller that is not let in hears so in every tab, and nobody holds on to anything', async () => {
  const scene = new Scene()
  const browser = scene.browser()
  const credentials = scene.permits.issue('eve')
  scene.permits.expire('eve')
  const tabs = browser.openMany(4, { credentials })
  await scene.until('all stopped', () => stopped(tabs), 60_000)
  await scene.pass(1_000)
  expect(conditions(tabs)).toEqual(tabs.map(() => [expect.stringMatching(/^(unauthorized|forbidden)$/)]))
  expect(browser.holdings).toEqual({ channels: 0, locks: 0 })
})

test('[T43] a document created anew while one tab was frozen is not merged with what that tab has', async () => {
  for (const what of freezes) {
    const scene = new Scene()
    const browser = scene.browser()
    const [first, second] = browser.openMany(2)
    await scene.settle()
    first?.type('old')
    await scene.settle()
    first?.freeze(what)
    expect(await scene.operate('DELETE')).toBe(204)
    await scene.until('the other stopped', () => second?.provider.status === 'disconnected', 60_000)
    expect(await scene.operate('PUT')).toBe(201)
    const fresh = browser.open()
    await scene.until('the new one is in', () => fresh.provider.synced, 60_000)
    fresh.type('new')
    await scene.until('it is saved', () => fresh.provider.synced)
    first?.thaw()
    await scene.until('the old one stopped', () => first?.provider.status === 'disconnected', 60_000)
    await scene.pass(5_000)
    expect(conditions([first, second].flatMap(tab => tab ?? []))).toEqual([['reset'], ['deleted']])
    expect([first?.text, fresh.text]).toEqual(['old', 'new'])
    expect(fresh.provider.synced).toBe(true)
    const reader = scene.browser().open()
    await scene.until('somebody reads it', () => reader.provider.synced)
    expect(reader.text).toBe('new')
  }
})

for (const alone of [true, false]) {
  for (const author of ['itself', 'somebody else']) {
    test(`[T44] a page that slept while its document was created anew, written by ${author}, does not pour the old one into the new (${alone ? 'alone' : 'in a group'})`, async () => {
      const scene = new Scene()
      const browser = scene.browser()
      const tab = browser.open({ tabs: !alone })
      const other = scene.browser().open()
      await scene.settle()
      if (author === 'itself') tab.type('old')
      else other.type('old')
      await scene.settle()
      other.close()
      tab.freeze()
      expect(await scene.operate('DELETE')).toBe(204)
      expect(await scene.operate('PUT')).toBe(201)
      const fresh = scene.browser().open()
      await scene.until('somebody is in the new one', () => fresh.provider.synced)
      fresh.type('new')
      await scene.until('it is saved', () => fresh.provider.synced)
      tab.type('!')
      tab.thaw()
      tab.type('?')
      await scene.until('it stopped', () => tab.provider.status === 'disconnected', 120_000)
      await scene.pass(5_000)
      expect(conditions([tab])).toEqual([['reset']])
      expect(fresh.text).toBe('new')
      expect(tab.text).toBe('old!?')
      expect(tab.provider.saved).toBe(false)
    })
  }
}

test('[T45] a tab that disconnects with something under way, and connects again as a follower, becomes saved, and nothing is there twice', async () => {
  for (const waitMs of [0, 5, 15, 40, 120]) {
    const scene = new Scene({ seed: waitMs + 1, writeMs: 100 })
    const browser = scene.browser()
    const [first, second] = browser.openMany(2)
    await scene.settle()
    first?.type('abc')
    await scene.pass(waitMs)
    first?.provider.disconnect()
    first?.type('def')
    expect(first?.provider.saved).toBe(false)
    second?.type('123')
    await scene.pass(1_000)
    expect(second?.leads).toBe(true)
    first?.provider.connect()
    await scene.settle()
    expect([first?.leads, first?.provider.saved]).toEqual([false, true])
    expect([...scene.logged].sort().join('')).toBe('123abcdef')
    expect(scene.journal.doubled).toEqual([])
    expect(scene.wrong).toEqual([])
  }
})

test('[T46] a provider that is destroyed at any moment leaves no channel, lock or timer behind', async () => {
  for (let ms = 0; ms < 60; ms += 3) {
    const scene = new Scene({ seed: ms + 1 })
    const browser = scene.browser({ presence: true, offline: true })
    const [first, second] = browser.openMany(2)
    await scene.pass(ms)
    first?.close()
    second?.close()
    await scene.pass(60_000)
    expect([first?.life.pending, second?.life.pending]).toEqual([0, 0])
    expect(browser.holdings).toEqual({ channels: 0, locks: 0 })
  }
})
