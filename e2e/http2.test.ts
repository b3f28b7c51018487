import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { makeCertificate } from '../test/certificate.ts'
import { Service } from './service.ts'
import { patience, reads } from './texts.ts'
import { launch, Window } from './window.ts'

let browser: Browser
let service: Service
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tls-'))
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const made = await makeCertificate()
  await Promise.all([writeFile(cert, made.cert), writeFile(key, made.key)])
  service = await Service.open('--tls-cert', cert, '--tls-key', key)
  browser = await launch()
})
afterAll(async () => {
  await browser.close()
  await service.close()
  await rm(folder, { recursive: true })
})

/** How the page and everything it asked for came. */
const protocols = ({ page }: Window): Promise<string[]> =>
  page.evaluate(() => {
    const entries = performance.getEntries() as PerformanceResourceTiming[]
    return [...new Set(entries.map(({ nextHopProtocol }) => nextHopProtocol).filter(Boolean))]
  })

test('over HTTP/2 eight documents in tabs of one profile are live at once, each over connections of its own', async () => {
  const context = await browser.newContext({ ignoreHTTPSErrors: true })
  const tabs = await Promise.all(
    Array.from({ length: 8 }, (_, at) => Window.openIn(context, `${service.url}/tab-${at}`)),
  )
  for (const [at, tab] of tabs.entries()) await tab.type(`${at} `, 0)
  await Promise.all(tabs.map(tab => tab.says('all changes saved')))
  const others = await browser.newContext({ ignoreHTTPSErrors: true })
  for (const [at, tab] of tabs.entries()) {
    const other = await Window.openIn(others, `${service.url}/tab-${at}`)
    await reads(other, `${at} `)
    await other.type('and on', 0)
    await reads(tab, `${at} and on`)
    await vi.waitFor(async () => expect(await tab.person('').count()).toBe(2), patience)
    await other.page.close()
  }
  for (const tab of tabs) {
    expect(await protocols(tab)).toEqual(['h2'])
    const lives = tab.requests.filter(request => request.startsWith('GET') && request.includes('live=sse'))
    expect(lives.length).toBeGreaterThanOrEqual(2)
    expect(tab.errors).toEqual([])
  }
  await context.close()
  await others.close()
}, 120_000)
