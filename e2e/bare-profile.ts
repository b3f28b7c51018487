import type { Browser, CDPSession } from 'playwright-core'
import { vi } from 'vitest'

/**
 * A browser profile that Playwright does not know of: what it knows of it keeps visible by emulating focus, and a visible
 * page cannot be frozen.
 */
export class BareProfile {
  readonly #devtools: CDPSession
  readonly #browserContextId: string

  private constructor(devtools: CDPSession, browserContextId: string) {
    this.#devtools = devtools
    this.#browserContextId = browserContextId
  }

  static async open(browser: Browser): Promise<BareProfile> {
    const devtools = await browser.newBrowserCDPSession()
    const { browserContextId } = await devtools.send('Target.createBrowserContext')
    return new BareProfile(devtools, browserContextId)
  }

  async tab(url: string): Promise<BareTab> {
    const browserContextId = this.#browserContextId
    const { targetId } = await this.#devtools.send('Target.createTarget', { url, browserContextId })
    const { sessionId } = await this.#devtools.send('Target.attachToTarget', { targetId, flatten: false })
    return new BareTab(this.#devtools, targetId, sessionId)
  }

  async close(): Promise<void> {
    await this.#devtools.send('Target.disposeBrowserContext', { browserContextId: this.#browserContextId })
    await this.#devtools.detach()
  }
}

/** A tab in such a profile. What it reads and types are the demo's. */
export class BareTab {
  readonly #devtools: CDPSession
  readonly #targetId: string
  readonly #sessionId: string
  #asked = 0

  constructor(devtools: CDPSession, targetId: string, sessionId: string) {
    this.#devtools = devtools
    this.#targetId = targetId
    this.#sessionId = sessionId
  }

  async close(): Promise<void> {
    await this.#devtools.send('Target.closeTarget', { targetId: this.#targetId })
  }

  /** Kills its renderer, which cannot answer any more: returns when the browser has the command. */
  crash(): Promise<void> {
    return this.#tell(++this.#asked, 'Page.crash')
  }

  freeze(): Promise<unknown> {
    return this.#send('Page.setWebLifecycleState', { state: 'frozen' })
  }

  thaw(): Promise<unknown> {
    return this.#send('Page.setWebLifecycleState', { state: 'active' })
  }

  async type(text: string): Promise<void> {
    await this.#send('Page.bringToFront')
    await this.#evaluate(`document.querySelector('[data-testid=editor]').focus()`)
    await this.#send('Input.insertText', { text })
  }

  text(): Promise<unknown> {
    return this.#evaluate(`document.querySelector('[data-testid=editor]')?.textContent`)
  }

  status(): Promise<unknown> {
    return this.#evaluate(`document.querySelector('[data-testid=status]')?.textContent`)
  }

  /** Whether it holds the connection that it shares with others. */
  leads(): Promise<unknown> {
    return this.#evaluate(`document.querySelector('[data-testid=tabs]')?.dataset.leading === 'true'`)
  }

  async #evaluate(expression: string): Promise<unknown> {
    const { result } = await this.#send('Runtime.evaluate', { expression, returnByValue: true })
    return result?.value
  }

  /** @throws when the tab does not answer */
  async #send(method: string, params = {}): Promise<{ readonly result?: { readonly value?: unknown } }> {
    const id = ++this.#asked
    let heard: string | undefined
    const hear = ({ sessionId, message }: { readonly sessionId: string; readonly message: string }) => {
      if (sessionId === this.#sessionId && JSON.parse(message).id === id) heard = message
    }
    this.#devtools.on('Target.receivedMessageFromTarget', hear)
    try {
      await this.#tell(id, method, params)
      return JSON.parse(await vi.waitUntil(() => heard, { timeout: 10_000, interval: 5 })).result
    } finally {
      this.#devtools.off('Target.receivedMessageFromTarget', hear)
    }
  }

  async #tell(id: number, method: string, params = {}): Promise<void> {
    const message = JSON.stringify({ id, method, params })
    await this.#devtools.send('Target.sendMessageToTarget', { sessionId: this.#sessionId, message })
  }
}
