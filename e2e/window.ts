import {
  type Browser,
  type BrowserContext,
  type CDPSession,
  chromium,
  type Locator,
  type Page,
} from 'playwright-core'
import { findChromium } from './chromium.ts'

/** A real Chromium without a screen and without its own errands on the network. */
export const launch = async (): Promise<Browser> => {
  const executablePath = await findChromium()
  if (!executablePath)
    throw new Error('no Chromium: run the tests with `npm test`, which finds or installs it')
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

/** Tabs in it share storage and connections. */
export const openProfile = (browser: Browser): Promise<BrowserContext> =>
  browser.newContext({ viewport: { width: 1100, height: 760 } })

/** One person's window on a document of the demo, with a storage of its own. */
export class Window {
  readonly page: Page
  readonly #context: BrowserContext
  /** Every request for the document, as `METHOD query`, in order. */
  readonly requests: string[] = []
  readonly errors: string[] = []

  private constructor(context: BrowserContext, page: Page) {
    this.#context = context
    this.page = page
    page.on('request', request => {
      const url = new URL(request.url())
      if (url.pathname.startsWith('/v1/')) this.requests.push(`${request.method()} ${url.search}`)
    })
    page.on('pageerror', error => this.errors.push(error.message))
  }

  static async open(browser: Browser, address: string, person: string): Promise<Window> {
    return Window.openIn(await openProfile(browser), address, person)
  }

  /** Another tab of a profile, which shares storage and connections with the others. Its person keeps their name if none is given. */
  static async openIn(context: BrowserContext, address: string, person?: string): Promise<Window> {
    const window = await Window.visit(context, address)
    await window.says('all changes saved')
    if (person !== undefined) await window.rename(person)
    return window
  }

  /** A tab whose page is there, whatever it says of the service. */
  static async visit(context: BrowserContext, address: string): Promise<Window> {
    const page = await context.newPage()
    const window = new Window(context, page)
    await page.goto(address)
    await window.editor.waitFor()
    return window
  }

  get editor(): Locator {
    return this.page.getByTestId('editor')
  }

  get status(): Locator {
    return this.page.getByTestId('status')
  }

  /** How many tabs share the connection; hidden when there is no other. */
  get tabs(): Locator {
    return this.page.getByTestId('tabs')
  }

  /** Whether this tab holds the connection that it shares with others. */
  async leads(): Promise<boolean> {
    return (await this.tabs.getAttribute('data-leading')) === 'true'
  }

  get banner(): Locator {
    return this.page.getByTestId('banner')
  }

  /** Somebody else's caret; the name beside it is drawn from this attribute. */
  caretOf(person: string): Locator {
    return this.page.locator(`[data-testid=caret][data-name="${person}"]`)
  }

  /** An entry in the list of who is here. */
  person(name: string): Locator {
    return this.page.getByTestId('person').filter({ hasText: name })
  }

  /** Waits until the words under the title contain these. */
  async says(words: string): Promise<void> {
    await this.status.filter({ hasText: new RegExp(words, 'i') }).waitFor()
  }

  async rename(person: string): Promise<void> {
    await this.page.getByTestId('people-button').click()
    await this.page.getByTestId('rename').fill(person)
    await this.page.getByTestId('rename').press('Enter')
    await this.page.keyboard.press('Escape')
  }

  /** Types at the end of the text, like a person. */
  async type(text: string, delayMs = 5): Promise<void> {
    await this.editor.click()
    await this.page.keyboard.press('Control+End')
    await this.page.keyboard.type(text, { delay: delayMs })
  }

  /** The text as people see it, without the names at the carets. */
  text(): Promise<string> {
    return this.editor.evaluate(element => {
      const copy = element.cloneNode(true) as HTMLElement
      for (const caret of copy.querySelectorAll('[data-testid=caret]')) caret.remove()
      return (copy.textContent ?? '').replaceAll('\u2060', '')
    })
  }

  /** A picture, when SCREENSHOTS names a folder for them. */
  async picture(name: string): Promise<void> {
    const folder = process.env['SCREENSHOTS']
    if (folder) await this.page.screenshot({ path: `${folder}/${name}.png` })
  }

  /** What only the developer tools can do to a page. */
  devtools(): Promise<CDPSession> {
    return this.#context.newCDPSession(this.page)
  }

  /** The tab's process is gone at once, as after a crash. */
  async crash(): Promise<void> {
    const gone = this.page.waitForEvent('crash')
    const devtools = await this.devtools()
    devtools.send('Page.crash').catch(() => undefined) // nobody is left to answer
    await gone
  }

  /** Closes the profile. */
  close(): Promise<void> {
    return this.#context.close()
  }
}
