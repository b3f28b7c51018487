import type { BrowserContext } from 'playwright-core'
import { expect, vi } from 'vitest'
import { BareProfile, type BareTab } from './bare-profile.ts'
import { readLog, sorted } from './log.ts'
import { test } from './openings.ts'
import { agree, allRead, patience, reads } from './texts.ts'
import { Window } from './window.ts'

/** What two seconds can become where two processors do the work of many browsers. */
const handOver = { timeout: 8_000, interval: 20 }

/** Tabs that share one connection: the first holds it. */
const openTabs = async (
  profile: BrowserContext,
  address: string,
  count: number,
): Promise<[Window, Window, ...Window[]]> => {
  const first = await Window.openIn(profile, address, 'Ada')
  const second = await Window.openIn(profile, address)
  const tabs: [Window, Window, ...Window[]] = [first, second]
  while (tabs.length < count) tabs.push(await Window.openIn(profile, address))
  for (const tab of tabs) await tab.tabs.filter({ hasText: `${count} tabs` }).waitFor()
  expect(await Promise.all(tabs.map(tab => tab.leads()))).toEqual(tabs.map(tab => tab === first))
  return tabs
}

const errorsOf = (tabs: readonly Window[]): string[] => tabs.flatMap(({ errors }) => errors)

const oneLeads = (tabs: readonly { leads(): Promise<unknown> }[]): Promise<void> =>
  vi.waitFor(async () => {
    const leading = await Promise.all(tabs.map(tab => tab.leads()))
    expect(leading.filter(Boolean)).toHaveLength(1)
  }, handOver)

test('twelve tabs over HTTP/1.1 have two live connections, all are live, and the site still answers', async ({
  browser,
  profile,
  service,
  proxy,
}) => {
  const tabs = await openTabs(profile, `${proxy.url}/twelve`, 12)
  const live = () => proxy.underWay.filter(({ line }) => line.includes('live=')).map(({ line }) => line)
  await vi.waitFor(() => expect(live()).toHaveLength(2), patience)
  expect(live().filter(line => line.includes('awareness='))).toHaveLength(1)

  const last = tabs[11] ?? tabs[0]
  await last.type('From the last. ')
  await allRead(tabs, 'From the last. ')
  await tabs[0].type('From the first.')
  await allRead(tabs, 'From the last. From the first.')
  const ben = await Window.open(browser, `${proxy.url}/twelve`, 'Ben')
  const everybody = [ben, ...tabs]
  await vi.waitFor(async () => {
    const states = await Promise.all(everybody.map(tab => tab.status.getAttribute('data-state')))
    expect(states).toEqual(everybody.map(() => 'saved'))
    const seen = await Promise.all(everybody.map(tab => tab.person('').count()))
    expect(seen).toEqual(everybody.map(() => everybody.length))
  }, patience)
  const answerMs = await last.page.evaluate(async () => {
    const began = performance.now()
    const { ok } = await fetch('/healthz')
    return ok ? performance.now() - began : Number.POSITIVE_INFINITY
  })
  // Behind live reads it would wait for about a minute.
  expect(answerMs).toBeLessThan(10_000)
  expect((await readLog(service.url, 'twelve')).written).toBe(sorted('From the last. From the first.'))
  await last.picture('twelve-tabs')
  expect(errorsOf(everybody)).toEqual([])
  await ben.close()
}, 120_000)

test('with the service away tabs see each other at once, also new ones, and all is saved when it is back', async ({
  profile,
  service,
  site,
}) => {
  const tabs = await openTabs(profile, `${site.url}/among`, 2)
  await service.kill()
  await tabs[1].type('Two. ')
  await allRead(tabs, 'Two. ')
  await tabs[0].type('One. ')
  await allRead(tabs, 'Two. One. ')
  for (const tab of tabs) await tab.says('kept in this browser')
  await tabs[1].picture('tabs-away')
  const third = await Window.visit(profile, `${site.url}/among`)
  await reads(third, 'Two. One. ')
  await third.type('Three. ')
  await allRead(tabs, 'Two. One. Three. ')
  await service.start()
  for (const tab of [...tabs, third]) await tab.says('all changes saved')
  expect((await readLog(service.url, 'among')).written).toBe(sorted('Two. One. Three. '))
  expect(errorsOf([...tabs, third])).toEqual([])
})

test('the tab that holds the connection is closed: another one holds it, and is live', async ({
  browser,
  profile,
  site,
}) => {
  const [first, ...rest] = await openTabs(profile, `${site.url}/closed`, 3)
  await first.page.close()
  await oneLeads(rest)
  const ben = await Window.open(browser, `${site.url}/closed`, 'Ben')
  await ben.type('Heard. ')
  await allRead(rest, 'Heard. ')
  for (const tab of rest) {
    await tab.tabs.filter({ hasText: '2 tabs' }).waitFor()
    await tab.says('all changes saved')
    await vi.waitFor(async () => expect(await tab.person('').count()).toBe(3), patience)
  }
  await ben.close()
})

