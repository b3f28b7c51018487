import * as Y from 'yjs'
import {
  DurableStreamsProvider,
  ProviderCode,
  type ProviderError,
  type ProviderOptions,
} from '../../provider/index.ts'
import type { Chance } from './chance.ts'
import { type Clock, Life } from './clock.ts'
import { ClockedAwareness } from './clocked-awareness.ts'
import { edit, editTogether, small } from './edits.ts'
import { Held } from './held.ts'
import type { Journal } from './journal.ts'
import { Line } from './network.ts'
import { Page } from './page.ts'
import { type Reaction, react } from './reactions.ts'
import type { SimulatedServer } from './server.ts'
import type { Trace } from './trace.ts'

export interface ClientPlan {
  readonly name: string
  /** When it appears. */
  readonly startMs: number
  readonly live: NonNullable<ProviderOptions['live']>
  readonly presence: boolean
  /** `content`: edited before the provider is made; `offline`: made without connecting, edited, connected later. */
  readonly begins: 'empty' | 'content' | 'offline'
  readonly reaction: Reaction
  /** How far its wall clock is off. */
  readonly skewMs: number
}

export interface ClientWorld {
  readonly chance: Chance
  readonly clock: Clock
  readonly server: SimulatedServer
  readonly journal: Journal
  readonly trace: Trace
  readonly url: string
  readonly document: string
}

/** One browser tab: a document, its provider, and an eye on whether the provider tells the truth. */
export class SimulatedClient {
  readonly plan: ClientPlan
  readonly doc = new Y.Doc()
  readonly line: Line
  readonly life: Life
  readonly provider: DurableStreamsProvider
  readonly awareness: ClockedAwareness | undefined
  readonly page = new Page()
  /** `whenSaved` and `whenSynced` that have not settled. */
  waits = 0
  readonly #world: ClientWorld
  readonly #held = new Held()
  #skewMs: number
  #version = 0
  #savedVersion = 0
  /** How much of the journal was there when this connection was begun, and how much of it was seen in the document. */
  #mark = 0
  #seen = 0
  readonly #told = { saved: true, synced: false, status: 'disconnected' }
  #states = 0
  /** Whether the document holds what the provider was not told of. */
  #unheard = false
  /** Whether its observers still edit. */
  answers = true
  /** Whether it takes part: from its start until it is closed or killed. */
  present = true

  constructor(plan: ClientPlan, world: ClientWorld) {
    const { clock, server, trace, url, document } = world
    const chance = world.chance.fork()
    this.plan = plan
    this.#skewMs = plan.skewMs
    this.#world = world
    this.life = new Life(clock)
    this.doc.clientID = chance.whole(1, 2 ** 31)
    this.doc.on('update', update => {
      this.#version++
      this.#held.add(Held.of(update))
    })
    react(plan.reaction, {
      doc: this.doc,
      chance: chance.fork(),
      remote: () => (this.answers ? this.provider : undefined),
      onReact: what => this.note(`answers a remote change: ${what}`),
    })
    this.line = new Line({ clock, server, chance: chance.fork(), trace, owner: plan.name })
    if (plan.begins === 'content') editTogether(this.doc, chance, chance.whole(1, 10))
    this.awareness = plan.presence ? new ClockedAwareness(this.doc, this.life) : undefined
    const { live } = plan
    this.note(`opens (${plan.begins}, ${live}${plan.presence ? ', present' : ''}, ${plan.reaction})`)
    this.#mark = world.journal.frames.length
    this.provider = this.page.inside(
      () =>
        new DurableStreamsProvider(this.doc, {
          url,
          name: document,
          awareness: this.awareness ?? false,
          live,
          connect: false,
          env: {
            fetch: this.line.fetch,
            now: () => clock.now() + this.#skewMs,
            random: chance.fork().real,
            sleep: this.life.sleep,
          },
        }),
    )
    this.#told.saved = this.provider.saved
    this.#watch()
    if (plan.begins === 'offline') editTogether(this.doc, chance, chance.whole(1, 5))
    else this.connect()
    this.showState()
  }

  note(what: string): void {
    this.#world.trace.note(this.plan.name, what)
  }

