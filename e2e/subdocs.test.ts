import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Server, type ServerOptions, startServer } from '../server/index.ts'
import { makeCertificate } from '../test/certificate.ts'
import { answer } from './bundled-page.ts'
import { pageOf } from './snippet-page.ts'
import { launch } from './window.ts'
import { Workspace, workspacePage } from './workspace-page.ts'

/** Twenty subdocuments in one page, and in several. A browser has six connections to a server over HTTP/1.1. */
const count = 20
const atOnce = 3
/** Of twenty in threes, each two seconds and a little. */
const roundMs = 20_000
const patience = { timeout: 60_000, interval: 100 }
let browser: Browser
let html: string

beforeAll(async () => {
  html = await pageOf(workspacePage)
  browser = await launch()
})
afterAll(() => browser.close())

const serving = async (use: (server: Server) => Promise<void>, options: ServerOptions = {}) => {
  const server = await startServer({ port: 0, store: 'memory', site: () => answer(html), ...options })
  try {
    await use(server)
  } finally {
    await server.close()
  }
}

const open = async ({ url }: Server) => {
  const context = await browser.newContext({ ignoreHTTPSErrors: true })
  return Workspace.open(await context.newPage(), url)
}

/** Somebody else, who made the pages, and has all of them saved. */
const author = async (server: Server): Promise<Workspace> => {
  const ada = await open(server)
  await ada.does(`make(0, ${count})`)
  await ada.does('saved()')
  return ada
}

const expected = (what: string, from = 0, to = count) =>
  Array.from({ length: to - from }, (_, at) => `${what}page ${from + at}`)

const shows = async (who: Workspace, texts: readonly string[], from = 0, to = count) => {
  await vi.waitFor(async () => expect(await who.does(`texts(${from}, ${to})`)).toEqual(texts), patience)
}

const has = (who: Workspace) => vi.waitFor(async () => expect(await who.does('size()')).toBe(count), patience)

const timed = async (what: () => Promise<void>): Promise<number> => {
  const began = performance.now()
  await what()
  return Math.round(performance.now() - began)
}

test('over HTTP/1.1 twenty loaded subdocuments leave the site answering, and take turns that miss nothing', async () => {
  await serving(async server => {
    const ada = await author(server)
    const ben = await open(server)
    await has(ben)
    const loading = await timed(async () => {
      await ben.does(`load(0, ${count})`)
      await shows(ben, expected(''))
    })
    const asking: number[] = []
    for (let asked = 0; asked < 10; asked++) {
      asking.push(await ben.does<number>('ask()'))
      await vi.waitFor(() => expect(ben.live).toBeLessThanOrEqual(atOnce), patience)
    }
    expect(Math.max(...asking)).toBeLessThan(2_000)

    const arriving = await timed(async () => {
      await ada.does(`edit(0, ${count}, 'new ')`)
      await shows(ben, expected('new '))
    })
    expect(arriving).toBeLessThan(roundMs + 10_000)
    const saving = await timed(async () => {
      await ben.does(`edit(19, 20, 'mine ')`)
      await ben.does('savedAt(19)')
    })
    expect(saving).toBeLessThan(2_000)
    // Where a turn is taken by force, the next request may be seen to begin before the last is seen to end.
    expect(Math.max(ada.mostLive, ben.mostLive)).toBeLessThan(count / 2)
    if (process.env['FIGURES'] !== undefined)
      process.stdout.write(
        `20 subdocuments over HTTP/1.1: all loaded in ${loading} ms, 20 remote edits in ${arriving} ms, ` +
          `one of one's own saved in ${saving} ms, the site answers in ${Math.round(Math.max(...asking))} ms\n`,
      )
    expect([...ada.errors, ...ben.errors]).toEqual([])
    for (const { page } of [ada, ben]) await page.context().close()
  })
}, 180_000)

test('tabs of one browser share the turns: each looks at other subdocuments, and all of them answer', async () => {
  await serving(async server => {
    const ada = await author(server)
    const context = await browser.newContext()
    const tabs: Workspace[] = []
    for (let from = 0; from < count; from += 5) {
      const tab = await Workspace.open(await context.newPage(), server.url)
      tabs.push(tab)
      await has(tab)
      await tab.does(`load(${from}, ${from + 5})`)
    }
    for (const [at, tab] of tabs.entries()) {
      await shows(tab, expected('', 5 * at, 5 * at + 5), 5 * at, 5 * at + 5)
      expect(await tab.does<number>('ask()')).toBeLessThan(3_000)
    }
    await ada.does(`edit(0, ${count}, 'new ')`)
    for (const [at, tab] of tabs.entries())
      await shows(tab, expected('new ', 5 * at, 5 * at + 5), 5 * at, 5 * at + 5)
    await vi.waitFor(
      () => expect(tabs.map(({ live }) => live).reduce((a, b) => a + b)).toBeLessThanOrEqual(atOnce),
      patience,
    )
    expect(tabs.flatMap(({ errors }) => errors)).toEqual([])
    await context.close()
    await ada.page.context().close()
  })
}, 180_000)

test('over HTTP/2 all subdocuments are live at once', async () => {
  await serving(
    async server => {
      const ada = await author(server)
      const ben = await open(server)
      await has(ben)
      await ben.does(`load(0, ${count})`)
      await shows(ben, expected(''))
      await vi.waitFor(async () => expect(await ben.does('synceds()')).toBe(count), patience)
      expect(ben.live).toBe(count)
      await ada.does(`edit(0, ${count}, 'new ')`)
      await shows(ben, expected('new '))
      expect(ben.live).toBe(count)
      for (const { page } of [ada, ben]) await page.context().close()
    },
    { tls: await makeCertificate() },
  )
}, 120_000)
