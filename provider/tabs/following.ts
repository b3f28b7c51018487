import { documentReset } from '../error.ts'
import { entriesOfUpdates } from '../log.ts'
import type { Cue } from '../phase.ts'
import { enter, helloOf, isKin } from './handshake.ts'
import { limits } from './limits.ts'
import type { Said, Tab, TabLink } from './message.ts'
import { type Pulse, watch } from './pulse.ts'
import type { Stay } from './seat-parts.ts'

export interface FollowingParts extends Stay {
  /** The leader does not answer. */
  onSilent(): void
  /** There is no following this leader. */
  onFailure(cause: unknown): void
}

/** What the leader says of the server. */
export type News = Extract<Said, { kind: 'read' | 'held' | 'lacking' | 'link' | 'standing' | 'problem' }>

type Welcome = Extract<Said, { kind: 'welcome' }>

/** What a tab does while it does not lead: finds its leader, watches over it, and takes its word for the server's. */
export class Following {
  readonly #parts: FollowingParts
  /** The tab whose welcome this one took. */
  #leader: string | undefined
  #pulse: Pulse | undefined
  /** Ends the watch over the leader; undefined while this tab leads. */
  #trust: (() => void) | undefined
  /** How often this tab asked for its leader since it last said hello. */
  #asked = 0
  /** Others watch the lock of a tab they heard of: not before it is held. */
  #mayGreet = false
  /** How many welcomes in a row, of a leader that is caught up, left open whether it has the same life of the document. */
  #doubts = 0
  /** Those this tab had heard of when it said hello: a leader that names them no more has seen them go. */
  #known: readonly string[] = []

  constructor(parts: FollowingParts) {
    this.#parts = parts
  }

  get leader(): string | undefined {
    return this.#leader
  }

  /** From now on a leader that does not answer is deposed. */
  start(): void {
    const { env, signal, onSilent, onDefect } = this.#parts
    const doubt = new AbortController()
    const end = () => doubt.abort()
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
    this.#trust = () => {
      signal.removeEventListener('abort', end)
      end()
    }
    const pulse = watch({ env, signal: doubt.signal, ask: () => this.#ask(), onSilent })
    pulse.over.catch(onDefect)
    this.#pulse = pulse
  }

  /** This tab leads itself. */
  stop(): void {
    this.#leader = undefined
    this.#trust?.()
    this.#trust = undefined
  }

  /** This tab may be heard of, as long as its lock is held. */
  setMayGreet(may: boolean): void {
    this.#mayGreet = may
  }

  /** Asks whoever leads for a welcome. */
  greet(): void {
    this.#asked = 0
    this.#known = this.#parts.roster.others.map(({ id }) => id)
    if (this.#mayGreet) this.#parts.say(helloOf(this.#parts))
  }

  /** A tab said hello. */
  heardHello(from: string): void {
    if (from !== this.#leader) return
    // It leads no more: it was frozen, and when it welcomed this tab it did not know yet.
    this.#lose()
    this.greet()
  }

  /** A tab leads now, or has heard only now what there is to welcome others with. */
  heardLead(): void {
    this.#pulse?.heard()
    if (!this.#isOn) return
    this.#doubts = 0
    this.#lose()
    this.greet()
  }

  /** There is a leader. */
  heardHere(): void {
    this.#pulse?.heard()
    const waits = this.#isOn && this.#leader === undefined
    if (waits && this.#asked > limits.unansweredAsks) this.greet() // it did not hear the last time, or was not heard
  }

  heardGone(tab: string): void {
    if (tab === this.#leader) this.#lose()
  }

  /** The answer to this tab's hello. Whoever takes over from the leader says so first. */
  heardWelcome(from: string, welcome: Welcome): void {
    if (!this.#isOn || (this.#leader ?? from) !== from) return
    this.#pulse?.heard()
    const kin = this.#judge(welcome)
    if (kin) this.#follow(from, welcome)
    else if (kin === false) this.#parts.onFailure(documentReset())
  }

  /** Who is there, as the leader tells a newcomer: the newcomer's hello may have passed before this tab listened. */
  heardTabs(from: string, tabs: readonly Tab[]): void {
    if (from === this.#leader) this.#meet(tabs)
  }

  heardNews(from: string, news: News): void {
    if (from !== this.#leader) return
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

  get #isOn(): boolean {
    return this.#trust !== undefined
  }

  #follow(from: string, welcome: Welcome): void {
    const { lineage, say, onFollow, onCue, onTabs } = this.#parts
    this.#meetAll(welcome.tabs)
    if (from !== this.#leader) onFollow()
    const answer = enter(this.#parts, from, welcome)
    if (answer) say(answer)
    if (answer?.kind === 'teach') {
      this.greet() // what the leader reads by itself meanwhile may be of another life of the document
      return
    }
    this.#leader = from
    const isComplete = lineage.follow([...welcome.leaders, from])
    onCue('retry')
    onCue(cueOf[welcome.link])
    onTabs()
    if (!isComplete) this.greet()
  }

  /** A leader that found nothing is behind for a while at most, or has a life of the document that is still empty. */
  #judge(welcome: Welcome): boolean | undefined {
    const kin = isKin(this.#parts, welcome)
    if (kin !== undefined) this.#doubts = 0
    else if (welcome.link === 'live') this.#doubts++
    return this.#doubts > limits.doubts ? false : kin
  }

  /** All that are there: of those known before, the others are gone. */
  #meetAll(tabs: readonly Tab[]): void {
    const named = new Set(tabs.map(tab => tab.id))
    for (const known of this.#known) if (!named.has(known)) this.#parts.roster.forget(known)
    this.#meet(tabs)
  }

  #meet(tabs: readonly Tab[]): void {
    const { id, roster } = this.#parts
    for (const tab of tabs) if (tab.id !== id) roster.meet(tab)
  }

  #ask(): void {
    this.#asked++
    this.#parts.say({ kind: 'ask' })
  }

  #lose(): void {
    if (this.#leader === undefined) return
    this.#leader = undefined
    this.#parts.onCue('lost')
    this.#parts.onTabs()
  }
}

const cueOf: Readonly<Record<TabLink, Cue>> = { connecting: 'retry', live: 'caughtUp', lost: 'lost' }
