import { uuid } from '../../client/index.ts'
import { awake, awakeName } from './awake.ts'
import { Election } from './election.ts'
import { Following } from './following.ts'
import { Leading } from './leading.ts'
import { holdLife } from './life.ts'
import { Lineage } from './lineage.ts'
import { isMessage, type Message, type Said, type TabLink, type TabsState } from './message.ts'
import type { Channel } from './origin.ts'
import { lifeName, Roster } from './roster.ts'
import type { SeatParts } from './seat-parts.ts'

/** One stay of a tab in a group, which follows or leads. */
export class Seat {
  readonly #parts: SeatParts
  readonly #id: string
  readonly #roster: Roster
  readonly #lineage: Lineage
  readonly #election: Election
  readonly #channel: Channel
  readonly #following: Following
  readonly #leading: Leading
  /** Ended by `run`'s signal, or by what went wrong. */
  readonly #stay = new AbortController()
  #failure: unknown

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
    const stay = {
      ...parts,
      id: this.#id,
      signal: this.#stay.signal,
      roster: this.#roster,
      lineage: this.#lineage,
      say: (said: Said) => this.#say(said),
    }
    this.#leading = new Leading(stay)
    this.#following = new Following({
      ...stay,
      onSilent: () => this.#election.depose(),
      onFailure: cause => this.#fail(cause),
    })
    this.#channel = channel
    this.#channel.onmessage = ({ data }) => this.#receive(data)
  }

  get tabs(): TabsState {
    return { count: this.#roster.others.length + 1, leading: this.#leading.isOn }
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
        this.#following.setMayGreet(held && !stay.aborted)
        this.#following.greet()
      })
      this.#following.start()
      await this.#election.run(stay, reign => this.#lead(reign, alive, lead))
      if (this.#failure !== undefined) throw this.#failure
    } finally {
      this.#say({ kind: 'gone', tab: this.#id })
      this.#parts.nearby?.leave()
      this.#following.setMayGreet(false)
      this.#stay.abort()
      signal.removeEventListener('abort', end)
      this.#channel.onmessage = null
      this.#channel.close()
    }
  }

  edit(update: Uint8Array): void {
    const leader = this.#leader
    if (leader !== undefined) this.#say({ kind: 'edit', update, leader })
  }

  presence(update: () => Uint8Array, nearby: boolean): void {
    if (nearby ? this.#leader !== undefined : this.#leading.isOn && !this.#stay.signal.aborted)
      this.#say({ kind: 'presence', update: update(), nearby })
  }

  /** The leader's news. */
  tell(news: Said): void {
    this.#leading.tell(news)
  }

  setLink(link: TabLink): void {
    this.#leading.setLink(link)
  }

  /** Undefined while what is said here has nobody to go to who knows what it builds on. */
  get #leader(): string | undefined {
    if (this.#stay.signal.aborted) return undefined
    return this.#leading.isOn ? this.#id : this.#following.leader
  }

  #say(said: Said): void {
    this.#channel.postMessage({ ...said, from: this.#id })
  }

  async #lead(
    reign: AbortSignal,
    alive: Promise<void>,
    lead: (reign: AbortSignal) => Promise<void>,
  ): Promise<void> {
    await alive
    const { locks, env } = this.#parts
    // This may be old news to a tab that was frozen: another one took the lead meanwhile.
    await awake({ locks, env, name: awakeName(this.#parts.name, this.#id) }).catch(() => undefined)
    if (reign.aborted) return
    this.#following.stop()
    await this.#leading.run(reign, lead).catch(cause => this.#fail(cause))
    if (this.#stay.signal.aborted) return
    this.#parts.onCue('lost')
    this.#parts.onTabs()
    this.#following.start()
    this.#following.greet()
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
        this.#following.heardHello(from)
        this.#leading.heardHello(from, message)
        return
      case 'welcome':
        if (message.to === this.#id) this.#following.heardWelcome(from, message)
        else this.#following.heardTabs(from, message.tabs)
        return
      case 'teach':
        if (message.to === this.#id) this.#leading.heardTeach(message)
        return
      case 'lead':
        this.#following.heardLead()
        return
      case 'ask':
        this.#leading.heardAsk()
        return
      case 'here':
        this.#following.heardHere()
        return
      case 'edit':
        this.#lineage.heard(message, this.#leader !== undefined)
        return
      case 'presence':
        if (message.nearby || from === this.#following.leader) nearby?.hear(message.update, message.nearby)
        return
      case 'gone':
        this.#roster.forget(message.tab)
        this.#following.heardGone(message.tab)
        this.#leading.heardGone(message.tab)
        return
      default:
        this.#following.heardNews(from, message)
    }
  }
}
