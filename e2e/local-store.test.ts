import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { localStoreContract } from '../test/contract/local-store.ts'
import { bundledPage } from './bundled-page.ts'
import { launch } from './window.ts'

let browser: Browser
let server: Server
let address: string
let context: BrowserContext

beforeAll(async () => {
  const html = await bundledPage(new URL('local-store-page.ts', import.meta.url))
  server = createServer((_, response) => {
    response.setHeader('Content-Type', 'text/html; charset=utf-8')
    response.end(html)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  browser = await launch()
})
afterAll(async () => {
  await browser.close()
  await new Promise(resolve => server.close(resolve))
})
beforeEach(async () => {
  context = await browser.newContext()
})
afterEach(() => context.close())

const open = async (): Promise<Page> => {
  const page = await context.newPage()
  const devtools = await context.newCDPSession(page)
  await page.exposeFunction('evict', () =>
    devtools.send('Storage.clearDataForOrigin', { origin: address, storageTypes: 'indexeddb' }),
  )
  await page.goto(address)
  return page
}

const names = localStoreContract({
  open: () => Promise.reject(new Error('only the names are wanted here')),
  breakIt: () => Promise.resolve(),
  corrupt: () => Promise.resolve(),
  count: () => Promise.resolve(0),
}).map(({ name }) => name)

for (const name of names) {
  test(`Chromium: ${name}`, async () => {
    const page = await open()
    expect(await page.evaluate(sentence => window.localStorePage.sentence(sentence), name)).toBeUndefined()
  })
}

const type = (tab: Page, letter: string, times: number): Promise<void> =>
  tab.evaluate(([what, often]) => window.localStorePage.type(what, often), [letter, times] as const)

/** Ends the renderer of a tab, as a crash does. */
const kill = async (tab: Page): Promise<void> => {
  const gone = tab.waitForEvent('crash')
  await Promise.all([gone, tab.goto('chrome://crash').catch(() => undefined)])
}

const reopened = async (name: string): Promise<string> => {
  const page = await open()
  await page.evaluate(document => window.localStorePage.open(document), name)
  expect(await page.evaluate(() => window.localStorePage.problems())).toEqual([])
  return page.evaluate(() => window.localStorePage.text())
}

test('twelve tabs of one profile type at once, half of them crash, and what was stored is all there', async () => {
  const letters = [...'abcdefghijkl']
  const tabs = await Promise.all(letters.map(() => open()))
  const crowd = tabs.map((tab, at) => ({ tab, letter: letters[at] ?? '', typed: 0 }))
  await Promise.all(tabs.map(tab => tab.evaluate(() => window.localStorePage.open('crowd'))))
  for (let round = 0; round < 6; round++) {
    const victim = crowd.pop()
    if (!victim) break
    await type(victim.tab, victim.letter, 60)
    await victim.tab.evaluate(() => window.localStorePage.keep())
    const typing = crowd.map(async one => {
      await type(one.tab, one.letter, 60)
      one.typed += 60
    })
    await kill(victim.tab)
    await Promise.all(typing)
    const stored = await crowd[0]?.tab.evaluate(() => window.localStorePage.count('crowd'))
    expect(stored).toBeLessThanOrEqual(500 + 16 * tabs.length)
  }
  for (const { tab } of crowd) {
    await tab.evaluate(() => window.localStorePage.close())
    expect(await tab.evaluate(() => window.localStorePage.problems())).toEqual([])
  }
  const text = await reopened('crowd')
  const countOf = (letter: string) => text.split(letter).length - 1
  expect(crowd.map(({ letter }) => countOf(letter))).toEqual(crowd.map(({ typed }) => typed))
  expect([...'lkjihg'].map(countOf)).toEqual([60, 120, 180, 240, 300, 360])
}, 120_000)

test('what a tab typed just before its renderer crashed is there', async () => {
  const page = await open()
  await page.evaluate(() => window.localStorePage.open('killed'))
  await type(page, 'x', 700)
  await page.evaluate(() => window.localStorePage.keep())
  await type(page, 'y', 8)
  await kill(page)
  expect(await reopened('killed')).toBe(`${'x'.repeat(700)}${'y'.repeat(8)}`)
})

test('a reload with nothing new writes nothing', async () => {
  const page = await open()
  await page.evaluate(() => window.localStorePage.open('reload'))
  await type(page, 'x', 100)
  await page.evaluate(() => window.localStorePage.close())
  const before = await page.evaluate(() => window.localStorePage.count('reload'))
  for (let reload = 0; reload < 5; reload++) {
    await page.reload()
    await page.evaluate(() => window.localStorePage.open('reload'))
    expect(await page.evaluate(() => window.localStorePage.text())).toBe('x'.repeat(100))
    await page.evaluate(() => window.localStorePage.close())
  }
  expect(await page.evaluate(() => window.localStorePage.count('reload'))).toBe(before)
})