  #fail(what: string): void {
    this.#world.trace.fail(this.plan.name, what)
  }

  connect(): void {
    this.note('connects')
    if (this.provider.status === 'disconnected') this.#mark = this.#world.journal.frames.length
    this.provider.connect()
  }

  disconnect(): void {
    this.note('disconnects')
    this.provider.disconnect()
  }

  /** The page goes into the browser's cache and comes back from there later, unless it is gone by then. */
  hide(ms: number): void {
    this.note(`is hidden for ${ms} ms`)
    this.page.hide()
    this.life.after(ms, () => this.show())
  }

  show(): void {
    if (!this.page.hidden) return
    this.note('is shown again')
    this.page.show()
  }

  /** The wall clock is set. */
  setClock(ms: number): void {
    this.note(`has its clock off by ${ms} ms`)
    this.#skewMs = ms
  }

  /** What others should see of it. */
  get state(): Readonly<Record<string, unknown>> {
    return { name: this.plan.name, turn: this.#states }
  }

  showState(): void {
    if (!this.awareness) return
    this.#states++
    this.note(`shows state ${this.#states}`)
    this.awareness.setLocalState(this.state)
  }

  /** Counts a promise until it settles; that it rejects while the provider lives is a failure. */
  wait(kind: 'saved' | 'synced'): void {
    this.waits++
    const promise = kind === 'saved' ? this.provider.whenSaved() : this.provider.whenSynced()
    promise.then(
      () => {
        this.waits--
      },
      error => {
        this.waits--
        if (this.present) this.#fail(`waiting to be ${kind} was rejected: ${error}`)
      },
    )
  }

  /** An edit whose event is lost on its way to the provider. */
  editUnheard(chance: Chance): void {
    const { doc } = this
    const events = doc as { emit(name: string, args: unknown[]): void }
    const emit = events.emit
    events.emit = (name, args) => {
      if (name !== 'update') emit.call(doc, name, args)
    }
    this.note(`edits, and its provider does not hear of it: ${edit(doc, chance, small)}`)
    events.emit = emit
    this.#unheard = true
    this.#version++
    this.#held.add(Held.of(Y.encodeStateAsUpdate(doc)))
  }

  /** The tab is closed in good order. */
  close(): void {
    this.note('closes')
    this.present = false
    this.provider.destroy()
    this.awareness?.destroy()
  }

  /** The device is gone: no goodbye, and what was not saved is lost. */
  kill(): void {
    this.note('is killed')
    this.present = false
    this.line.kill()
    this.life.end()
  }

  /** Whether the document holds everything that is durable. */
  get knowsAll(): boolean {
    return this.#held.covers(this.#world.journal.held)
  }

  /** Whatever the provider says at this moment must be true. Called whenever everything rests. */
  inspect(): void {
    if (!this.present) return
    const { saved, synced, status, unsaved } = this.provider
    if (saved) this.#checkSaved()
    if (saved !== (unsaved === undefined)) this.#fail(`saved is ${saved}, unsaved ${JSON.stringify(unsaved)}`)
    if (synced && !saved) this.#fail('synced without being saved')
    if (synced && status !== 'connected') this.#fail(`synced while ${status}`)
    const told = this.#told
    if (told.saved !== saved || told.synced !== synced || told.status !== status) {
      this.#fail(`${JSON.stringify({ saved, synced, status })} was told as ${JSON.stringify(told)}`)
    }
  }

  #watch(): void {
    const { provider } = this
    provider.on('status', ({ status }) => {
      this.note(`is ${status}`)
      this.#told.status = status
      if (status === 'connecting') this.#mark = this.#world.journal.frames.length
    })
    provider.on('saved', saved => {
      this.note(saved ? 'is saved' : 'is not saved')
      this.#told.saved = saved
      if (saved) this.#checkSaved()
    })
    provider.on('sync', synced => {
      this.note(synced ? 'is synced' : 'is not synced')
      this.#told.synced = synced
      if (synced) this.#unheard = false
      if (synced) this.#checkSynced()
    })
    provider.on('error', error => this.#hearError(error))
    this.doc.on('beforeTransaction', ({ origin, local }) => {
      if (origin === provider && local && !this.#borrows) this.#fail('remote changes came as local ones')
    })
  }

  /** Whether this application's own edits carry the provider as their origin. */
  get #borrows(): boolean {
    return this.plan.reaction === 'borrowedOrigin'
  }

  #hearError(error: ProviderError): void {
    if (error.code === ProviderCode.observerFailed) {
      this.note(error.code)
      if (this.plan.reaction !== 'throwing') this.#fail(`an observer failed: ${error.cause}`)
    } else if (error.fatal || error.code === ProviderCode.unreadableLog) {
      this.#fail(`${error.code}: ${error.message}`)
    } else this.note(`meets ${error.code}`)
  }

  /** Everything the document holds is durable. */
  #checkSaved(): void {
    if (this.#unheard || this.#savedVersion === this.#version) return
    const { journal } = this.#world
    if (journal.covers(this.#held)) this.#savedVersion = this.#version
    else this.#fail(`says saved, but the log lacks ${journal.held.lacking(this.#held)}`)
  }

  /** The document holds everything that was durable when this connection was begun. */
  #checkSynced(): void {
    this.#checkSaved()
    const { journal } = this.#world
    for (; this.#seen < this.#mark; this.#seen++) {
      const frame = journal.frames[this.#seen]
      if (frame && !this.#held.covers(frame.held)) {
        this.#fail(`says synced, but lacks ${this.#held.lacking(frame.held)} of frame ${this.#seen}`)
        return
      }
    }
  }
}
