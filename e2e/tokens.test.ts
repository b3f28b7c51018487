import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Server, startServer } from '../server/index.ts'
import { answer, bundledPage } from './bundled-page.ts'
import { patience } from './texts.ts'
import { launch } from './window.ts'

let browser: Browser
let server: Server
/** What the host of the page gives out, and what the service takes. */
let given = 'first'
let taken = 'first'
let given401 = 0

beforeAll(async () => {
  const html = await bundledPage(new URL('token-page.ts', import.meta.url))
  server = await startServer({
    port: 0,
    store: 'memory',
    site: ({ url }) =>
      new URL(url).pathname === '/token'
        ? new Response(given, { headers: { 'Cache-Control': 'no-store' } })
        : answer(html),
    authorize: ({ request }) => {
      if (request.headers.get('Authorization') === taken) return 'allow'
      given401++
      return 'deny'
    },
  })
  browser = await launch()
})
afterAll(async () => {
  await browser.close()
  await server.close()
})

const add = async (page: Page, words: string): Promise<void> => {
  await page.locator('input').fill(words)
  await page.locator('input').press('Enter')
}
const stands = (page: Page, how: string): Promise<void> =>
  vi.waitFor(async () => expect(await page.title()).toBe(how), patience)

test('a token expires in an open page: its headers function gives the next one, and no edit is lost', async () => {
  const page = await browser.newPage()
  await page.goto(server.url)
  await stands(page, 'connected saved')
  await add(page, 'With the first. ')
  await stands(page, 'connected saved')

  given = 'second'
  taken = 'second'
  const before = given401
  await add(page, 'With the second. ')
  await stands(page, 'connected saved')
  expect(given401).toBe(before)

  // The host gives out what the service does not take any more: the page is told, and keeps what is not saved.
  taken = 'third'
  await add(page, 'Without. ')
  await stands(page, 'stopped UNAUTHORIZED')
  expect(await page.locator('p').textContent()).toBe('With the first. With the second. Without. ')

  given = 'third'
  await page.locator('body').dblclick({ position: { x: 1, y: 1 } })
  await stands(page, 'connected saved')
  const other = await browser.newPage()
  await other.goto(server.url)
  await vi.waitFor(
    async () =>
      expect(await other.locator('p').textContent()).toBe('With the first. With the second. Without. '),
    patience,
  )
  await Promise.all([page.close(), other.close()])
})
