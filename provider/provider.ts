import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import { DurableStream, StreamError } from '../client/index.ts'
import { Connection } from './connection.ts'
import { Emitter } from './emitter.ts'
import { localStoreFailed, ProviderError, passing, refusalOf, unexpected } from './error.ts'
import { createGuard } from './guard.ts'
import { leaveBehind } from './leave-behind.ts'
import { Kept } from './local/kept.ts'
import { type ProviderOptions, settle } from './options.ts'
import { listenToPage } from './page.ts'
import type { Cue, Status } from './phase.ts'
import { Presence } from './presence/presence.ts'
import { reached } from './reached.ts'
import { Replica } from './replica.ts'
import { State } from './state.ts'
import { Subdocs } from './subdocs.ts'
import { Group } from './tabs/group.ts'
import type { TabsState } from './tabs/message.ts'
import { takeTurns } from './turns/take-turns.ts'
import type { Turns } from './turns/turns.ts'
import type { Unsaved } from './unsaved.ts'
import { wakeable } from './wakeable.ts'

/**
 * Keeps a Y.Doc and its awareness in step with a document on a Durable Streams server. Remote changes are transactions
 * whose origin is the provider. Needs no page; in one, it also minds the page coming and going, shares its connection with
 * other tabs, and keeps the document in the browser if told to.
 */
export class DurableStreamsProvider extends Emitter {
  readonly doc: Y.Doc
  readonly awareness: Awareness | undefined
  readonly #replica: Replica
  readonly #connection: Connection
  readonly #presence: Presence | undefined
  readonly #group: Group | undefined
  readonly #kept: Kept | undefined
  readonly #state: State
  readonly #random: () => number
  readonly #turns: Turns | undefined
  readonly #subdocs: Subdocs<DurableStreamsProvider> | undefined
  /** In the reverse order of making. */
  readonly #endings: (() => void)[] = []
  #session: AbortController | undefined
  /** What it was stopped by, until it connects again. */
  #stopped: ProviderError | undefined

