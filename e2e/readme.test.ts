import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Server, startServer } from '../server/index.ts'
import { snippet } from '../test/readme/snippets.ts'
import { answer } from './bundled-page.ts'
import { pageOf } from './snippet-page.ts'
import { patience } from './texts.ts'
import { launch } from './window.ts'

let browser: Browser
let server: Server
let page: string

beforeAll(async () => {
  server = await startServer({ port: 0, store: 'memory', site: () => answer(page) })
  const code = snippet('Add it to an editor', 'ts').replace('http://127.0.0.1:4437', server.url)
  page = await pageOf(code.replace('new Editor({', 'new Editor({ element: document.body,'))
  browser = await launch()
})
afterAll(async () => {
  await browser.close()
  await server.close()
})

test('the ten lines of the README make two editors one', async () => {
  const contexts = await Promise.all([browser.newContext(), browser.newContext()])
  const [ada, ben] = await Promise.all(contexts.map(context => context.newPage()))
  if (!ada || !ben) throw new Error('no pages')
  await Promise.all([ada.goto(server.url), ben.goto(server.url)])
  await ada.locator('.ProseMirror').click()
  await ada.keyboard.type('Ten lines.')
  await ben.locator('.ProseMirror', { hasText: 'Ten lines.' }).waitFor()
  await vi.waitFor(async () => expect(await ada.title()).toBe('All changes saved'), patience)
  await Promise.all(contexts.map(context => context.close()))
})
