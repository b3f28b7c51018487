import { describe, expect, test } from 'vitest'
import { weathers } from '../sim/weather.ts'
import type { Browser, BrowserOptions } from './browser.ts'
import { remake, visit } from './lives.ts'
import { Scene } from './scene.ts'
import type { Tab } from './tab.ts'

/** A document that somebody else wrote, open in the tabs of a browser. */
const opened = async (options: BrowserOptions, tabs = 1) => {
  const scene = new Scene()
  await visit(scene, 'old')
  const browser = scene.browser(options)
  const open = browser.openMany(tabs)
  await scene.settle()
  // What is kept is kept by then.
  await scene.pass(2_000)
  return { scene, browser, tab: open[0] as Tab, tabs: open }
}

/** The first of its author's, and built on nothing: every document can take it. */
const note = ({ doc }: Tab): void => {
  doc.getMap('notes').set('note', 'mine')
}

const notes = ({ doc }: Tab) => doc.getMap('notes').toJSON()
const mine = { note: 'mine' }

const slow = (ms: number) => ({ ...weathers.calm, latencyMs: [ms, ms] as const })

const ended = (scene: Scene, tab: Tab) =>
  scene.until('it stopped', () => tab.provider.status === 'disconnected', 120_000)

/** The new document has nothing of the old, the old one's tab has all it had, and was told why. */
const expectApart = async (scene: Scene, ...told: readonly Tab[]): Promise<void> => {
  await scene.pass(30_000)
  const reader = await visit(scene)
  expect([reader.text, notes(reader)]).toEqual(['new', {}])
  for (const tab of told) {
    expect(tab.errors.flatMap(({ fatal, condition }) => (fatal ? [condition] : []))).toEqual(['reset'])
    expect([notes(tab), tab.provider.saved]).toEqual([mine, false])
  }
  expect(scene.wrong).toEqual([])
}

describe('An edit that builds on nothing, made by somebody who read the document before it was created anew', () => {
  test('[T80] is not taken by the new one when it is on its way meanwhile, and its author is told', async () => {
    const { scene, browser, tab } = await opened({})
    browser.line.weather = slow(3_000)
    note(tab)
    await remake(scene, 'new')
    const sent = tab.posts.length
    await scene.until('it is answered', () => tab.errors.length > 0, 20_000)
    expect([sent, tab.posts.length]).toEqual([1, 1])
    await ended(scene, tab)
    await expectApart(scene, tab)
  })

  test('[T81] is not taken in any repetition of a request that arrived nowhere', async () => {
    const { scene, browser, tab } = await opened({})
    browser.line.weather = { ...weathers.calm, requestLost: 0.5, reset: 1 }
    browser.cut()
    note(tab)
    await remake(scene, 'new')
    browser.mend()
    await ended(scene, tab)
    await expectApart(scene, tab)
    const [first] = tab.posts
    for (const { id, body } of tab.posts) expect([id, body]).toEqual([first?.id, first?.body])
  })

  const flown = async (browser: Browser, scene: Scene, tab: Tab) => {
    browser.line.weather = { ...weathers.calm, requestLost: 1, reset: 0 }
    note(tab)
    await scene.until('it is kept and sent', () => browser.shelf.flights.size > 0 && tab.posts.length > 0)
    await scene.pass(1_000)
    tab.crash()
    browser.line.weather = weathers.calm
  }

  test('[T82] is not taken when a later visit repeats the request', async () => {
    const { scene, browser, tab } = await opened({ offline: true })
    await flown(browser, scene, tab)
    await remake(scene, 'new')
    const next = browser.open()
    await ended(scene, next)
    await expectApart(scene, next)
    expect(browser.shelf.flights.size).toBe(1)
  })

  test('[T83] is not taken then either where how far was read was lost: the request itself says on what it builds', async () => {
    const { scene, browser, tab } = await opened({ offline: true })
    await flown(browser, scene, tab)
    await remake(scene, 'new')
    browser.shelf.place = undefined
    const next = browser.open()
    await ended(scene, next)
    await expectApart(scene, next)
    expect([next.posts.length, next.posts[0]?.id]).toEqual([1, tab.posts.at(-1)?.id])
    next.provider.connect()
    await ended(scene, next)
    await scene.pass(10_000)
    expect(notes(await visit(scene))).toEqual({})
  })

  test('[T84] is not taken as the last words of a page that had not caught up yet', async () => {
    const { scene, browser, tab } = await opened({ offline: true })
    tab.leave()
    await scene.pass(1_000)
    await remake(scene, 'new')
    browser.line.weather = slow(500)
    const next = browser.open()
    await scene.until('it is loaded, and asks', () => next.leads)
    note(next)
    expect(next.posts).toHaveLength(0)
    next.leave()
    expect(next.posts).toHaveLength(1)
    await expectApart(scene)
    browser.line.weather = weathers.calm
    const last = browser.open()
    await ended(scene, last)
    await expectApart(scene, last)
  })

  test('[T85] is not taken from a tab that followed, and goes on for one that is gone', async () => {
    for (const latencyMs of [0, 3_000]) {
      const { scene, browser, tabs } = await opened({}, 2)
      const [leader, follower] = tabs as [Tab, Tab]
      browser.line.weather = slow(latencyMs)
      leader.freeze()
      note(follower)
      await remake(scene, 'new')
      leader.crash()
      await scene.until('the other leads', () => follower.leads, 20_000)
      await ended(scene, follower)
      await expectApart(scene, follower)
    }
  })

  test('[T86] is not taken as the last words of a tab that has just come to lead', async () => {
    const { scene, browser, tabs } = await opened({}, 2)
    const [leader, follower] = tabs as [Tab, Tab]
    leader.freeze()
    await remake(scene, 'new')
    browser.line.weather = slow(2_000)
    leader.crash()
    await scene.until('the other leads', () => follower.leads, 20_000)
    note(follower)
    follower.leave()
    expect(follower.posts).toHaveLength(1)
    await expectApart(scene)
  })
})

describe('An edit made before anything was read', () => {
  test('[T87] is for the document of that name, whichever it is, and leaves with its page', async () => {
    const scene = new Scene()
    await visit(scene, 'old')
    await remake(scene, 'new')
    const browser = scene.browser()
    browser.line.weather = slow(500)
    const tab = browser.open()
    await scene.pass(100)
    note(tab)
    tab.leave()
    expect(tab.posts).toHaveLength(1)
    await scene.pass(5_000)
    const reader = await visit(scene)
    expect([reader.text, notes(reader)]).toEqual(['new', mine])
  })
})

test('[T88] what builds on a document that lives on is taken from every page that goes, before it caught up or after', async () => {
  for (const isFirst of [true, false]) {
    const { scene, browser, tab } = await opened({ offline: true })
    browser.line.weather = slow(500)
    if (isFirst) tab.leave()
    await scene.pass(1_000)
    const last = isFirst ? browser.open() : tab
    await scene.until('it is loaded, and asks', () => last.leads)
    last.type('er')
    note(last)
    last.leave()
    expect(last.posts).toHaveLength(1)
    await scene.pass(5_000)
    const reader = await visit(scene)
    expect([reader.text, notes(reader)]).toEqual(['older', mine])
    expect(scene.journal.doubled).toEqual([])
    expect(scene.wrong).toEqual([])
  }
})
