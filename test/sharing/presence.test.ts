import { describe, expect, test } from 'vitest'
import { PresenceCode } from '../../provider/presence/problem.ts'
import type { Browser } from './browser.ts'
import { Scene } from './scene.ts'
import type { Tab } from './tab.ts'

const names = (tabs: readonly Tab[]) => tabs.map(({ name }) => name).sort()

/** A browser with so many tabs, and a tab of another browser, which all see each other. */
const gathered = async (
  count: number,
  seed = 1,
): Promise<{ scene: Scene; browser: Browser; remote: Tab; tabs: readonly Tab[] }> => {
  const scene = new Scene({ seed })
  const browser = scene.browser({ presence: true })
  const tabs = browser.openMany(count)
  const remote = scene.browser({ presence: true }).open()
  await scene.settle()
  await seen(scene, 'all see all')
  return { scene, browser, remote, tabs }
}

/** Whoever is there sees whoever is there. */
const allSeeAll = (scene: Scene) => {
  const all = names(scene.present)
  return scene.present.every(({ sees }) => sees.join() === all.join())
}

const seen = (scene: Scene, what: string, ms = 3_000) => scene.until(what, () => allSeeAll(scene), ms)

/** Notes whenever `who` sees less than these. */
const watchFlicker = (who: Tab, staying: readonly Tab[]): string[] => {
  const missed: string[] = []
  who.awareness?.on('change', () => {
    for (const name of names(staying)) if (!who.sees.includes(name)) missed.push(name)
  })
  return missed
}

test('[T20] each tab is there once for every other, in this browser and in another', async () => {
  const { scene, remote, tabs } = await gathered(4)
  expect(remote.sees).toEqual(names([...tabs, remote]))
  expect(scene.wrong).toEqual([])
})

test('[T21] a follower’s cursor moves in its browser at once, and elsewhere soon', async () => {
  const { scene, remote, tabs } = await gathered(3)
  const [first, second, third] = tabs
  second?.awareness?.setLocalStateField('at', 7)
  const at = (tab: Tab | undefined) => tab?.awareness?.getStates().get(second?.doc.clientID ?? 0)?.['at']
  await scene.pass(10)
  expect([at(first), at(third)]).toEqual([7, 7])
  await scene.until('it moves elsewhere', () => at(remote) === 7, 500)
  remote.awareness?.setLocalStateField('at', 3)
  const far = (tab: Tab) => tab.awareness?.getStates().get(remote.doc.clientID)?.['at']
  await scene.until('and the other way', () => tabs.every(tab => far(tab) === 3), 500)
})

for (const how of ['close', 'crash', 'leave'] as const) {
  test(`[T22] a follower goes (${how}), and is gone for everybody at once`, async () => {
    const { scene, tabs } = await gathered(3)
    tabs[1]?.[how]()
    await seen(scene, 'it is gone', 1_000)
  })

  test(`[T23] the leader goes (${how}): gone at once, and nobody else is missed by anybody for a moment`, async () => {
    for (const seed of [1, 2, 3]) {
      const { scene, remote, tabs } = await gathered(3, seed)
      const [first, ...staying] = tabs
      const watched = [...staying, remote]
      const missed = watched.map(who => watchFlicker(who, watched))
      first?.[how]()
      await seen(scene, 'the leader is gone', 2_000)
      await scene.pass(60_000)
      expect(allSeeAll(scene)).toBe(true)
      expect(missed.flat()).toEqual([])
    }
  })
}

test('[T24] a leader that is frozen and thawed is missed for a while at most, and nobody else ever', async () => {
  const { scene, remote, tabs } = await gathered(3)
  const [first, ...staying] = tabs
  const watched = [...staying, remote]
  const missed = watched.map(who => watchFlicker(who, watched))
  first?.freeze()
  await scene.pass(60_000)
  first?.thaw()
  await seen(scene, 'all are back', 3_000)
  expect(missed.flat()).toEqual([])
})

test('[T25] a tab that disconnects and connects again is seen by everybody at once, leader or not', async () => {
  for (const at of [0, 1, 2]) {
    const { scene, tabs, remote } = await gathered(3)
    const tab = tabs[at]
    tab?.provider.disconnect()
    const others = [...tabs, remote].filter(other => other !== tab)
    await scene.until(
      'it is gone',
      () => others.every(({ sees }) => sees.join() === names(others).join()),
      1_000,
    )
    tab?.provider.connect()
    await seen(scene, 'it is back', 2_000)
    expect(scene.wrong).toEqual([])
  }
})

