import { Path } from '../../protocol/index.ts'
import type { Change } from '../../server/store/store.ts'
import { noteCell } from '../../server/streams/record.ts'
import { logStream } from '../../server/yjs/names.ts'
import type { Pointer } from '../../server/yjs/snapshots.ts'
import { type BrowserPlan, SimulatedBrowser } from './browser.ts'
import type { Chance } from './chance.ts'
import type { SimulatedClient } from './client.ts'
import { Clock } from './clock.ts'
import { Disk } from './disk.ts'
import { Journal } from './journal.ts'
import { Permits } from './permits.ts'
import { document, type Plan } from './plan.ts'
import { SimulatedServer } from './server.ts'
import { Trace } from './trace.ts'

const service = `http://sim.example${Path.yjs}${document.service}`
export const documentUrl = `${service}/${Path.documents}/${document.path}`

/** After the last trouble: silence is noticed after 45 s, waits grow to 30 s, and timeouts to 30 s. */
const healMs = 240_000

/** One server, one disk, one document and everybody who edits it, in a time of their own. */
export class Stage {
  readonly plan: Plan
  readonly chance: Chance
  readonly clock = new Clock()
  readonly journal = new Journal()
  readonly trace: Trace
  readonly disk: Disk
  readonly server: SimulatedServer
  readonly permits = new Permits()
  /** Those that have appeared. */
  readonly browsers: SimulatedBrowser[] = []
  /** Where the current snapshot ends. */
  #snapshot = 0

  constructor(plan: Plan, chance: Chance, write?: (line: string) => void) {
    this.plan = plan
    this.chance = chance
    this.trace = new Trace(this.clock, write)
    this.disk = new Disk((name, change) => this.#onCommit(name, change))
    this.server = new SimulatedServer({
      plan: plan.server,
      clock: this.clock,
      disk: this.disk,
      chance: chance.fork(),
      trace: this.trace,
      authorize: plan.browsers.some(({ signedIn }) => signedIn) ? this.permits.authorize : undefined,
    })
  }

  /** Every tab there ever was. */
  get clients(): readonly SimulatedClient[] {
    return this.browsers.flatMap(({ tabs }) => tabs)
  }

  /** Those that take part now. */
  get present(): readonly SimulatedClient[] {
    return this.clients.filter(({ present }) => present)
  }

  get failed(): boolean {
    return this.trace.failure !== undefined
  }

  /** Everybody is synced and holds everything. */
  get rests(): boolean {
    return this.present.every(client => client.provider.synced && client.knowsAll)
  }

  /** A browser appears, with its first tabs. */
  open(plan: BrowserPlan): SimulatedBrowser {
    const browser = new SimulatedBrowser(plan, { ...this, url: service, document: document.path })
    this.browsers.push(browser)
    for (let left = plan.tabs; left > 0; left--)
      browser.open(left === plan.tabs ? { begins: plan.begins } : {})
    return browser
  }

  /** Lets time pass, with an eye on everybody, until `done` or something fails. @returns whether that was in time */
  async pass(ms: number, done: () => boolean = () => false): Promise<boolean> {
    return this.clock.run(
      () => this.failed || done(),
      ms,
      () => {
        for (const { tabs } of this.browsers) for (const tab of tabs) tab.inspect()
      },
    )
  }

  async converge(when: string, ms = healMs): Promise<void> {
    if (await this.pass(ms, () => this.rests)) this.trace.note('all', `converged ${when}`)
    else this.trace.fail(this.#late(), `did not converge within ${ms / 1_000} s ${when}`)
  }

  check(who: string, wrong: string | undefined): void {
    if (wrong !== undefined) this.trace.fail(who, wrong)
  }

  #late(): string {
    const late = this.present.filter(client => !client.provider.synced || !client.knowsAll)
    return late.map(({ plan }) => plan.name).join(', ')
  }

  /** Something became durable. */
  #onCommit(name: string, { appends = [], cells = new Map() }: Change): void {
    if (name !== logStream(document)) return
    for (const record of appends) this.journal.append(record)
    if (appends.length > 0) this.trace.note('disk', `keeps ${this.journal.bytes} bytes`)
    for (const [cell, bytes] of cells) {
      if (bytes && cell.startsWith(noteCell('')))
        this.#onSnapshot(JSON.parse(new TextDecoder().decode(bytes)))
    }
  }

  /** A snapshot was made the current one. */
  #onSnapshot({ position }: Pointer): void {
    this.trace.note('disk', `has a snapshot of ${position} bytes`)
    if (position <= this.#snapshot) this.trace.fail('disk', 'a snapshot was replaced by an older one')
    if (position > this.journal.bytes) this.trace.fail('disk', 'a snapshot holds what is not in the log')
    this.#snapshot = position
  }
}
