import { onTestFinished } from 'vitest'
import * as Y from 'yjs'
import { Path } from '../../protocol/index.ts'
import { logStream } from '../../server/yjs/names.ts'
import { Chance } from '../sim/chance.ts'
import { Clock, Life } from '../sim/clock.ts'
import { Disk } from '../sim/disk.ts'
import { Held } from '../sim/held.ts'
import { Journal } from '../sim/journal.ts'
import { type Desk, Line } from '../sim/network.ts'
import { Permits } from '../sim/permits.ts'
import { SimulatedServer } from '../sim/server.ts'
import { Trace } from '../sim/trace.ts'
import { Browser, type BrowserOptions } from './browser.ts'
import { document, type Ground, service } from './ground.ts'
import type { Tab } from './tab.ts'

const documentUrl = `${service}/${Path.documents}/${document.path}`

export interface SceneOptions {
  readonly seed?: number
  /** Milliseconds until an append is durable, at most. */
  readonly writeMs?: number
}

/** A server with one document, browsers that have it open, and an eye on all of them; in a time of their own. */
export class Scene implements Ground {
  readonly clock = new Clock()
  readonly chance: Chance
  readonly journal = new Journal()
  readonly permits = new Permits()
  readonly trace = new Trace(this.clock)
  readonly server: SimulatedServer
  readonly browsers: Browser[] = []
  /** What no tab may do, and did. */
  readonly wrong: string[] = []
  readonly #operator: Desk

  constructor({ seed = 1, writeMs = 2 }: SceneOptions = {}) {
    const { clock, trace, permits } = this
    const chance = new Chance(seed)
    this.chance = chance
    const disk = new Disk((name, { appends = [] }) => {
      if (name === logStream(document)) for (const record of appends) this.journal.append(record)
    })
    this.server = new SimulatedServer({
      plan: {
        document,
        disk: { readMs: 0, writeMs },
        limits: {},
        compactBytes: 1 << 20,
        compactMs: 0,
        graceMs: 10_000,
        trims: false,
      },
      clock,
      disk,
      chance: chance.fork(),
      trace,
      authorize: permits.authorize,
    })
    this.server.start()
    this.#operator = this.line().tab({
      owner: 'operator',
      life: new Life(clock),
    })
    onTestFinished(() => {
      for (const tab of this.tabs) if (tab.present) tab.crash()
      this.server.crash()
    })
  }

  line(): Line {
    const { clock, server, trace, chance } = this
    return new Line({ clock, server, chance: chance.fork(), trace, buffers: false })
  }

  browser(options: BrowserOptions = {}): Browser {
    const browser = new Browser(`browser ${this.browsers.length + 1}`, this, options)
    this.browsers.push(browser)
    return browser
  }

  get tabs(): readonly Tab[] {
    return this.browsers.flatMap(({ tabs }) => tabs)
  }

  get present(): readonly Tab[] {
    return this.tabs.filter(({ present }) => present)
  }

  /** Lets time pass, until `done` came to be. @returns whether it did */
  pass(ms: number, done: () => boolean = () => false): Promise<boolean> {
    return this.clock.run(done, ms, () => this.#inspect())
  }

  /** Lets time pass until `done`. @throws Error when that takes more than `ms` */
  async until(what: string, done: () => boolean, ms = 10_000): Promise<void> {
    if (await this.pass(ms, done)) return
    throw new Error(`not within ${ms} ms: ${what}\n${this.describe()}`)
  }

  /** Until every tab is synced and all have the same text. */
  async settle(ms = 90_000): Promise<void> {
    await this.until('all are synced and equal', () => this.isSettled, ms)
  }

  get isSettled(): boolean {
    const { present } = this
    const texts = new Set(present.map(({ text }) => text))
    return present.every(({ provider }) => provider.synced) && texts.size <= 1
  }

  /** The text that somebody gets who reads the whole log. */
  get logged(): string {
    return this.journal.replay().getText('text').toString()
  }

  /** Something the operator of the server does to the document. @returns the status */
  async operate(method: 'DELETE' | 'PUT'): Promise<number> {
    let status: number | undefined
    void this.#operator.fetch(documentUrl, { method }).then(async answer => {
      await answer.body?.cancel()
      status = answer.status
    })
    await this.until(`${method} is answered`, () => status !== undefined)
    return status ?? 0
  }

  /** For people. */
  describe(): string {
    const lines = this.tabs.map(tab => tab.describe())
    return [...lines, `log: ${JSON.stringify(this.logged)}`, ...this.trace.lines.slice(-8)].join('\n')
  }

  #inspect(): void {
    for (const tab of this.present) {
      const wrong = tab.lie
      if (wrong && !this.wrong.includes(wrong)) this.wrong.push(wrong)
    }
  }

  keeps(doc: Y.Doc): boolean {
    return this.journal.covers(Held.of(Y.encodeStateAsUpdate(doc)))
  }
}
