import type { HeaderFunction, LiveMode } from '../../client/index.ts'
import type { World } from '../../provider/world.ts'
import type { Chance } from './chance.ts'
import { type Beginning, SimulatedClient } from './client.ts'
import { type Clock, freezes, Life } from './clock.ts'
import { Held } from './held.ts'
import type { Journal } from './journal.ts'
import { Line } from './network.ts'
import { SimulatedOrigin } from './origin.ts'
import type { Permits } from './permits.ts'
import type { Reaction } from './reactions.ts'
import type { SimulatedServer } from './server.ts'
import { Shelf, type ShelfPlan } from './shelf.ts'
import type { Trace } from './trace.ts'

export interface BrowserPlan {
  readonly name: string
  /** When its first tab is opened. */
  readonly startMs: number
  /** Tabs at the start. */
  readonly tabs: number
  /** More are not opened. */
  readonly mostTabs: number
  readonly live: LiveMode
  readonly presence: boolean
  readonly begins: Beginning
  readonly reaction: Reaction
  /** How far its wall clock is off. */
  readonly skewMs: number
  /** Whether it keeps the document, and how fast. */
  readonly offline: boolean
  readonly shelf: ShelfPlan
  /** Whether its tabs are to share a connection, and what it has for that. */
  readonly shares: boolean
  readonly has: 'everything' | 'no locks' | 'no channel'
  /** Whether a proxy in front of it holds event streams back. */
  readonly buffers: boolean
  /** Whether it shows credentials. */
  readonly signedIn: boolean
}

export interface BrowserWorld {
  readonly chance: Chance
  readonly clock: Clock
  readonly server: SimulatedServer
  readonly permits: Permits
  readonly journal: Journal
  readonly trace: Trace
  readonly url: string
  readonly document: string
}

export interface Opening {
  readonly begins?: Beginning
  readonly reaction?: Reaction
  /** The tab that is duplicated. */
  readonly like?: SimulatedClient
}

/** What one tab has taken of its browser and not given back. */
interface Holdings {
  channels: number
  locks: number
}

/** A browser on some device: tabs that come and go, and what they share. */
export class SimulatedBrowser {
  readonly plan: BrowserPlan
  readonly line: Line
  readonly shelf: Shelf
  /** All there ever were. */
  readonly tabs: SimulatedClient[] = []
  readonly #world: BrowserWorld
  readonly #chance: Chance
  readonly #origin: SimulatedOrigin
  readonly #holdings = new Map<SimulatedClient, Holdings>()
  readonly #memories = new Map<SimulatedClient, Map<string, string>>()
  #skewMs: number
  /** The latest that its clock was seen to say. */
  #latest = 0
  #credentials: string
  /** Whether its shelf lost anything, or refused to take it. */
  shelfFailed = false
  #hasExpired = false
  #wasDemoted = false
  /** Whether the device runs. */
  isOn = true
  /** Whether it will not be seen again. */
  isGone = false

  constructor(plan: BrowserPlan, world: BrowserWorld) {
    const { clock, server, trace, permits } = world
    const chance = world.chance.fork()
    this.plan = plan
    this.#world = world
    this.#chance = chance
    this.#skewMs = plan.skewMs
    this.#credentials = permits.issue(plan.name)
    this.line = new Line({ clock, server, chance: chance.fork(), trace, buffers: plan.buffers })
    this.shelf = new Shelf(plan.shelf)
    this.#origin = new SimulatedOrigin(clock, chance.fork())
  }

  note(what: string): void {
    this.#world.trace.note(this.plan.name, what)
  }

  /** Those that take part now. */
  get present(): readonly SimulatedClient[] {
    return this.tabs.filter(({ present }) => present)
  }

  /** Whether its tabs share one connection. */
  get shares(): boolean {
    return this.plan.shares && this.plan.has === 'everything'
  }

