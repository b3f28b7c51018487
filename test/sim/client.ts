import * as Y from 'yjs'
import type { HeaderFunction, LiveMode } from '../../client/index.ts'
import {
  DurableStreamsProvider,
  ProviderCode,
  type ProviderError,
  type Unsaved,
} from '../../provider/index.ts'
import type { World } from '../../provider/world.ts'
import type { Chance } from './chance.ts'
import type { Clock, Freeze, Life } from './clock.ts'
import { ClockedAwareness } from './clocked-awareness.ts'
import { edit, editTogether, small } from './edits.ts'
import { Held } from './held.ts'
import type { Journal } from './journal.ts'
import type { Desk } from './network.ts'
import { Page } from './page.ts'
import { type Reaction, react } from './reactions.ts'
import type { Trace } from './trace.ts'

/** What is in a document before its tab connects: nothing, content from before there was a provider, or from after. */
export type Beginning = 'empty' | 'content' | 'offline'

export interface ClientPlan {
  readonly name: string
  readonly live: LiveMode
  readonly presence: boolean
  readonly begins: Beginning
  readonly reaction: Reaction
  readonly offline: boolean
  readonly tabs: boolean
}

/** What a tab has of its browser. */
export interface ClientWorld {
  readonly chance: Chance
  readonly clock: Clock
  readonly life: Life
  readonly desk: Desk
  readonly journal: Journal
  readonly trace: Trace
  readonly url: string
  readonly document: string
  readonly headers: HeaderFunction
  readonly env: Pick<World, 'now' | 'memory' | 'locks' | 'openChannel' | 'openLocal'>
  /** The latest that its clock ever was. */
  latest(): number
  /** Whether its rights were ever taken away. */
  wasReadOnly(): boolean
  /** How much of the journal was there when any connection began that this tab may share. */
  mark(): number
}

/** What a provider says of itself by properties, and tells when it changes. */
type Told = {
  -readonly [Key in
    | 'saved'
    | 'synced'
    | 'status'
    | 'readOnly'
    | 'loaded'
    | 'tabs']: DurableStreamsProvider[Key]
}

const say = ({ saved, synced, status, readOnly, loaded, tabs }: Told): Told => ({
  saved,
  synced,
  status,
  readOnly,
  loaded,
  tabs,
})

/** One browser tab: a document, its provider, and an eye on whether the provider tells the truth. */
export class SimulatedClient {
  readonly plan: ClientPlan
  readonly doc = new Y.Doc()
  readonly desk: Desk
  readonly life: Life
  readonly provider: DurableStreamsProvider
  readonly awareness: ClockedAwareness | undefined
  readonly page = new Page()
  /** Under whose names it has written: a provider may give its document another. */
  readonly authors = new Set<number>()
  /** Promises of the provider that have not settled. */
  waits = 0
  /** How often it came to lead its browser's tabs. */
  reigns = 0
  /** How much of the journal was there when this connection was begun. */
  mark = 0
  readonly #world: ClientWorld
  readonly #held = new Held()
  #version = 0
  #savedVersion = 0
  /** How much of the journal was seen in the document. */
  #seen = 0
  readonly #told: Told
  #states = 0
  #leads = false
  /** Whether it hears just now what was said while it was frozen. */
  #isWaking = false
  /** Whether it began a connection while it did. */
  #beganWaking = false
  /** Whether the document holds what the provider was not told of. */
  #unheard = false
  /** Whether its observers still edit. */
  answers = true
  /** Whether it takes part: from its start until it is closed or killed. */
  present = true

