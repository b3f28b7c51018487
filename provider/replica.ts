import type * as Y from 'yjs'
import { type Offset, ownLimits, readUpdate, type UpdateSummary } from '../protocol/index.ts'
import type { ProviderError } from './error.ts'
import { Ledger } from './ledger.ts'
import { apply, type Entries, entriesOfUpdates } from './log.ts'
import { Outbox } from './outbox.ts'
import type { Place } from './place.ts'
import { onSilence } from './silence.ts'

export interface ReplicaParts {
  readonly doc: Y.Doc
  /** The origin of the transactions that apply what came from elsewhere. */
  readonly origin: unknown
  now(): number
  /** What is unsaved may have changed. */
  onChange(): void
  /** Something was edited here that no other tab knows. */
  onEdit(update: Uint8Array): void
  onProblem(problem: ProviderError): void
}

/** One Y.Doc, what the server is known to hold of it, and what it has yet to get. Knows no network. */
export class Replica {
  readonly doc: Y.Doc
  readonly ledger = new Ledger()
  readonly outbox = new Outbox()
  readonly #parts: ReplicaParts
  /** Ends what `onSilence` began. */
  readonly #deafen: () => void
  #offset: Offset | undefined
  #basis: Offset | undefined
  /** Whether what was stored in the browser is still on its way into the document. */
  #loading = false
  /** What another tab made and is just being applied. */
  #arriving: UpdateSummary | undefined

  constructor(parts: ReplicaParts) {
    this.doc = parts.doc
    this.#parts = parts
    // What is in the document already may be news to the server.
    if (parts.doc.store.clients.size > 0) this.outbox.oweDifference(parts.now())
    parts.doc.on('update', this.#onUpdate)
    this.#deafen = onSilence(parts.doc, () => this.#catchUp())
  }

  /** How far the log was read; undefined when all of it must be. */
  get offset(): Offset | undefined {
    return this.#offset
  }

  /**
   * The last offset that was read, also when all of the log must be read again: what is edited here is meant for the life of the
   * document that it is of. Undefined before anything was read.
   */
  get basis(): Offset | undefined {
    return this.#basis
  }

  /** Whether the document was ever read: it is not created again then. */
  get known(): boolean {
    return this.#basis !== undefined
  }

  get loading(): boolean {
    return this.#loading
  }

  /** What a reload, or another tab, goes on from; undefined before anything was read. */
  get place(): Place | undefined {
    const offset = this.#offset
    return offset && { offset, ledger: this.ledger.encode(), unsavedSince: this.outbox.unsaved?.since }
  }

  /** What the document has and the server has not. */
  missing(): Uint8Array | undefined {
    return this.ledger.missing(this.doc)
  }

  /** Until `load`: what comes into the document from somewhere else is what was stored, and whether it is saved is not known. */
  expectLoad(): void {
    this.#loading = true
    this.outbox.oweDifference(this.#parts.now())
  }

  /** All that was stored in the browser is in the document. */
  load(place: Place | undefined): void {
    this.#loading = false
    if (place) this.joinPlace(place)
    this.reconsider(place?.unsavedSince ?? this.#parts.now())
  }

  /**
   * State against state: what is unsaved is the difference between document and ledger, all of it as old as the oldest of
   * it. While something is in flight the comparison waits for its outcome.
   */
  reconsider(since = this.#parts.now()): void {
    const { outbox } = this
    if (outbox.flying) outbox.oweDifference(since)
    else outbox.owe(this.missing(), Math.min(since, outbox.unsaved?.since ?? since))
    this.#parts.onChange()
  }

  /** This was read from the log, which goes on at `next`. */
  read({ entries, problems }: Entries, next: Offset): void {
    for (const { summary } of entries) this.ledger.add(summary)
    const updates = entries.map(({ update }) => update)
    this.#tell([...problems, ...apply(this.doc, this.#parts.origin, updates)])
    this.#reach(next)
  }

  /** The log must be read from its start: whether it is still the one that was read, its content tells. */
  startOver(): void {
    this.#offset = undefined
  }

  /** Whether the server is known to keep all of an update. */
  holds(update: Uint8Array): boolean {
    return this.ledger.holds(readUpdate(update, ownLimits))
  }

  /** The server keeps these updates. */
  acknowledge(updates: readonly Uint8Array[]): void {
    for (const update of updates) this.ledger.add(readUpdate(update, ownLimits))
  }

  /** Another tab made this. */
  hear(update: Uint8Array): void {
    const { entries, problems } = entriesOfUpdates([update])
    this.#arriving = entries[0]?.summary
    const updates = entries.map(entry => entry.update)
    this.#tell([...problems, ...apply(this.doc, this.#parts.origin, updates)])
    this.#arriving = undefined
  }

  /** Another tab is there, with all that is before it in the document already. @throws Error as `Ledger.merge` */
  joinPlace({ offset, ledger }: Place): void {
    this.ledger.merge(ledger)
    this.#reach(offset)
  }

  /** Another tab sends for this one: what the server holds by now needs no sending. */
  release(): void {
    this.outbox.release(
      update => this.holds(update),
      () => this.missing(),
    )
    this.#parts.onChange()
  }

  destroy(): void {
    this.doc.off('update', this.#onUpdate)
    this.#deafen()
  }

  #reach(offset: Offset): void {
    this.#offset = offset
    this.#basis = offset
  }

  /** The document changed, and only it knows how. */
  #catchUp(): void {
    const { now, onEdit, onChange } = this.#parts
    const missing = this.missing()
    if (!missing) return
    this.outbox.oweDifference(now())
    onEdit(missing)
    onChange()
  }

  #tell(problems: readonly ProviderError[]): void {
    for (const problem of problems) this.#parts.onProblem(problem)
  }

  readonly #onUpdate = (update: Uint8Array, origin: unknown, _doc: Y.Doc, { local }: Y.Transaction): void => {
    const { now, onEdit, onChange, origin: remote } = this.#parts
    if (origin !== remote) {
      if (this.#loading && !local) return
      this.outbox.add(update, now())
      onEdit(update)
    } else {
      const summary = readUpdate(update, ownLimits)
      this.ledger.imply(summary)
      const rest = this.ledger.lacking(summary)
      if (rest.structs.isEmpty && rest.deletes.isEmpty) return
      if (isWithin(rest, this.#arriving)) this.outbox.add(update, now())
      else {
        // More than what came: what an observer did in answer, or what was deleted because two sets of changes met. The
        // update itself would repeat what was read.
        this.outbox.oweDifference(now())
        onEdit(update)
      }
    }
    onChange()
  }
}

const isWithin = (
  { structs, deletes }: Pick<UpdateSummary, 'structs' | 'deletes'>,
  whole: UpdateSummary | undefined,
): boolean =>
  whole?.structs.missingFrom(structs).isEmpty === true && whole.deletes.missingFrom(deletes).isEmpty
