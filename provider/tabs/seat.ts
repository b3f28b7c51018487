import { uuid } from '../../client/index.ts'
import { documentReset } from '../error.ts'
import { entriesOfUpdates } from '../log.ts'
import type { Cue } from '../phase.ts'
import { answerWhenAwake } from './awake.ts'
import { Election } from './election.ts'
import { enter, helloOf, learn, welcomeOf } from './handshake.ts'
import { holdLife } from './life.ts'
import { Lineage } from './lineage.ts'
import { isMessage, type Message, type Said, type Tab, type TabLink, type TabsState } from './message.ts'
import type { Channel } from './origin.ts'
import { type Pulse, watch } from './pulse.ts'
import { lifeName, Roster } from './roster.ts'
import type { SeatParts } from './seat-parts.ts'

/** One stay of a tab in a group. */
export class Seat {
  readonly #parts: SeatParts
  readonly #id: string
  readonly #roster: Roster
  readonly #lineage: Lineage
  readonly #election: Election
  readonly #channel: Channel
  readonly #awake: { asked(): void }
  /** Ended by `run`'s signal, or by what went wrong. */
  readonly #stay = new AbortController()
  #failure: unknown
  /** Fires when this tab leads no more; undefined while it does not. */
  #reign: AbortSignal | undefined
  /** The tab whose welcome this one took. */
  #leader: string | undefined
  #pulse: Pulse | undefined
  /** Ends the watch over the leader. */
  #trust: () => void = () => undefined
  #link: TabLink = 'connecting'
  /** How often this tab asked for its leader since it last said hello. */
  #asked = 0
  /** Others watch the lock of a tab they heard of: not before it is held. */
  #mayGreet = false
  /** Those this tab had heard of when it said hello: a leader that names them no more has seen them go. */
  #known: readonly string[] = []

