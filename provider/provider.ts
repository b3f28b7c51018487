import { ObservableV2 } from 'lib0/observable'
import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import { DurableStream, type Env, type LinkState, StreamError } from '../client/index.ts'
import { ErrorCode, readUpdate, snapshotLimits } from '../protocol/index.ts'
import { fromStream, ProviderError } from './error.ts'
import type { ProviderEvents } from './events.ts'
import { Ledger } from './ledger.ts'
import { type ProviderOptions, type Settings, settle } from './options.ts'
import { Outbox, type Unsaved } from './outbox.ts'
import { listenToPage } from './page.ts'
import { type Cue, nextPhase, type Phase, type Status, statusOf } from './phase.ts'
import { Presence } from './presence.ts'
import { doubtful, Pull } from './pull.ts'
import { Push } from './push.ts'
import { reached } from './reached.ts'
import { wakeable } from './wakeable.ts'

/**
 * Keeps a Y.Doc and its awareness in step with a document on a Durable Streams server. Remote changes are transactions
 * whose origin is the provider. Needs no page; in one, it also minds the page coming and going.
 */
export class DurableStreamsProvider extends ObservableV2<ProviderEvents> {
  readonly doc: Y.Doc
  readonly awareness: Awareness | undefined
  readonly #settings: Settings
  readonly #env: Env
  readonly #ledger = new Ledger()
  readonly #outbox = new Outbox()
  readonly #pull: Pull
  readonly #push: Push
  readonly #presence: Presence | undefined
  readonly #stopListening: () => void
  #phase: Phase = 'idle'
  #session: AbortController | undefined
  /** The session whose outbox and presence are running. */
  #sending: AbortController | undefined
  #told = { saved: true, synced: false }