test('[T26] a page that comes back from the browser’s cache is seen by everybody at once', async () => {
  for (const at of [0, 1]) {
    const { scene, tabs, remote } = await gathered(3)
    const tab = tabs[at]
    tab?.page.hide()
    const others = [...tabs, remote].filter(other => other !== tab)
    await scene.until(
      'it is gone',
      () => others.every(({ sees }) => sees.join() === names(others).join()),
      1_000,
    )
    tab?.page.show()
    await seen(scene, 'it is back', 2_000)
  }
})

test('[T27] nobody is missed in minutes in which nothing happens', async () => {
  const { scene, tabs, remote } = await gathered(3)
  const everybody = [...tabs, remote]
  const missed = everybody.map(who => watchFlicker(who, everybody))
  await scene.pass(240_000)
  expect(allSeeAll(scene)).toBe(true)
  expect(missed.flat()).toEqual([])
})

test('[T73] who crashed is gone within 30 s, also for a tab that came later and has nobody to ask', async () => {
  const { scene, browser, remote, tabs } = await gathered(1)
  remote.crash()
  await scene.pass(20_000)
  const late = browser.open()
  await scene.until('it is told of everybody', () => late.sees.length === 3, 1_000)
  scene.server.crash()
  for (const tab of tabs) tab.close()
  await scene.until('only itself is left', () => late.sees.join() === late.name, 9_000)
})

test('[T28] a tab that disconnects and connects again in one go is there for everybody, and stays', async () => {
  for (const at of [0, 1, 2]) {
    for (const seed of [1, 2, 3]) {
      const { scene, tabs } = await gathered(3, seed)
      tabs[at]?.provider.disconnect()
      tabs[at]?.provider.connect()
      await scene.pass(2_000)
      expect(scene.present.map(({ sees }) => sees)).toEqual(scene.present.map(() => names(scene.present)))
      await scene.pass(1_000)
      expect(allSeeAll(scene)).toBe(true)
    }
  }
})

describe('What an app does to its own awareness stops neither its tab nor the others:', () => {
  /** Two tabs, one after the other; `spoil` has the first or the second one before it connects. */
  const spoilt = async (at: number, spoil: (tab: Tab) => void) => {
    const scene = new Scene({ seed: 3 })
    const browser = scene.browser({ presence: true })
    const tabs: Tab[] = []
    for (const number of [0, 1]) {
      const tab = browser.open({ connect: false })
      if (number === at) spoil(tab)
      tab.provider.connect()
      await scene.until('it is connected', () => tab.provider.status === 'connected')
      tabs.push(tab)
    }
    await scene.pass(5_000)
    expect(tabs.map(({ provider }) => provider.tabs?.count)).toEqual([2, 2])
    const codes = (tab: Tab | undefined) => [...new Set(tab?.errors.map(({ code }) => code))]
    expect(codes(tabs[1 - at])).toEqual([])
    return { scene, tabs, told: codes(tabs[at]) }
  }

  test.each([0, 1])('[T98] an observer that throws (tab %d)', async at => {
    const { tabs, told } = await spoilt(at, tab =>
      tab.awareness?.on('update', (_: unknown, origin: unknown) => {
        if (origin !== 'local') throw new Error('the app is wrong')
      }),
    )
    expect(told).toEqual([PresenceCode.observerFailed])
    expect(tabs.map(({ sees }) => sees)).toEqual([names(tabs), names(tabs)])
  })

  test('[T98] an observer that throws only when the tab introduces itself', async () => {
    let thrown = false
    const { told } = await spoilt(0, tab =>
      tab.awareness?.on('update', () => {
        if (thrown) return
        thrown = true
        throw new Error('the app is wrong')
      }),
    )
    expect(told).toEqual([PresenceCode.observerFailed])
  })

  test.each([0, 1])('[T99] a state that is no JSON (tab %d)', async at => {
    const { told } = await spoilt(at, tab => tab.awareness?.setLocalState({ name: tab.name, size: 1n }))
    expect(told).toEqual([PresenceCode.stateUnsendable])
  })

  test('[T99] a state that is no JSON any more, and then is again', async () => {
    const { scene, browser, tabs } = await gathered(2)
    const [first] = tabs
    first?.awareness?.setLocalState({ name: first.name, size: 1n })
    const late = browser.open()
    await scene.until('it is welcomed', () => late.provider.tabs?.count === 3)
    first?.awareness?.setLocalState({ name: first.name })
    await seen(scene, 'all see all')
    expect(late.errors).toEqual([])
  })
})
