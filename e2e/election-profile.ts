import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Browser } from 'playwright-core'
import { vi } from 'vitest'
import { BareProfile, type BareTab } from './bare-profile.ts'
import { bundledPage } from './bundled-page.ts'

/** What a tab told, and when: milliseconds since 1970. */
export interface Told {
  readonly tab: string
  readonly event: string
  readonly at: number
}

/** A tab, and the name under which it tells. */
export interface Candidate {
  readonly name: string
  readonly tab: BareTab
}

/** One browser profile whose tabs elect a leader among them. */
export class ElectionProfile {
  readonly told: Told[] = []
  readonly #server: Server
  readonly #profile: BareProfile
  #tabs = 0

  private constructor(profile: BareProfile, html: string) {
    this.#profile = profile
    this.#server = createServer(async (request, response) => {
      if (request.method === 'POST') this.told.push(JSON.parse(await text(request)))
      response.setHeader('Content-Type', 'text/html; charset=utf-8')
      response.end(html)
    })
  }

  static async open(browser: Browser): Promise<ElectionProfile> {
    const html = await bundledPage(new URL('election-tab.ts', import.meta.url))
    const profile = new ElectionProfile(await BareProfile.open(browser), html)
    await new Promise<void>(resolve => profile.#server.listen(0, '127.0.0.1', resolve))
    return profile
  }

  /** Another tab, once it lives. `query`: what it is to do besides taking part. */
  async tab(query = ''): Promise<Candidate> {
    const name = `tab ${++this.#tabs}`
    const { port } = this.#server.address() as AddressInfo
    const tab = await this.#profile.tab(`http://127.0.0.1:${port}/?name=${encodeURIComponent(name)}&${query}`)
    await this.hears('lives', { tab: name })
    return { name, tab }
  }

  /** Waits until a tab, any if none is named, told this. */
  async hears(event: string, { tab, after = 0 }: { tab?: string; after?: number } = {}): Promise<Told> {
    const fits = (told: Told) =>
      told.event === event && told.at >= after && (tab === undefined || told.tab === tab)
    return vi.waitUntil(() => this.told.find(fits), { timeout: 30_000, interval: 5 })
  }

  async close(): Promise<void> {
    await this.#profile.close()
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }
}