  /** @throws TypeError as `settle` of the options */
  constructor(doc: Y.Doc, options: ProviderOptions = {}) {
    super()
    const settings = settle(doc, options)
    const { env, wake } = wakeable(settings.env)
    const { headers, awareness, live, create } = settings
    const stream = new DurableStream({ url: settings.url, headers, env })
    this.doc = doc
    this.awareness = awareness
    this.#settings = settings
    this.#env = env
    this.#pull = new Pull({
      doc,
      stream,
      ledger: this.#ledger,
      origin: this,
      live,
      create,
      onLink: state => this.#onLink(state),
      onProblem: problem => this.emit('error', [problem]),
    })
    this.#push = new Push({
      doc,
      stream,
      ledger: this.#ledger,
      outbox: this.#outbox,
      env,
      onSaved: () => this.#tell(),
      onProblem: error => this.emit('error', [fromStream(error, false)]),
    })
    this.#presence = awareness && new Presence({ awareness, stream, origin: this, live, env })
    // What is in the document already may be news to the server.
    if (doc.store.clients.size > 0) this.#outbox.oweDifference(env.now())
    this.#told.saved = this.saved
    doc.on('update', this.#onUpdate)
    doc.on('destroy', this.#onDocDestroy)
    this.#stopListening = listenToPage({
      wake,
      leave: () => this.#leavePage(),
      comeBack: () => this.#comeBack(),
    })
    if (options.connect !== false) this.connect()
  }

  get status(): Status {
    return statusOf[this.#phase]
  }

  /** Every local edit is durable on the server. */
  get saved(): boolean {
    return this.#outbox.saved
  }

  /** Local edits that are not, or undefined. */
  get unsaved(): Unsaved | undefined {
    return this.#outbox.unsaved
  }

  /** Caught up with the server on this connection, and saved. */
  get synced(): boolean {
    return this.#phase === 'live' && this.saved
  }

  /** Resolves when `synced` is true, at once if it is; rejects with what stopped the provider, a ProviderError. */
  whenSynced(): Promise<void> {
    return reached(this, 'sync', () => this.synced)
  }

  /** Resolves when `saved` is true, at once if it is; rejects with what stopped the provider, a ProviderError. */
  whenSaved(): Promise<void> {
    return reached(this, 'saved', () => this.saved)
  }

  /** Connects and stays connected until told otherwise. Does nothing when it already is. */
  connect(): void {
    if (this.#phase !== 'idle' && this.#phase !== 'stopped') return
    this.#cue('connect')
    this.#start()
  }

  /** Lets go of the server. Edits are kept in the document and sent on the next `connect`. */
  disconnect(): void {
    this.#end()
    this.#cue('disconnect')
  }

  /** Disconnects for good and forgets the document; the document itself stays as it is. */
  override destroy(): void {
    if (this.#phase === 'closed') return
    this.#end()
    this.#cue('destroy')
    this.emit('destroy', [])
    this.doc.off('update', this.#onUpdate)
    this.doc.off('destroy', this.#onDocDestroy)
    this.#stopListening()
    this.#presence?.destroy()
    if (this.#settings.ownsAwareness) this.awareness?.destroy()
    super.destroy()
  }

  #start(): void {
    const session = new AbortController()
    this.#session = session
    this.#supervise(session, this.#pull.run(session.signal))
  }

  /** One refusal for good ends everything of its session. */
  #supervise(session: AbortController, work: Promise<void>): void {
    work.catch(error => {
      if (session.signal.aborted) return
      if (error instanceof StreamError && doubtful.has(error.code)) {
        this.emit('error', [fromStream(error, false)])
        this.#end()
        this.#pull.startOver()
        this.#cue('lost')
        this.#comeBack()
        return
      }
      session.abort()
      this.#session = undefined
      this.#presence?.leave()
      const fatal = error instanceof StreamError ? fromStream(error, true) : error
      this.#cue('refused')
      this.emit('error', [fatal instanceof ProviderError ? fatal : unexpected(fatal)])
    })
  }

  #end(): void {
    if (!this.#session) return
    this.#presence?.leave()
    this.#session.abort()
    this.#session = undefined
  }

  #leavePage(): void {
    if (!this.#session) return
    this.#push.flush()
    this.#end()
    this.#cue('lost')
  }

  #comeBack(): void {
    if (this.#session || this.status === 'disconnected') return
    this.#cue('retry')
    this.#start()
  }

  #onLink(state: LinkState): void {
    if (state.phase === 'waiting') {
      this.emit('error', [fromStream(state.error, false)])
      this.#cue('lost')
    } else if (state.phase === 'connecting') {
      if (!state.turnover) this.#cue('retry')
    } else if (state.caughtUp && this.#phase !== 'live') {
      // State against state: what was read may lack what this document has, and the other way round is settled.
      this.#outbox.oweDifference(this.#env.now())
      this.#cue('caughtUp')
      this.#startSending()
      this.#push.nudge()
    }
  }

  /** Pushing waits for the first catch-up of a session: before it, what the server lacks is not known. */
  #startSending(): void {
    const session = this.#session
    if (!session || this.#sending === session) return
    this.#sending = session
    this.#supervise(session, this.#push.run(session.signal))
    this.#presence?.run(session.signal).catch(error => {
      // Editing goes on without presence.
      if (error instanceof StreamError && !session.signal.aborted)
        this.emit('error', [fromStream(error, false)])
    })
  }

  readonly #onUpdate = (update: Uint8Array, origin: unknown): void => {
    if (origin !== this) this.#outbox.add(update, this.#env.now())
    else if (this.#ledger.holds(readUpdate(update, snapshotLimits))) return
    // More than what was read: what an observer did in answer, or what was deleted because two sets of changes met. The
    // update itself would repeat what was read.
    else this.#outbox.oweDifference(this.#env.now())
    this.#push.nudge()
    this.#tell()
  }

  readonly #onDocDestroy = (): void => this.destroy()

  #cue(cue: Cue): void {
    const before = this.#phase
    this.#phase = nextPhase[before][cue]
    if (statusOf[before] !== this.status) this.emit('status', [{ status: this.status }])
    this.#tell()
  }

  #tell(): void {
    const { saved, synced } = this
    const before = this.#told
    this.#told = { saved, synced }
    if (saved !== before.saved) this.emit('saved', [saved])
    if (synced !== before.synced) this.emit('sync', [synced])
  }
}

/** A defect here, not a condition out there: told, rather than lost in a rejected promise. */
const unexpected = (cause: unknown): ProviderError =>
  new ProviderError(ErrorCode.internal, 'the provider failed unexpectedly', true, { cause })