test('the tab that holds the connection is frozen: another one holds it, and it comes back as one that does not', async ({
  browser,
  service,
  site,
}) => {
  const bare = await BareProfile.open(browser)
  const address = `${site.url}/frozen`
  const first = await bare.tab(address)
  await vi.waitFor(async () => expect(await first.status()).toContain('all changes saved'), patience)
  const rest = [await bare.tab(address), await bare.tab(address)]
  for (const tab of rest)
    await vi.waitFor(async () => expect(await tab.status()).toContain('all changes saved'), patience)
  const tabs = [first, ...rest]
  const read = (text: string, by: readonly BareTab[]) =>
    Promise.all(by.map(tab => vi.waitFor(async () => expect(await tab.text()).toContain(text), patience)))
  await vi.waitFor(async () => expect(await first.leads()).toBe(true), patience)

  await first.freeze()
  await oneLeads(rest)
  const ben = await Window.open(browser, address, 'Ben')
  await ben.type('While it slept. ')
  await read('While it slept. ', rest)

  await first.thaw()
  await read('While it slept. ', tabs)
  await vi.waitFor(async () => expect(await first.leads()).toBe(false), patience)
  await first.type('Awake. ')
  await reads(ben, 'Awake. While it slept. ')
  for (const tab of tabs)
    await vi.waitFor(async () => expect(await tab.status()).toContain('all changes saved'), patience)
  expect((await readLog(service.url, 'frozen')).written).toBe(sorted('While it slept. Awake. '))
  await ben.close()
  await bare.close()
})

test('tabs too slow to answer each other take the connection from each other, and end up with one, all live', async ({
  browser,
  profile,
  service,
  site,
}) => {
  const address = `${site.url}/slow`
  const tabs = await openTabs(profile, address, 5)
  const slowDown = async (rate: number) => {
    for (const tab of tabs) await (await tab.devtools()).send('Emulation.setCPUThrottlingRate', { rate })
  }
  const last = tabs[4] ?? tabs[1]
  await slowDown(8)
  await last.type('From the last. ')
  await tabs[0].type('From the first. ')
  await slowDown(1)
  const ben = await Window.open(browser, address, 'Ben')
  await ben.type('Ben was here.')
  const everybody = [ben, ...tabs]
  const text = await agree(...everybody)
  await vi.waitFor(async () => {
    const states = await Promise.all(everybody.map(tab => tab.status.getAttribute('data-state')))
    expect(states).toEqual(everybody.map(() => 'saved'))
  }, patience)
  await oneLeads(tabs)
  const typed = 'From the last. From the first. Ben was here.'
  expect(sorted(text)).toBe(sorted(typed))
  expect((await readLog(service.url, 'slow')).text).toBe(text)
  expect(errorsOf(everybody)).toEqual([])
  await ben.close()
}, 180_000)

test('the tab that holds the connection crashes: another one holds it, and sends what the dead one could not', async ({
  browser,
  profile,
  service,
  site,
}) => {
  const [first, ...rest] = await openTabs(profile, `${site.url}/crash`, 3)
  const ben = await Window.open(browser, `${site.url}/crash`, 'Ben')
  await service.kill()
  await first.type('Last words. ')
  await allRead(rest, 'Last words. ')
  await first.crash()
  await oneLeads(rest)
  await service.start()
  await allRead([...rest, ben], 'Last words. ')
  for (const tab of rest) await tab.says('all changes saved')
  await vi.waitFor(async () => expect(await ben.person('').count()).toBe(3), { ...patience, timeout: 40_000 })
  expect((await readLog(service.url, 'crash')).written).toBe(sorted('Last words. '))
  expect(errorsOf(rest)).toEqual([])
  await ben.close()
}, 90_000)

test('the only tab crashes with the service away: the next visit sends what it could not', async ({
  profile,
  service,
  site,
}) => {
  const address = `${site.url}/only`
  const only = await Window.openIn(profile, address, 'Ada')
  await only.type('Safe. ')
  await only.says('all changes saved')
  await service.kill()
  await only.type('Unsent. ')
  await only.says('kept in this browser')
  await only.crash()
  await service.start()
  const next = await Window.visit(profile, address)
  await reads(next, 'Safe. Unsent. ')
  await next.says('all changes saved')
  expect((await readLog(service.url, 'only')).written).toBe(sorted('Safe. Unsent. '))
  expect(next.errors).toEqual([])
})
