import type * as Y from 'yjs'
import { DurableStream, StreamError } from '../client/index.ts'
import { Connection } from './connection.ts'
import type { Emitter } from './emitter.ts'
import { localStoreFailed, ProviderError, passing, unexpected } from './error.ts'
import { createGuard } from './guard.ts'
import { leaveBehind } from './leave-behind.ts'
import { Kept } from './local/kept.ts'
import type { Settings } from './options.ts'
import type { Cue } from './phase.ts'
import { Presence } from './presence/presence.ts'
import { observerThrew, type PresenceProblem, unsendable } from './presence/problem.ts'
import { Replica } from './replica.ts'
import { State } from './state.ts'
import { Group } from './tabs/group.ts'
import { takeTurns } from './turns/take-turns.ts'
import type { Turns } from './turns/turns.ts'
import { wakeable } from './wakeable.ts'

/** What a provider is made of, and which part tells which of what. */
export class Assembly {
  readonly replica: Replica
  readonly connection: Connection
  readonly presence: Presence | undefined
  readonly group: Group | undefined
  readonly kept: Kept | undefined
  readonly turns: Turns | undefined
  readonly state: State
  /** Whatever waits to try again does so now. */
  readonly wake: () => void
  readonly #provider: Emitter
  readonly #settings: Settings

  /** @param provider the origin of what comes from elsewhere, and who tells the app */
  constructor(provider: Emitter, doc: Y.Doc, settings: Settings) {
    const { env, wake } = wakeable(settings.env)
    const { url, headers, awareness, live, create } = settings
    const stream = new DurableStream({ url, headers, env })
    const nearby = {}
    this.wake = wake
    this.#provider = provider
    this.#settings = settings
    this.replica = new Replica({
      doc,
      origin: provider,
      now: env.now,
      onChange: () => {
        this.connection?.nudge()
        if (this.replica.outbox.busy) this.turns?.hurry()
        this.kept?.changed()
        this.state?.tell()
      },
      onEdit: update => this.group?.edit(update),
      onProblem: problem => provider.emit('error', [problem]),
    })
    this.presence =
      awareness &&
      new Presence({
        awareness,
        stream,
        origin: provider,
        nearby,
        live,
        env,
        onProblem: problem => this.#onPresence(problem),
      })
    this.connection = new Connection({
      replica: this.replica,
      presence: this.presence,
      stream,
      env,
      live,
      create,
      flightLog: () => this.kept?.flightLog,
      onCue: cue => this.#onLink(cue),
      onRead: (updates, next) => {
        this.group?.read(updates, next)
        this.kept?.changed()
      },
      onSaved: updates => {
        this.group?.held(updates)
        this.kept?.changed()
        this.state.tell()
      },
      onLacking: () => this.group?.lacking(),
      onProblem: error => {
        const problem = error instanceof StreamError ? passing(error) : error
        this.group?.problem(problem)
        this.report(problem)
      },
      standing: () => this.state.standing,
      onStanding: standing => {
        this.group?.standing(standing)
        this.state.stand(standing)
      },
    })
    this.group = this.#share(nearby)
    this.kept = this.#keep()
    this.turns = settings.turns
      ? takeTurns(settings, this.replica, {
          isCaughtUp: () => this.state.phase === 'live',
          onPause: () => this.#onLink('lost'),
        })
      : undefined
    this.state = new State(provider, this.replica, settings.guard ? createGuard() : undefined)
  }

  /** Tells the app. What is about to be typed must not build on what stays behind. */
  report(error: ProviderError): void {
    const { awareness, env } = this.#settings
    leaveBehind(error.ranges, this.replica.doc, awareness, env.random)
    this.#provider.emit('error', [error])
    const { condition } = error
    if (condition && condition !== 'readonly') this.#provider.emit(condition, [error])
  }

  destroy(): void {
    this.presence?.destroy()
    this.replica.destroy()
    this.state.end()
    void this.kept?.close()
    this.group?.destroy()
  }

  /** With other tabs, where there may be any. */
  #share(nearby: unknown): Group | undefined {
    const { tabs, shared, env, awareness } = this.#settings
    const { locks, openChannel } = env
    if (!tabs || !locks || !openChannel) return undefined
    const group: Group = new Group({
      name: shared,
      locks,
      openChannel,
      env, // a watch is not to be woken
      replica: this.replica,
      awareness,
      origin: this.#provider,
      nearby,
      ages: () => this.presence?.ages ?? new Map(),
      onAges: ages => this.presence?.date(ages),
      onThrown: cause => this.#onPresence(observerThrew(cause)),
      onUnsendable: (client, cause) => this.#onPresence(unsendable(client, undefined, cause)),
      onCue: cue => this.state.cue(cue),
      onFollow: () => this.connection.handOver(),
      onProblem: problem => this.report(new ProviderError(problem.code, problem.message, false, problem)),
      standing: () => this.state.standing,
      onStanding: standing => this.state.stand(standing),
      onTabs: () => this.#provider.emit('tabs', [group.tabs]),
      onDefect: cause => this.#provider.emit('error', [unexpected(cause, false)]),
    })
    return group
  }

  /** In the browser, if told to. */
  #keep(): Kept | undefined {
    const { offline, shared, env } = this.#settings
    const { openLocal } = env
    if (!offline || !openLocal) return undefined
    const kept = new Kept({
      name: shared,
      open: openLocal,
      replica: this.replica,
      env,
      onProblem: cause => this.#provider.emit('error', [localStoreFailed(cause)]),
    })
    void kept.loaded.then(({ flights }) => {
      this.connection.inherit(flights)
      this.#provider.emit('load', [])
    })
    return kept
  }

  #onPresence({ code, message, cause }: PresenceProblem): void {
    this.#provider.emit('error', [new ProviderError(code, message, false, { cause })])
  }

  /** How this tab's own link to the server is doing. */
  #onLink(cue: Cue): void {
    this.group?.link(cue === 'caughtUp' ? 'live' : cue === 'lost' ? 'lost' : 'connecting')
    this.state.cue(cue)
  }
}