  constructor(plan: ClientPlan, world: ClientWorld) {
    const { life, desk, url, document, headers } = world
    const chance = world.chance.fork()
    this.plan = plan
    this.#world = world
    this.life = life
    this.desk = desk
    this.doc.clientID = chance.whole(1, 2 ** 31)
    this.authors.add(this.doc.clientID)
    this.doc.on('update', update => {
      this.authors.add(this.doc.clientID)
      this.#version++
      this.#held.add(Held.of(update))
    })
    react(plan.reaction, {
      doc: this.doc,
      chance: chance.fork(),
      remote: () => (this.answers ? this.provider : undefined),
      onReact: what => this.note(`answers a remote change: ${what}`),
    })
    if (plan.begins === 'content') editTogether(this.doc, chance, chance.whole(1, 10))
    this.awareness = plan.presence ? new ClockedAwareness(this.doc, this.life) : undefined
    const { live, presence, begins, reaction, offline, tabs } = plan
    const features = [begins, live, presence && 'present', offline && 'kept', tabs && 'shared', reaction]
    this.note(`opens (${features.filter(feature => feature !== false).join(', ')})`)
    this.mark = world.mark()
    this.provider = this.page.inside(
      () =>
        new DurableStreamsProvider(this.doc, {
          url,
          name: document,
          awareness: this.awareness ?? false,
          live,
          headers,
          offline,
          tabs,
          connect: false,
          env: { ...world.env, fetch: desk.fetch, random: chance.fork().real, sleep: life.sleep },
        }),
    )
    this.#told = say(this.provider)
    this.#watch()
    if (!this.provider.loaded) this.wait('loaded')
    if (begins === 'offline') editTogether(this.doc, chance, chance.whole(1, 5))
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
    if (this.provider.status === 'disconnected') this.mark = this.#world.mark()
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
    this.#world.clock.after(1, () => {
      if (this.page.hidden) this.freeze('process')
    })
    this.#world.clock.after(ms, () => this.show())
  }

  show(): void {
    if (!this.page.hidden || !this.present) return
    this.thaw()
    this.note('is shown again')
    this.page.show()
  }

  /** Whether a person can do something with it. */
  get isInUse(): boolean {
    return this.present && !this.page.hidden && !this.life.frozen
  }

  /** Nothing runs in the page from now on: no timer, no answer, and no message where its whole process is frozen. */
  freeze(what: Freeze): void {
    if (!this.present || this.life.frozen) return
    this.note(`is frozen with its ${what}`)
    this.life.freeze(what)
  }

  thaw(): void {
    if (!this.present || !this.life.frozen) return
    this.note('is thawed')
    // What its leader said meanwhile it hears first, and is for that instant where its leader was.
    this.#isWaking = true
    this.#world.clock.after(1, () => {
      this.#isWaking = false
      if (this.#beganWaking && this.provider.status === 'connecting') this.mark = this.#world.mark()
      this.#beganWaking = false
    })
    this.life.thaw()
    this.page.resume()
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
  wait(kind: 'saved' | 'synced' | 'loaded'): void {
    this.waits++
    const { provider } = this
    const promises = {
      saved: () => provider.whenSaved(),
      synced: () => provider.whenSynced(),
      loaded: () => provider.whenLoaded(),
    }
    promises[kind]().then(
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
    const events = doc as { emit(name: string, args: readonly unknown[]): void }
    const emit = events.emit
    events.emit = (name, args) => {
      const [update] = args
      if (name !== 'update') emit.call(doc, name, [...args])
      else if (update instanceof Uint8Array) this.#held.add(Held.of(update))
    }
    this.note(`edits, and its provider does not hear of it: ${edit(doc, chance, small)}`)
    events.emit = emit
    this.#unheard = true
    this.#version++
  }

  /** The application is done with the document; the page goes on. */
  close(): void {
    this.note('closes')
    this.present = false
    this.provider.destroy()
    this.awareness?.destroy()
  }

  /** The tab is closed by its user: the page hears of it, may still say something, and is gone. */
  leave(): void {
    this.note('is left')
    this.present = false
    this.page.hide()
    this.#world.clock.after(0, () => this.#end())
  }

  /** The tab crashes: no goodbye. */
  crash(): void {
    this.note('crashes')
    this.#end()
  }

  /** The device is gone: no goodbye, and the server does not hear of it. */
  kill(): void {
    this.note('is killed')
    this.present = false
    this.desk.kill()
    this.life.end()
  }

  #end(): void {
    this.present = false
    this.desk.close()
    this.life.end()
  }

  /** Whether the document holds everything that is durable. */
  get knowsAll(): boolean {
    return this.#held.covers(this.#world.journal.held)
  }

  /** Whatever the provider says at this moment must be true. Called whenever everything rests. */
  inspect(): void {
    if (!this.present) return
    const { saved, synced, status, unsaved, readOnly } = this.provider
    if (saved) this.#checkSaved()
    if (saved !== (unsaved === undefined)) this.#fail(`saved is ${saved}, unsaved ${JSON.stringify(unsaved)}`)
    if (synced && !saved) this.#fail('synced without being saved')
    if (synced && status !== 'connected') this.#fail(`synced while ${status}`)
    if (unsaved) this.#checkUnsaved(unsaved)
    if (readOnly && !this.#world.wasReadOnly()) this.#fail('says that it may not write')
    const [told, is] = [JSON.stringify(this.#told), JSON.stringify(say(this.provider))]
    if (told !== is) this.#fail(`${is} was told as ${told}`)
  }

  #watch(): void {
    const { provider } = this
    provider.on('status', ({ status }) => {
      this.note(`is ${status}`)
      this.#told.status = status
      if (status !== 'connecting') return
      if (this.#isWaking) this.#beganWaking = true
      else this.mark = this.#world.mark()
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
    provider.on('load', () => {
      this.note('is loaded')
      this.#told.loaded = true
    })
    provider.on('readonly', readOnly => {
      this.note(readOnly ? 'may not write' : 'may write')
      this.#told.readOnly = readOnly
    })
    provider.on('tabs', tabs => {
      this.#told.tabs = tabs
      this.note(tabs ? `is one of ${tabs.count} tabs${tabs.leading ? ', and leads' : ''}` : 'is alone')
      // Its connection begins anew, whatever its status was before.
      if (tabs?.leading && !this.#leads) {
        this.reigns++
        this.mark = this.#world.journal.frames.length
      } else if (this.#leads && !tabs?.leading) this.mark = this.#world.mark() // it takes another tab's word again
      this.#leads = tabs?.leading === true
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
      this.#fail(`${error.code}: ${error.message} ${error.cause instanceof Error ? error.cause.stack : ''}`)
    } else this.note(`meets ${error.code}`)
  }

  /** It says since when, and why, and not what cannot be. */
  #checkUnsaved({ since, why }: Unsaved): void {
    const { status } = this.provider
    if (!(since > 0 && since <= this.#world.latest()))
      this.#fail(`is unsaved since ${since}, which is to come`)
    const isPossible = {
      sending: status === 'connected',
      waiting: status === 'connected',
      'read-only': status === 'connected' && this.#world.wasReadOnly(),
      'too-large': false,
      rejected: false,
      offline: status !== 'connected',
      stopped: false,
    }
    if (!isPossible[why]) this.#fail(`is ${status}, and unsaved because ${why}`)
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
    for (; this.#seen < this.mark; this.#seen++) {
      const frame = journal.frames[this.#seen]
      if (frame && !this.#held.covers(frame.held)) {
        this.#fail(`says synced, but lacks ${this.#held.lacking(frame.held)} of frame ${this.#seen}`)
        return
      }
    }
  }
}
