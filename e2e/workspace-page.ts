import type { Page, Request } from 'playwright-core'

/** A page with a document of subdocuments, and what a test does there, as `workspace`. */
export const workspacePage = `
import { DurableStreamsProvider } from 'durable-streams-yjs'
import * as Y from 'yjs'

const doc = new Y.Doc()
const url = location.origin + '/v1/yjs/my-service'
const provider = new DurableStreamsProvider(doc, { url, name: 'workspace', subdocs: true })
const pages = doc.getMap('pages')
const text = at => pages.get(String(at)).getText('t')
const children = () => [...provider.subdocs.values()]
const all = (from, to) => Array.from({ length: to - from }, (_, at) => from + at)
globalThis.workspace = {
  synced: () => provider.whenSynced(),
  saved: () => Promise.all([provider, ...children()].map(one => one.whenSaved())).then(() => undefined),
  make: (from, to) => all(from, to).forEach(at => {
    const page = new Y.Doc({ guid: 'page-' + at })
    pages.set(String(at), page)
    page.getText('t').insert(0, 'page ' + at)
  }),
  load: (from, to) => all(from, to).forEach(at => pages.get(String(at)).load()),
  size: () => pages.size,
  edit: (from, to, what) => all(from, to).forEach(at => text(at).insert(0, what)),
  savedAt: at => provider.subdocs.get('page-' + at).whenSaved(),
  texts: (from, to) => all(from, to).map(at => text(at).toString()),
  synceds: () => children().filter(one => one.synced).length,
  ask: async () => {
    const began = performance.now()
    await (await fetch('/readyz', { cache: 'no-store' })).text()
    return performance.now() - began
  },
}
`

/** The same, seen from the test. */
export class Workspace {
  readonly page: Page
  readonly errors: string[] = []
  /** Live requests of subdocuments that are under way, and the most there ever were at once. */
  live = 0
  mostLive = 0

  private constructor(page: Page) {
    this.page = page
    page.on('pageerror', error => this.errors.push(error.message))
    page.on('request', request => {
      if (!isLive(request.url())) return
      this.live++
      this.mostLive = Math.max(this.mostLive, this.live)
    })
    const ended = (request: Request) => {
      if (isLive(request.url())) this.live--
    }
    page.on('requestfinished', ended)
    page.on('requestfailed', ended)
  }

  static async open(page: Page, url: string): Promise<Workspace> {
    const workspace = new Workspace(page)
    await page.goto(url)
    await workspace.does('synced()')
    return workspace
  }

  /** Evaluates a call of the page's `workspace`. */
  does<Result>(call: string): Promise<Result> {
    return this.page.evaluate(`workspace.${call}`)
  }
}

const isLive = (url: string): boolean => /\/workspace\/page-.*live=/.test(url)
