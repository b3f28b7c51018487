import type { OpenLocalStore } from '../../provider/local/local-store.ts'
import { isMessage, type Message } from '../../provider/tabs/message.ts'
import type { Channel } from '../../provider/tabs/origin.ts'
import { Life } from '../sim/clock.ts'
import type { Line } from '../sim/network.ts'
import { SimulatedOrigin } from '../sim/origin.ts'
import { Shelf } from '../sim/shelf.ts'
import type { Ground } from './ground.ts'
import { Tab, type TabOptions } from './tab.ts'

export interface BrowserOptions {
  /** Whether its tabs keep the document in it. */
  readonly offline?: boolean
  /** Milliseconds that its disk takes at most. */
  readonly readMs?: number
  readonly writeMs?: number
  readonly presence?: boolean
  /** Whether a page may open channels. Default true. */
  readonly channels?: boolean
  /** Instead of its disk. */
  readonly openLocal?: OpenLocalStore
}

/** A browser: one origin with what its tabs share, one disk, one line to the server. */
export class Browser {
  readonly name: string
  readonly options: BrowserOptions
  readonly line: Line
  readonly shelf: Shelf
  readonly origin: SimulatedOrigin
  readonly tabs: Tab[] = []
  /** Whether something in between acknowledges what is written, and throws it away. */
  loses = false
  /** What its tabs have and did not give back. */
  readonly holdings = { channels: 0, locks: 0 }
  /** What a tab was not yet there to hear, by its number. */
  misses: (tab: number, message: Message) => boolean = () => false
  /** What tabs said to each other, in order. */
  readonly said: Message[] = []
  readonly #ground: Ground

  constructor(name: string, ground: Ground, options: BrowserOptions) {
    this.name = name
    this.options = options
    this.#ground = ground
    this.line = ground.line()
    this.shelf = new Shelf({
      readMs: options.readMs ?? 2,
      writeMs: options.writeMs ?? 2,
      mostUpdates: 100,
    })
    this.origin = new SimulatedOrigin(ground.clock, ground.chance.fork())
  }

  open(options: TabOptions = {}): Tab {
    const life = new Life(this.#ground.clock)
    const { locks, openChannel } = this.origin.tab(life)
    const number = this.tabs.length
    const tab = new Tab(`${this.name}, tab ${this.tabs.length + 1}`, {
      ground: this.#ground,
      browser: this,
      life,
      options: { offline: this.options.offline, presence: this.options.presence, ...options },
      locks: {
        request: (name, given, held) => {
          this.holdings.locks++
          return locks.request(name, given, held).finally(() => this.holdings.locks--)
        },
      },
      openChannel: name => {
        if (this.options.channels === false) throw new DOMException('not here', 'SecurityError')
        return this.#overhear(openChannel(name), number)
      },
      openLocal:
        this.options.openLocal ?? this.shelf.opener(life, this.#ground.clock, this.#ground.chance.fork()),
    })
    this.tabs.push(tab)
    return tab
  }

  openMany(count: number, options: TabOptions = {}): readonly Tab[] {
    return Array.from({ length: count }, () => this.open(options))
  }

  get present(): readonly Tab[] {
    return this.tabs.filter(({ present }) => present)
  }

  get leaders(): readonly Tab[] {
    return this.present.filter(({ leads }) => leads)
  }

  /** Its network is gone; requests under way are, too, and the pages notice. */
  cut(): void {
    this.line.part(24 * 3_600_000)
  }

  mend(): void {
    this.line.heal()
    for (const { page } of this.present) page.online()
  }

  count(kind: Message['kind']): number {
    return this.said.filter(message => message.kind === kind).length
  }

  /** @param tab whose channel it is: 0 is the first that was opened */
  #overhear(channel: Channel, tab: number): Channel {
    this.holdings.channels++
    const overheard: Channel = {
      onmessage: null,
      postMessage: message => {
        channel.postMessage(message)
        if (isMessage(message)) this.said.push(message)
      },
      close: () => {
        this.holdings.channels--
        channel.close()
      },
    }
    channel.onmessage = event => {
      if (!isMessage(event.data) || !this.misses(tab, event.data)) overheard.onmessage?.(event)
    }
    return overheard
  }
}
