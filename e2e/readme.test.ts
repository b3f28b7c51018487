import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Server, startServer } from '../server/index.ts'
import { snippet } from '../test/readme/snippets.ts'
import { launch } from './window.ts'

let browser: Browser
let server: Server
let page: string

beforeAll(async () => {
  const site = () =>
    new Response(`<!doctype html><title>…</title><body><script type="module">${page}</script>`, {
      headers: { 'Content-Type': 'text/html; charset=utf-8' },
    })
  server = await startServer({ port: 0, store: 'memory', site })
  page = await bundle(snippet('Add it to an editor', 'ts').replace('http://127.0.0.1:4437', server.url))
  browser = await launch()
})
afterAll(async () => {
  await browser.close()
  await server.close()
})

/** Inside the checkout, so that the snippet's imports resolve. */
const bundle = async (code: string): Promise<string> => {
  const folder = await mkdtemp(join(fileURLToPath(new URL('../', import.meta.url)), 'build-readme-'))
  try {
    const file = join(folder, 'snippet.ts')
    await writeFile(file, code.replace('new Editor({', 'new Editor({ element: document.body,'))
    const { outputFiles } = await build({
      entryPoints: [file],
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'browser',
    })
    return (outputFiles[0]?.text ?? '').replaceAll('</script', '<\\/script')
  } finally {
    await rm(folder, { recursive: true })
  }
}

test('the ten lines of the README make two editors one', async () => {
  const contexts = await Promise.all([browser.newContext(), browser.newContext()])
  const [ada, ben] = await Promise.all(contexts.map(context => context.newPage()))
  if (!ada || !ben) throw new Error('no pages')
  await Promise.all([ada.goto(server.url), ben.goto(server.url)])
  await ada.locator('.ProseMirror').click()
  await ada.keyboard.type('Ten lines.')
  await ben.locator('.ProseMirror', { hasText: 'Ten lines.' }).waitFor()
  await vi.waitFor(async () => expect(await ada.title()).toBe('All changes saved'))
  await Promise.all(contexts.map(context => context.close()))
})