  constructor(parts: SeatParts) {
    const { name, locks, nearby, env, channel } = parts
    this.#parts = parts
    this.#id = uuid(env)
    this.#election = new Election({ locks, name: `${name}:leader` })
    this.#lineage = new Lineage(update => parts.replica.hear(update))
    this.#roster = new Roster({
      name,
      locks,
      nearby,
      onChange: () => parts.onTabs(),
      onGone: id => this.#say({ kind: 'gone', tab: id }),
    })
    this.#awake = answerWhenAwake({
      locks,
      name: `${name}:awake:${this.#id}`,
      signal: this.#stay.signal,
      answer: () => this.tell({ kind: 'here' }),
    })
    this.#channel = channel
    this.#channel.onmessage = ({ data }) => this.#receive(data)
  }

  get tabs(): TabsState {
    return { count: this.#roster.others.length + 1, leading: this.#reign !== undefined }
  }

  /** As `Group.run`. */
  async run(signal: AbortSignal, lead: (reign: AbortSignal) => Promise<void>): Promise<void> {
    const { name, locks } = this.#parts
    const { signal: stay } = this.#stay
    const end = () => this.#stay.abort()
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
    try {
      const alive = holdLife(locks, lifeName(name, this.#id), stay).then(held => {
        this.#mayGreet = held && !stay.aborted
        this.#greet()
      })
      this.#watch()
      await this.#election.run(stay, reign => this.#lead(reign, alive, lead))
      if (this.#failure !== undefined) throw this.#failure
    } finally {
      this.#say({ kind: 'gone', tab: this.#id })
      this.#parts.nearby?.leave()
      this.#mayGreet = false
      this.#stay.abort()
      signal.removeEventListener('abort', end)
      this.#channel.onmessage = null
      this.#channel.close()
    }
  }

  edit(update: Uint8Array): void {
    const leader = this.#reign ? this.#id : this.#leader
    if (this.#isIn && leader !== undefined) this.#say({ kind: 'edit', update, leader })
  }

  presence(update: Uint8Array, nearby: boolean): void {
    if (nearby ? this.#isIn : this.#speaks) this.#say({ kind: 'presence', update, nearby })
  }

  /** The leader's news. */
  tell(news: Said): void {
    if (this.#speaks) this.#say(news)
  }

  setLink(link: TabLink): void {
    this.#link = link
    this.tell({ kind: 'link', link })
  }

  /** Whether this tab leads. While it leaves it forgets whom it saw, which the others had better not hear. */
  get #speaks(): boolean {
    return this.#reign !== undefined && !this.#stay.signal.aborted
  }

  /** Whether what is said here has somebody to go to, who knows what it builds on. */
  get #isIn(): boolean {
    return !this.#stay.signal.aborted && (this.#reign !== undefined || this.#leader !== undefined)
  }

  get #me(): Tab {
    return { id: this.#id, client: this.#parts.nearby?.client }
  }

  #say(said: Said): void {
    this.#channel.postMessage({ ...said, from: this.#id })
  }

  #greet(): void {
    this.#asked = 0
    this.#known = this.#roster.others.map(({ id }) => id)
    if (this.#mayGreet) this.#say(helloOf(this.#parts))
  }

  #ask(): void {
    this.#asked++
    this.#say({ kind: 'ask' })
  }

  async #lead(
    reign: AbortSignal,
    alive: Promise<void>,
    lead: (reign: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const { onCue, onTabs } = this.#parts
    await alive
    if (reign.aborted) return
    this.#reign = reign
    this.#leader = undefined
    this.#trust()
    this.#link = 'connecting'
    this.#lineage.lead(this.#id)
    onCue('lost')
    onCue('retry')
    this.#say({ kind: 'lead' })
    this.#roster.guard(reign)
    onTabs()
    try {
      await lead(reign)
    } catch (error) {
      this.#fail(error)
    }
    this.#reign = undefined
    if (this.#stay.signal.aborted) return
    onCue('lost')
    onTabs()
    this.#watch()
    this.#greet()
  }

  /** Deposes a leader that does not answer, until this tab leads. */
  #watch(): void {
    const { env, onDefect } = this.#parts
    const doubt = new AbortController()
    const end = () => doubt.abort()
    this.#stay.signal.addEventListener('abort', end)
    this.#trust = () => {
      this.#stay.signal.removeEventListener('abort', end)
      end()
    }
    const pulse = watch({
      env,
      signal: doubt.signal,
      ask: () => this.#ask(),
      onSilent: () => this.#election.depose(),
    })
    pulse.over.catch(onDefect)
    this.#pulse = pulse
  }

  #fail(cause: unknown): void {
    this.#failure ??= cause
    this.#stay.abort()
  }

  #receive(data: unknown): void {
    if (!isMessage(data) || this.#stay.signal.aborted) return
    try {
      this.#hear(data)
    } catch (cause) {
      this.#parts.onDefect(cause)
    }
  }

  #hear(message: Message): void {
    const { from } = message
    const { nearby } = this.#parts
    switch (message.kind) {
      case 'hello':
        this.#roster.meet({ id: from, client: message.client })
        nearby?.hear(message.presence, true)
        if (from === this.#leader) {
          // It leads no more: it was frozen, and when it welcomed this tab it did not know yet.
          this.#loseLeader()
          this.#greet()
        }
        if (this.#reign) {
          this.#welcome(from, message)
          this.#say({ kind: 'standing', standing: this.#parts.standing() })
        }
        return
      case 'welcome':
        if (message.to === this.#id) this.#enter(from, message)
        return
      case 'teach':
        // Those who came before this was known here must hear of it.
        if (message.to === this.#id && this.#reign && learn(this.#parts, message)) this.#say({ kind: 'lead' })
        return
      case 'lead':
        this.#pulse?.heard()
        if (this.#reign) return
        this.#loseLeader()
        this.#greet()
        return
      case 'ask':
        if (this.#reign) this.#awake.asked()
        return
      case 'here':
        this.#pulse?.heard()
        if (!this.#isIn && this.#asked > patience) this.#greet() // it did not hear the last time, or was not heard
        return
      case 'edit':
        this.#lineage.heard(message, this.#isIn)
        return
      case 'presence':
        if (message.nearby || from === this.#leader) nearby?.hear(message.update, message.nearby)
        return
      case 'gone':
        this.#roster.forget(message.tab)
        if (message.tab === this.#leader) this.#loseLeader()
        return
      default:
        if (from === this.#leader) this.#follow(message)
    }
  }

  /** What the leader says of the server. */
  #follow(
    news: Extract<Said, { kind: 'read' | 'held' | 'lacking' | 'link' | 'standing' | 'problem' }>,
  ): void {
    const { replica, onCue, onProblem, onStanding, env } = this.#parts
    this.#pulse?.heard()
    switch (news.kind) {
      case 'read':
        replica.read(entriesOfUpdates(news.updates), news.next)
        replica.release()
        return
      case 'held':
        replica.acknowledge(news.updates)
        replica.release()
        return
      case 'lacking':
        replica.ledger.replace(news.ledger)
        replica.reconsider(env.now())
        return
      case 'link':
        onCue(cueOf[news.link])
        return
      case 'standing':
        onStanding(news.standing)
        return
      case 'problem':
        onProblem(news.problem)
    }
  }

  #enter(leader: string, welcome: Extract<Said, { kind: 'welcome' }>): void {
    if (this.#reign) return
    const { onFollow, onCue, onTabs } = this.#parts
    const named = new Set(welcome.tabs.map(({ id }) => id))
    for (const id of this.#known) if (!named.has(id)) this.#roster.forget(id)
    for (const tab of welcome.tabs) if (tab.id !== this.#id) this.#roster.meet(tab)
    onFollow()
    const answer = enter(this.#parts, leader, welcome)
    if (answer === 'reset') {
      this.#fail(documentReset())
      return
    }
    this.#leader = leader
    this.#lineage.follow([leader, ...welcome.leaders])
    if (answer) this.#say(answer)
    this.#pulse?.heard()
    onCue('retry')
    onCue(cueOf[welcome.link])
    onTabs()
  }

  #welcome(to: string, hello: Extract<Said, { kind: 'hello' }>): void {
    const tabs = [...this.#roster.others, this.#me]
    const { leaders } = this.#lineage
    this.#say(welcomeOf(this.#parts, hello, { to, link: this.#link, tabs, leaders }))
  }

  #loseLeader(): void {
    if (this.#leader === undefined) return
    this.#leader = undefined
    this.#parts.onCue('lost')
    this.#parts.onTabs()
  }
}

/** So many questions, half a second apart, a hello may go without an answer: that takes a walk over the document. */
const patience = 2

const cueOf: Readonly<Record<TabLink, Cue>> = { connecting: 'retry', live: 'caughtUp', lost: 'lost' }