  /** Opens a tab; with `like`, a duplicate of that one. */
  open(how: Opening = {}): SimulatedClient {
    const { plan } = this
    const { begins = 'empty', reaction = plan.reaction, like } = how
    const { clock, journal, trace, url, document } = this.#world
    const chance = this.#chance.fork()
    const life = new Life(clock)
    const number = this.tabs.length + 1
    const name = number === 1 ? plan.name : `${plan.name}.${number}`
    const memory = new Map(like ? this.#memories.get(like) : [])
    const holdings: Holdings = { channels: 0, locks: 0 }
    const { live, presence, offline, shares: tabs } = plan
    const desk = this.line.tab({ owner: name, life })
    const tab = new SimulatedClient(
      { name, live, presence, begins, reaction, offline, tabs },
      {
        chance,
        clock,
        life,
        desk,
        journal,
        trace,
        url,
        document,
        headers: this.#headers(life, chance.fork()),
        env: {
          now: () => this.#now(),
          memory: memoryOver(memory),
          openLocal: this.shelf.opener(life, clock, chance.fork()),
          ...this.#shared(life, holdings),
        },
        latest: () => Math.max(this.#latest, this.#now()),
        wasReadOnly: () => this.#wasDemoted,
        mark: () => Math.min(journal.frames.length, ...this.#marks(life)),
      },
    )
    this.#memories.set(tab, memory)
    this.#holdings.set(tab, holdings)
    this.tabs.push(tab)
    return tab
  }

  /** One tab crashes. By chance what it had just asked its disk to store is lost. */
  crash(tab: SimulatedClient): void {
    tab.crash()
    if (this.#chance.happens(0.5)) this.shelf.cut(tab.life)
  }

  freeze(tab: SimulatedClient, ms: number): void {
    tab.freeze(this.#chance.oneOf(freezes))
    this.#world.clock.after(ms, () => tab.thaw())
  }

  /** It does not come back: its person said goodbye, or the device is gone. */
  vanish(): void {
    this.isGone = true
    if (this.#chance.happens(0.5)) this.kill()
    else for (const tab of this.present) tab.isInUse ? tab.close() : this.crash(tab)
  }

  /** The device stops between two instants. */
  kill(): void {
    this.isOn = false
    for (const tab of this.present) {
      tab.kill()
      this.shelf.cut(tab.life)
    }
    this.line.kill()
  }

  /** A device that stopped is switched on again, after a while. */
  restart(ms: number): void {
    this.#world.clock.after(ms, () => {
      this.isOn = true
      this.line.restart()
    })
  }

  /** Everything works again, and somebody looks. */
  heal(): void {
    this.isOn = true
    this.line.restart()
    this.line.heal()
    this.shelf.refuses = false
    this.#world.permits.promote(this.plan.name)
    if (this.present.length === 0) this.open()
    for (const tab of this.present) {
      tab.thaw()
      tab.show()
      tab.page.online()
      tab.connect()
    }
    if (this.#wasDemoted) this.#reconnect()
  }

  /** Its credentials end, once. */
  expire(): void {
    if (this.#hasExpired) return
    this.note('has credentials that have ended')
    this.#hasExpired = true
    this.#world.permits.expire(this.plan.name)
  }

  /** It may not write for a while. Who may write again connects again. */
  demote(ms: number): void {
    const { permits, clock } = this.#world
    if (!this.present.some(({ provider }) => provider.synced)) return
    this.note(`may not write for ${ms} ms`)
    this.#wasDemoted = true
    permits.demote(this.plan.name)
    clock.after(ms, () => {
      permits.promote(this.plan.name)
      this.#reconnect()
    })
  }

  #reconnect(): void {
    this.note('may write again')
    for (const tab of this.present) {
      if (!tab.isInUse) continue
      tab.disconnect()
      tab.connect()
    }
  }

  /** The lid is closed, and opened later: nothing ran meanwhile but the clock. */
  sleep(ms: number, skewMs: number): void {
    this.note(`sleeps for ${ms} ms, or ${ms + skewMs} by its clock`)
    for (const tab of this.present) tab.freeze('process')
    this.line.part(ms)
    this.#world.clock.after(ms, () => {
      this.#skewMs += skewMs
      this.wake()
    })
  }

  wake(): void {
    for (const tab of this.present) if (!tab.page.hidden) tab.thaw()
  }

  /** The wall clock is set. */
  setClock(ms: number): void {
    this.note(`has its clock off by ${ms} ms`)
    this.#skewMs = ms
  }

  /** The browser takes back the space that the document has on its disk. */
  evict(): void {
    this.note('loses what it keeps')
    this.shelfFailed = true
    this.shelf.evict()
  }

  /** Some of what it keeps, and what the server has, cannot be read any more. */
  corrupt(): void {
    const { journal } = this.#world
    const count = this.shelf.corrupt(this.#chance, update => journal.covers(Held.of(update)))
    this.note(`cannot read ${count} of the updates it keeps`)
    if (count > 0) this.shelfFailed = true
  }

  /** The disk takes nothing for a while. */
  fill(ms: number): void {
    this.note(`has a full disk for ${ms} ms`)
    this.shelfFailed = true
    this.shelf.refuses = true
    this.#world.clock.after(ms, () => {
      this.shelf.refuses = false
    })
  }

  /** What it holds for tabs that are closed; undefined when nothing. */
  get leftover(): string | undefined {
    for (const [tab, { channels, locks }] of this.#holdings) {
      if (tab.present || tab.life.over) continue
      if (channels > 0) return `${tab.plan.name} left ${channels} channels open`
      if (locks > 0) return `${tab.plan.name} left ${locks} locks held or asked for`
    }
    return undefined
  }

  /** Everything there is for the tabs to share. */
  #shared(life: Life, holdings: Holdings): Pick<World, 'locks' | 'openChannel'> {
    const { has } = this.plan
    const { locks, openChannel } = this.#origin.tab(life)
    return {
      locks:
        has === 'no locks'
          ? undefined
          : {
              request: (name, options, held) => {
                holdings.locks++
                return locks.request(name, options, held).finally(() => holdings.locks--)
              },
            },
      openChannel:
        has === 'no channel'
          ? undefined
          : name => {
              const channel = openChannel(name)
              const close = channel.close.bind(channel)
              let open = true
              holdings.channels++
              channel.close = () => {
                if (open) holdings.channels--
                open = false
                close()
              }
              return channel
            },
    }
  }

  #now(): number {
    const now = this.#world.clock.now() + this.#skewMs
    this.#latest = Math.max(this.#latest, now)
    return now
  }

  #marks(life: Life): number[] {
    return this.shares ? this.present.filter(other => other.life !== life).map(({ mark }) => mark) : []
  }

  /** What the application sends with each request. All tabs have the same credentials, and new ones when they are refused. */
  #headers(life: Life, chance: Chance): HeaderFunction {
    return async ({ refused }) => {
      if (!this.plan.signedIn) return {}
      if (refused) {
        await life.delay(chance.whole(0, 500))
        this.#credentials = this.#world.permits.issue(this.plan.name)
      }
      return { Authorization: this.#credentials }
    }
  }
}

const memoryOver = (kept: Map<string, string>): World['memory'] => ({
  getItem: key => kept.get(key) ?? null,
  setItem: (key, value) => void kept.set(key, value),
  removeItem: key => void kept.delete(key),
})
