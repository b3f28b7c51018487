import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Server, startServer } from '../server/index.ts'
import { snippet, snippets } from '../test/readme/snippets.ts'
import { answer } from './bundled-page.ts'
import { sorted } from './log.ts'
import { pageOf } from './snippet-page.ts'
import { agree, patience, reads } from './texts.ts'
import { launch } from './window.ts'

/** Each example of docs/editors.md as it stands there, in two windows with a person each. */

const file = 'docs/editors.md'
const pages = new Map<string, string>()
let browser: Browser
let server: Server

beforeAll(async () => {
  const site = ({ url }: Request) => answer(pages.get(new URL(url).pathname) ?? '')
  server = await startServer({ port: 0, store: 'memory', site })
  browser = await launch()
})
afterAll(async () => {
  await browser.close()
  await server.close()
})

const editors = [
  { heading: 'CodeMirror', language: 'ts', editor: '.cm-content', caret: '.cm-ySelectionCaret' },
  { heading: 'ProseMirror', language: 'ts', editor: '.ProseMirror', caret: '.ProseMirror-yjs-cursor' },
  { heading: 'React', language: 'tsx', editor: '.ProseMirror', caret: '.collaboration-carets__caret' },
] as const

/** The people of the two windows; the example is Ada's. */
const people = ['Ada', 'Ben'] as const

class Person {
  readonly page: Page
  readonly #context: BrowserContext
  readonly #editor: string
  readonly #caret: string
  readonly errors: string[] = []

  private constructor(context: BrowserContext, page: Page, editor: string, caret: string) {
    this.#context = context
    this.page = page
    this.#editor = editor
    this.#caret = caret
    page.on('pageerror', error => this.errors.push(error.message))
    page.on('console', message => {
      if (message.type() === 'error' && !message.text().includes('404')) this.errors.push(message.text())
    })
  }

  static async open(url: string, editor: string, caret: string): Promise<Person> {
    const context = await browser.newContext()
    const person = new Person(context, await context.newPage(), editor, caret)
    await person.page.goto(url)
    await person.page.locator(editor).click()
    return person
  }

  /** Without carets, and the name that is in them. */
  text(): Promise<string> {
    return this.page.locator(this.#editor).evaluate((element, caret) => {
      const copy = element.cloneNode(true)
      if (!(copy instanceof Element)) return ''
      for (const one of copy.querySelectorAll(caret)) one.remove()
      return (copy.textContent ?? '').replaceAll('\u2060', '')
    }, this.#caret)
  }

  caretOf(name: string) {
    return this.page.locator(this.#caret, { hasText: name })
  }

  close(): Promise<void> {
    return this.#context.close()
  }
}

describe.each(editors)('the $heading example', ({ heading, language, editor, caret }) => {
  test('is one editor in two windows, with carets, and undo that takes back what was typed in its own', async () => {
    const code = snippet(heading, language, file).replace('http://127.0.0.1:4437', server.url)
    const addresses = await Promise.all(
      people.map(async name => {
        const path = `/${heading}-${name}`
        pages.set(path, await pageOf(code.replace("'Ada'", `'${name}'`), language))
        return server.url + path
      }),
    )
    const [ada, ben] = await Promise.all(addresses.map(url => Person.open(url, editor, caret)))
    if (!ada || !ben) throw new Error('no windows')
    await ada.page.keyboard.type('one ', { delay: 5 })
    await reads(ben, 'one ')
    await ben.caretOf('Ada').waitFor({ state: 'attached' })
    await ben.page.keyboard.press('Control+End')
    await ben.page.keyboard.type('two ', { delay: 5 })
    await reads(ada, 'one two ')
    await ada.caretOf('Ben').waitFor({ state: 'attached' })

    await Promise.all([
      ada.page.keyboard.type('a'.repeat(30), { delay: 2 }),
      ben.page.keyboard.type('b'.repeat(30), { delay: 2 }),
    ])
    expect(sorted(await agree(ada, ben))).toBe(sorted(`one two ${'ab'.repeat(30)}`))

    await vi.waitFor(async () => {
      await ada.page.keyboard.press('Control+z')
      expect(await ada.text()).not.toMatch(/a|one/)
    }, patience)
    await reads(ben, `two ${'b'.repeat(30)}`)
    await ada.page.keyboard.press('Control+y')
    await vi.waitFor(async () => expect(await ben.text()).toContain('one '), patience)

    await ben.close()
    await ada.caretOf('Ben').waitFor({ state: 'detached' })
    expect([...ada.errors, ...ben.errors]).toEqual([])
    await ada.close()
  }, 180_000)
})

test('the React example says how many are here, and when everything is saved', async () => {
  const path = '/React-says'
  const code = snippet('React', 'tsx', file).replace('http://127.0.0.1:4437', server.url)
  pages.set(path, await pageOf(code.replace('my-page', 'says'), 'tsx'))
  const ada = await Person.open(server.url + path, '.ProseMirror', '.collaboration-carets__caret')
  await ada.page.getByText('1 here, all changes saved').waitFor()
  const ben = await Person.open(server.url + path, '.ProseMirror', '.collaboration-carets__caret')
  await ada.page.getByText('2 here, all changes saved').waitFor()
  await ben.close()
  await ada.page.getByText('1 here').waitFor()
  await ada.page.route('**/v1/**', route =>
    route.request().method() === 'POST' ? undefined : route.continue(),
  )
  await ada.page.keyboard.type('x')
  await ada.page.getByText('saving…').waitFor()
  expect([...ada.errors, ...ben.errors]).toEqual([])
  await ada.close()
})

test('an example is at most twenty lines', () => {
  const found = snippets(file)
  expect(found.map(({ heading }) => heading)).toEqual(editors.map(({ heading }) => heading))
  for (const { code } of found) expect(code.split('\n').length).toBeLessThanOrEqual(20)
})
