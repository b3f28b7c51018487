import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import { StreamError } from '../client/index.ts'
import { Assembly } from './assembly.ts'
import { Emitter } from './emitter.ts'
import { ProviderError, refusalOf, unexpected } from './error.ts'
import { type ProviderOptions, settle } from './options.ts'
import { listenToPage } from './page.ts'
import type { Status } from './phase.ts'
import { reached } from './reached.ts'
import { Subdocs } from './subdocs.ts'
import type { TabsState } from './tabs/message.ts'
import type { Unsaved } from './unsaved.ts'

/**
 * Keeps a Y.Doc and its awareness in step with a document on a Durable Streams server. Remote changes are transactions
 * whose origin is the provider. Needs no page; in one, it also minds the page coming and going, shares its connection with
 * other tabs, and keeps the document in the browser if told to.
 */
export class DurableStreamsProvider extends Emitter {
  readonly doc: Y.Doc
  readonly awareness: Awareness | undefined
  readonly #parts: Assembly
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
    const { awareness, ownsAwareness, name, env } = settings
    this.doc = doc
    this.awareness = awareness
    const parts = new Assembly(this, doc, settings)
    this.#parts = parts
    if (settings.subdocs) {
      const open = (subdoc: Y.Doc, given: ProviderOptions) => new DurableStreamsProvider(subdoc, given)
      this.#subdocs = new Subdocs({ parent: this, options, name, random: env.random, open })
    }
    const onDocDestroy = () => this.destroy()
    doc.on('destroy', onDocDestroy)
    this.#endings.push(
      () => this.#subdocs?.destroy(),
      () => doc.off('destroy', onDocDestroy),
      () => parts.destroy(),
      listenToPage({ wake: parts.wake, leave: () => this.#leavePage(), comeBack: () => this.#comeBack() }),
    )
    if (ownsAwareness) this.#endings.push(() => awareness?.destroy())
    if (options.connect !== false) this.connect()
  }

  get status(): Status {
    return this.#parts.state.status
  }

  /** Every local edit is durable on the server. */
  get saved(): boolean {
    return this.#parts.state.saved
  }

  /** Local edits that are not, and why; or undefined. */
  get unsaved(): Unsaved | undefined {
    return this.#parts.state.unsaved
  }

  /** The server takes no edits of this caller's, as far as is known: local ones are kept, and sent when it does. */
  get readOnly(): boolean {
    return this.#parts.state.readOnly
  }

  /** Caught up with the server on this connection, and saved. */
  get synced(): boolean {
    return this.#parts.state.synced
  }

  /** What was kept in the browser is in the document. Without `offline` nothing is waited for. */
  get loaded(): boolean {
    return !this.#parts.replica.loading
  }

  /** How many tabs share the connection; undefined when this one shares it with none, or is not connected. */
  get tabs(): TabsState | undefined {
    return this.#parts.group?.tabs
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
    const { phase } = this.#parts.state
    if (phase !== 'idle' && phase !== 'stopped') return
    this.#stopped = undefined
    this.#parts.state.cue('connect')
    this.#start()
  }

  /** Lets go of the server. Edits are kept in the document and sent on the next `connect`. */
  disconnect(): void {
    this.#subdocs?.disconnect()
    this.#end()
    this.#stopped = undefined
    this.#parts.state.cue('disconnect')
  }

  /** Removes what is kept of the document in this browser; from then on nothing is kept. The document stays as it is. */
  async clearLocal(): Promise<void> {
    await this.#parts.kept?.clear()
  }

  /** Disconnects for good and forgets the document; the document itself stays as it is. */
  override destroy(): void {
    if (this.#parts.state.phase === 'closed') return
    // What was typed a moment ago would otherwise wait for the next visit, or for ever.
    if (this.#parts.state.phase === 'live' && this.#leads) this.#parts.connection.flush()
    this.#end()
    this.#parts.state.cue('destroy')
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
      this.#parts.presence?.forget()
      const fatal = error instanceof StreamError ? refusalOf(error, 'read') : error
      this.#stopped = fatal instanceof ProviderError ? fatal : unexpected(fatal, true)
      this.#parts.state.cue('refused')
      this.#parts.report(this.#stopped)
    })
  }

  /** Ends when `signal` fires. */
  async #work(signal: AbortSignal): Promise<void> {
    if (!this.loaded) await this.whenLoaded()
    if (signal.aborted) return
    const talk = (signal: AbortSignal) => this.#parts.connection.run(signal)
    const connect = (reign: AbortSignal) => this.#parts.turns?.run(reign, talk) ?? talk(reign)
    await (this.#parts.group ? this.#parts.group.run(signal, connect) : connect(signal))
  }

  #end(): void {
    if (!this.#session) return
    this.#parts.presence?.goodbye()
    this.#session.abort()
    this.#session = undefined
    this.#parts.presence?.forget()
  }

  #leavePage(): void {
    this.#parts.kept?.flush()
    if (!this.#session) return
    // A tab that follows does not know whether its leader is still there to send what it was told.
    if (this.#leads || !this.saved) this.#parts.connection.flush()
    this.#end()
    this.#parts.state.cue('lost')
  }

  #comeBack(): void {
    if (this.#session || this.status === 'disconnected') return
    this.#parts.state.cue('retry')
    this.#start()
  }

  /** Whether it is this tab that talks to the server. */
  get #leads(): boolean {
    return this.#parts.group?.tabs?.leading ?? true
  }
}
