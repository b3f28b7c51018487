import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Browser, CDPSession } from 'playwright-core'
import { vi } from 'vitest'
import { bundledPage } from './bundled-page.ts'

/** What a tab told, and when: milliseconds since 1970. */
export interface Told {
  readonly tab: string
  readonly event: string
  readonly at: number
}

/**
 * One browser profile whose tabs elect a leader among them. They are opened behind Playwright's back: the pages that it
 * knows of are kept visible by its emulation of focus, and a visible page cannot be frozen.
 */
export class ElectionProfile {
  readonly told: Told[] = []
  readonly #server: Server
  readonly #devtools: CDPSession
  readonly #browserContextId: string
  #tabs = 0

  private constructor(devtools: CDPSession, browserContextId: string, html: string) {
    this.#devtools = devtools
    this.#browserContextId = browserContextId
    this.#server = createServer(async (request, response) => {
      if (request.method === 'POST') this.told.push(JSON.parse(await text(request)))
      response.setHeader('Content-Type', 'text/html; charset=utf-8')
      response.end(html)
    })
  }

  static async open(browser: Browser): Promise<ElectionProfile> {
    const html = await bundledPage(fileURLToPath(new URL('election-tab.ts', import.meta.url)))
    const devtools = await browser.newBrowserCDPSession()
    const { browserContextId } = await devtools.send('Target.createBrowserContext')
    const profile = new ElectionProfile(devtools, browserContextId, html)
    await new Promise<void>(resolve => profile.#server.listen(0, '127.0.0.1', resolve))
    return profile
  }

  /** Another tab, once it lives. `query`: what it is to do besides taking part. */
  async tab(query = ''): Promise<Tab> {
    const name = `tab ${++this.#tabs}`
    const { port } = this.#server.address() as AddressInfo
    const { targetId } = await this.#devtools.send('Target.createTarget', {
      url: `http://127.0.0.1:${port}/?name=${encodeURIComponent(name)}&${query}`,
      browserContextId: this.#browserContextId,
    })
    const { sessionId } = await this.#devtools.send('Target.attachToTarget', { targetId, flatten: false })
    await this.hears('lives', { tab: name })
    return new Tab(name, this.#devtools, targetId, sessionId)
  }

  /** Waits until a tab, any if none is named, told this. */
  async hears(event: string, { tab, after = 0 }: { tab?: string; after?: number } = {}): Promise<Told> {
    const fits = (told: Told) =>
      told.event === event && told.at >= after && (tab === undefined || told.tab === tab)
    return vi.waitUntil(() => this.told.find(fits), { timeout: 30_000, interval: 5 })
  }

  async close(): Promise<void> {
    await this.#devtools.send('Target.disposeBrowserContext', { browserContextId: this.#browserContextId })
    await this.#devtools.detach()
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }
}

/** What can be done to one tab from outside. */
export class Tab {
  readonly name: string
  readonly #devtools: CDPSession
  readonly #targetId: string
  readonly #sessionId: string

  constructor(name: string, devtools: CDPSession, targetId: string, sessionId: string) {
    this.name = name
    this.#devtools = devtools
    this.#targetId = targetId
    this.#sessionId = sessionId
  }

  async close(): Promise<void> {
    await this.#devtools.send('Target.closeTarget', { targetId: this.#targetId })
  }

  /** Kills its renderer. */
  crash(): Promise<void> {
    return this.#send('Page.crash')
  }

  freeze(): Promise<void> {
    return this.#send('Page.setWebLifecycleState', { state: 'frozen' })
  }

  thaw(): Promise<void> {
    return this.#send('Page.setWebLifecycleState', { state: 'active' })
  }

  /** Returns when the browser has the command; that it was obeyed shows in what the tabs tell. */
  async #send(method: string, params = {}): Promise<void> {
    const message = JSON.stringify({ id: 1, method, params })
    await this.#devtools.send('Target.sendMessageToTarget', { sessionId: this.#sessionId, message })
  }
}