  /** @throws TypeError as `settle` of the options */
  constructor(doc: Y.Doc, options: ProviderOptions = {}) {
    super()
    const settings = settle(doc, options)
    const { env, wake } = wakeable(settings.env)
    const { url, headers, awareness, ownsAwareness, live, create, shared } = settings
    const { locks, openChannel, openLocal } = settings.env
    const stream = new DurableStream({ url, headers, env })
    const nearby = {}
    this.doc = doc
    this.#random = env.random
    this.awareness = awareness
    this.#replica = new Replica({
      doc,
      origin: this,
      now: env.now,
      onChange: () => {
        this.#connection?.nudge()
        if (this.#replica.outbox.busy) this.#turns?.hurry()
        this.#kept?.changed()
        this.#state?.tell()
      },
      onEdit: update => this.#group?.edit(update),
      onProblem: problem => this.emit('error', [problem]),
    })
    this.#presence =
      awareness &&
      new Presence({
        awareness,
        stream,
        origin: this,
        nearby,
        live,
        env,
        onProblem: ({ code, message, cause }) =>
          this.emit('error', [new ProviderError(code, message, false, { cause })]),
      })
    this.#connection = new Connection({
      replica: this.#replica,
      presence: this.#presence,
      stream,
      env,
      live,
      create,
      flightLog: () => this.#kept?.flightLog,
      onCue: cue => this.#onLeaderCue(cue),
      onRead: (updates, next) => {
        this.#group?.read(updates, next)
        this.#kept?.changed()
      },
      onSaved: updates => {
        this.#group?.held(updates)
        this.#kept?.changed()
        this.#state.tell()
      },
      onLacking: () => this.#group?.lacking(),
      onProblem: error => {
        const problem = error instanceof StreamError ? passing(error) : error
        this.#group?.problem(problem)
        this.#report(problem)
      },
      standing: () => this.#state.standing,
      onStanding: standing => {
        this.#group?.standing(standing)
        this.#state.stand(standing)
      },
    })
    if (settings.tabs && locks && openChannel) {
      const group = new Group({
        name: shared,
        locks,
        openChannel,
        env: settings.env, // a watch is not to be woken
        replica: this.#replica,
        awareness,
        origin: this,
        nearby,
        onCue: cue => this.#state.cue(cue),
        onFollow: () => this.#connection.handOver(),
        onProblem: problem => this.#report(new ProviderError(problem.code, problem.message, false, problem)),
        standing: () => this.#state.standing,
        onStanding: standing => this.#state.stand(standing),
        onTabs: () => this.emit('tabs', [this.tabs]),
        onDefect: cause => this.emit('error', [unexpected(cause, false)]),
      })
      this.#group = group
      this.#endings.push(() => group.destroy())
    }
    if (settings.offline && openLocal) {
      const kept = new Kept({
        name: shared,
        open: openLocal,
        replica: this.#replica,
        env: settings.env,
        onProblem: cause => this.emit('error', [localStoreFailed(cause)]),
      })
      this.#kept = kept
      void kept.loaded.then(({ flights }) => {
        this.#connection.inherit(flights)
        this.emit('load', [])
      })
      this.#endings.push(() => void kept.close())
    }
    if (settings.turns) {
      this.#turns = takeTurns(settings, this.#replica, {
        isCaughtUp: () => this.#state.phase === 'live',
        onPause: () => this.#onLeaderCue('lost'),
      })
    }
    if (settings.subdocs) {
      const open = (subdoc: Y.Doc, given: ProviderOptions) => new DurableStreamsProvider(subdoc, given)
      this.#subdocs = new Subdocs({ parent: this, options, name: settings.name, random: env.random, open })
      this.#endings.push(() => this.#subdocs?.destroy())
    }
    this.#state = new State(this, this.#replica, settings.guard ? createGuard() : undefined)
    this.#endings.push(() => this.#state.end())
    const onDocDestroy = () => this.destroy()
    doc.on('destroy', onDocDestroy)
    this.#endings.push(
      () => doc.off('destroy', onDocDestroy),
      () => this.#replica.destroy(),
      () => this.#presence?.destroy(),
      listenToPage({ wake, leave: () => this.#leavePage(), comeBack: () => this.#comeBack() }),
    )
    if (ownsAwareness) this.#endings.push(() => awareness?.destroy())
    if (options.connect !== false) this.connect()
  }

  get status(): Status {
    return this.#state.status
  }

  /** Every local edit is durable on the server. */
  get saved(): boolean {
    return this.#state.saved
  }

  /** Local edits that are not, and why; or undefined. */
  get unsaved(): Unsaved | undefined {
    return this.#state.unsaved
  }

  /** The server takes no edits of this caller's, as far as is known: local ones are kept, and sent when it does. */
  get readOnly(): boolean {
    return this.#state.readOnly
  }

  /** Caught up with the server on this connection, and saved. */
  get synced(): boolean {
    return this.#state.synced
  }

  /** What was kept in the browser is in the document. Without `offline` nothing is waited for. */
  get loaded(): boolean {
    return !this.#replica.loading
  }

  /** How many tabs share the connection; undefined when this one shares it with none, or is not connected. */
  get tabs(): TabsState | undefined {
    return this.#group?.tabs
  }

  /** The providers of the subdocuments that are loaded, by guid; without the option `subdocs` there are none. */
  get subdocs(): ReadonlyMap<string, DurableStreamsProvider> {
    return this.#subdocs?.providers ?? new Map()
  }

  /** Resolves when `synced` is true, at once if it is; rejects with what stopped the provider, a ProviderError. */
  whenSynced(): Promise<void> {
    return reached(this, 'sync', () => this.synced, this.#stopped)
  }

  /** Resolves when `saved` is true, at once if it is; rejects with what stopped the provider, a ProviderError. */
  whenSaved(): Promise<void> {
    return reached(this, 'saved', () => this.saved, this.#stopped)
  }

  /** Resolves when `loaded` is true, at once if it is; rejects when the provider is destroyed before. */
  whenLoaded(): Promise<void> {
    return reached(this, 'load', () => this.loaded)
  }

  /** Connects and stays connected until told otherwise. Does nothing when it already is. */
  connect(): void {
    this.#subdocs?.connect()
    const { phase } = this.#state
    if (phase !== 'idle' && phase !== 'stopped') return
    this.#stopped = undefined
    this.#state.cue('connect')
    this.#start()
  }

  /** Lets go of the server. Edits are kept in the document and sent on the next `connect`. */
  disconnect(): void {
    this.#subdocs?.disconnect()
    this.#end()
    this.#stopped = undefined
    this.#state.cue('disconnect')
  }

  /** Removes what is kept of the document in this browser; from then on nothing is kept. The document stays as it is. */
  async clearLocal(): Promise<void> {
    await this.#kept?.clear()
  }

  /** Disconnects for good and forgets the document; the document itself stays as it is. */
  override destroy(): void {
    if (this.#state.phase === 'closed') return
    // What was typed a moment ago would otherwise wait for the next visit, or for ever.
    if (this.#state.phase === 'live' && this.#leads) this.#connection.flush()
    this.#end()
    this.#state.cue('destroy')
    this.emit('destroy', [])
    for (const end of this.#endings.toReversed()) end()
    super.destroy()
  }

  #start(): void {
    const session = new AbortController()
    this.#session = session
    this.#work(session.signal).catch(error => {
      if (session.signal.aborted) return
      this.#session = undefined
      this.#presence?.forget()
      const fatal = error instanceof StreamError ? refusalOf(error, 'read') : error
      this.#stopped = fatal instanceof ProviderError ? fatal : unexpected(fatal, true)
      this.#state.cue('refused')
      this.#report(this.#stopped)
    })
  }

  /** Ends when `signal` fires. */
  async #work(signal: AbortSignal): Promise<void> {
    if (!this.loaded) await this.whenLoaded()
    if (signal.aborted) return
    const talk = (signal: AbortSignal) => this.#connection.run(signal)
    const connect = (reign: AbortSignal) => this.#turns?.run(reign, talk) ?? talk(reign)
    await (this.#group ? this.#group.run(signal, connect) : connect(signal))
  }

  #end(): void {
    if (!this.#session) return
    this.#presence?.goodbye()
    this.#session.abort()
    this.#session = undefined
    this.#presence?.forget()
  }

  #leavePage(): void {
    this.#kept?.flush()
    if (!this.#session) return
    if (this.#leads) this.#connection.flush()
    this.#end()
    this.#state.cue('lost')
  }

  #comeBack(): void {
    if (this.#session || this.status === 'disconnected') return
    this.#state.cue('retry')
    this.#start()
  }

  /** Whether it is this tab that talks to the server. */
  get #leads(): boolean {
    return this.#group?.tabs?.leading ?? true
  }

  #onLeaderCue(cue: Cue): void {
    this.#group?.link(cue === 'caughtUp' ? 'live' : cue === 'lost' ? 'lost' : 'connecting')
    this.#state.cue(cue)
  }

  /** What is about to be typed must not build on what stays behind. */
  #report(error: ProviderError): void {
    leaveBehind(error.ranges, this.doc, this.awareness, this.#random)
    this.emit('error', [error])
    const { condition } = error
    if (condition && condition !== 'readonly') this.emit(condition, [error])
  }
}
