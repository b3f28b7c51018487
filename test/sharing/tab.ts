import * as Y from 'yjs'
import { Header, Query } from '../../protocol/index.ts'
import { DurableStreamsProvider, type ProviderError, type ProviderOptions } from '../../provider/index.ts'
import type { World } from '../../provider/world.ts'
import type { Freeze, Life } from '../sim/clock.ts'
import { ClockedAwareness } from '../sim/clocked-awareness.ts'
import type { Desk, Line } from '../sim/network.ts'
import { Page } from '../sim/page.ts'
import { type Ground, service } from './ground.ts'

export type TabOptions = Pick<ProviderOptions, 'account' | 'name' | 'tabs' | 'connect' | 'create'> & {
  readonly offline?: boolean | undefined
  readonly presence?: boolean | undefined
  /** What is in the document before there is a provider. */
  readonly content?: string
  /** All may do everything without. */
  readonly credentials?: string
}

/** The browser that a tab is in. */
interface Home {
  readonly line: Line
  /** Whether something in between acknowledges what is written, and throws it away. */
  readonly loses: boolean
}

interface TabWorld extends Pick<World, 'locks' | 'openChannel' | 'openLocal'> {
  readonly ground: Ground
  readonly browser: Home
  readonly life: Life
  readonly options: TabOptions
}

/** A write to the document that left a tab. */
interface Post {
  readonly id: string
  readonly body: Uint8Array
}

/** One tab: a document, its provider, and what was seen of both. */
export class Tab {
  readonly name: string
  readonly doc = new Y.Doc()
  readonly page = new Page()
  readonly provider: DurableStreamsProvider
  readonly awareness: ClockedAwareness | undefined
  readonly life: Life
  readonly errors: ProviderError[] = []
  /** Every event, in order. */
  readonly events: string[] = []
  /** Method and query of every request. */
  readonly requests: string[] = []
  readonly posts: Post[] = []
  /** Whether it is neither closed nor dead. */
  present = true
  readonly #ground: Ground
  readonly #browser: Home
  readonly #desk: Desk
  readonly #told = { saved: true, synced: false, status: 'disconnected' }
  #version = 0
  /** The version that is known to be in the log. */
  #checked = -1

  constructor(name: string, { ground, browser, life, options, locks, openChannel, openLocal }: TabWorld) {
    const { offline = false, presence = false, content, credentials, ...rest } = options
    this.name = name
    this.#ground = ground
    this.#browser = browser
    this.life = life
    this.#desk = browser.line.tab({ owner: name, life })
    const chance = ground.chance.fork()
    this.doc.clientID = chance.whole(1, 2 ** 31)
    this.doc.on('update', () => {
      this.#version++
    })
    if (content) this.doc.getText('text').insert(0, content)
    this.awareness = presence ? new ClockedAwareness(this.doc, life) : undefined
    this.awareness?.setLocalState({ name })
    this.provider = this.page.inside(
      () =>
        new DurableStreamsProvider(this.doc, {
          url: service,
          name: 'd',
          awareness: this.awareness ?? false,
          offline,
          ...(credentials && { headers: { Authorization: credentials } }),
          ...rest,
          env: {
            now: () => ground.clock.now(),
            random: chance.fork().real,
            sleep: life.sleep,
            fetch: this.#fetch,
            locks,
            openChannel,
            openLocal,
          },
        }),
    )
    this.#listen()
  }

  readonly #fetch: typeof fetch = (input, init) => {
    const { method = 'GET', headers, body } = init ?? {}
    const { search, searchParams } = new URL(String(input))
    this.requests.push(`${method} ${search}`)
    if (method === 'POST' && !searchParams.has(Query.awareness) && body instanceof Uint8Array) {
      const all = new Headers(headers)
      const id = [Header.producerId, Header.producerEpoch, Header.producerSeq].map(name => all.get(name))
      this.posts.push({ id: id.join(' '), body })
      if (this.#browser.loses) return Promise.resolve(new Response(null, { status: 204 }))
    }
    return this.#desk.fetch(input, init)
  }

  get text(): string {
    return this.doc.getText('text').toString()
  }

  get leads(): boolean {
    return this.provider.tabs?.leading === true
  }

  /** At the end of the text. */
  type(what: string): void {
    const text = this.doc.getText('text')
    text.insert(text.length, what)
  }

  /** The application is done with the document. */
  close(): void {
    this.present = false
    this.provider.destroy()
    this.awareness?.destroy()
  }

  /** Its user closes it. */
  leave(): void {
    this.present = false
    this.page.hide()
    this.#ground.clock.after(0, () => this.crash())
  }

  /** No goodbye. */
  crash(): void {
    this.present = false
    this.#desk.close()
    this.life.end()
  }

  freeze(what?: Freeze): void {
    this.life.freeze(what)
  }

  thaw(): void {
    this.life.thaw()
    this.page.resume()
  }

  /** What of it is not true right now; undefined when everything is. */
  get lie(): string | undefined {
    const { saved, synced, status, unsaved } = this.provider
    if (saved && this.#version !== this.#checked) {
      if (!this.#ground.keeps(this.doc)) return `${this.name} says saved, and it is not`
      this.#checked = this.#version
    }
    if (saved !== (unsaved === undefined)) return `${this.name}: saved is ${saved}, and unsaved is not`
    if (synced && (!saved || status !== 'connected')) return `${this.name} is synced without being saved`
    const told = this.#told
    if (told.saved !== saved || told.synced !== synced || told.status !== status)
      return `${this.name} is ${JSON.stringify({ saved, synced, status })} and told ${JSON.stringify(told)}`
    return undefined
  }

  /** The names of those it sees in the awareness. */
  get sees(): readonly string[] {
    const states = [...(this.awareness?.getStates().values() ?? [])]
    return states.map(({ name }) => String(name)).sort()
  }

  describe(): string {
    const { provider, text, errors } = this
    const { status, saved, synced, tabs } = provider
    const said = errors.map(({ code, message }) => `${code} ${message}`)
    return `${this.name}: ${JSON.stringify({ status, saved, synced, tabs, text, said, sees: this.sees })}`
  }

  #listen(): void {
    const { provider } = this
    this.#told.saved = provider.saved
    this.#told.status = provider.status
    provider.on('status', ({ status }) => {
      this.events.push(status)
      this.#told.status = status
    })
    provider.on('saved', saved => {
      this.events.push(saved ? 'saved' : 'unsaved')
      this.#told.saved = saved
    })
    provider.on('sync', synced => {
      this.events.push(synced ? 'synced' : 'not synced')
      this.#told.synced = synced
    })
    provider.on('load', () => this.events.push('loaded'))
    provider.on('error', error => this.errors.push(error))
  }
}
