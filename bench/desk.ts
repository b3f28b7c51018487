import * as Y from 'yjs'
import { readUpdate, snapshotLimits } from '../protocol/index.ts'
import { Ledger } from '../provider/ledger.ts'
import { Nudge } from '../provider/nudge.ts'
import type { Exchange, Typed } from './exchange.ts'
import { applyPatches, textOf } from './text.ts'
import type { Transaction } from './trace.ts'

/** The origin of what is typed here, as against what came from elsewhere. */
const typing = Symbol('typing')

/** Where one agent types, and how its edits reach the document of its provider. */
export interface Desk {
  /** Resolves when the agent sees what it saw when it made a transaction; rejects with the reason of `signal`. */
  sees(history: readonly number[], signal: AbortSignal): Promise<void>
  /** @throws TraceError UNPLAYABLE */
  type(transaction: Transaction, index: number): void
}

/** An agent that is alone types into the document of its provider. */
export const soloDesk = (doc: Y.Doc): Desk => ({
  sees: () => Promise.resolve(),
  type: ({ patches }, index) => doc.transact(() => applyPatches(textOf(doc), patches, index), typing),
})

/**
 * One of several agents types on a page of its own. A provider delivers what others typed when it comes, but a trace says
 * what had come when an agent typed: so the page gets of it only what the next transaction was made after, and not before
 * the provider has it. What is typed on the page is applied to the provider's document at once, as a local edit.
 */
export class SharedDesk implements Desk {
  readonly #agent: number
  readonly #doc: Y.Doc
  readonly #page = new Y.Doc()
  readonly #exchange: Exchange
  /** What the provider's document has. */
  readonly #arrived = new Ledger()
  /** By agent, how many of its transactions the provider's document has, and the page. */
  readonly #arrivedCount: number[]
  readonly #seenCount: number[]
  /** The provider's document, or what others typed, changed. */
  readonly #change = new Nudge()
  #update: Uint8Array | undefined

  /** @param clientId of the page: concurrent inserts are ordered by it */
  constructor(agent: number, agents: number, doc: Y.Doc, clientId: number, exchange: Exchange) {
    this.#agent = agent
    this.#doc = doc
    this.#exchange = exchange
    this.#arrivedCount = new Array<number>(agents).fill(0)
    this.#seenCount = new Array<number>(agents).fill(0)
    this.#page.clientID = clientId
    this.#page.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin === typing) this.#update = update
    })
    doc.on('update', (update: Uint8Array) => {
      this.#arrived.add(readUpdate(update, snapshotLimits))
      this.#change.give()
    })
    exchange.watch(() => this.#change.give())
  }

  async sees(history: readonly number[], signal: AbortSignal): Promise<void> {
    const others = [...history.keys()].filter(other => other !== this.#agent)
    for (const other of others) {
      while (!this.#hasArrived(other, history[other] ?? 0)) {
        await this.#change.wait(signal)
        signal.throwIfAborted()
      }
    }
    const unseen = others.flatMap(other => this.#takeUnseen(other, history[other] ?? 0))
    if (unseen.length === 0) return
    unseen.sort((a, b) => a.index - b.index)
    this.#page.transact(() => {
      for (const { update } of unseen) Y.applyUpdate(this.#page, update)
    })
  }

  type({ patches }: Transaction, index: number): void {
    this.#page.transact(() => applyPatches(textOf(this.#page), patches, index), typing)
    const update = this.#update
    this.#update = undefined
    this.#exchange.add(this.#agent, index, update)
    if (update) Y.applyUpdate(this.#doc, update, typing)
  }

  #hasArrived(other: number, count: number): boolean {
    const typed = this.#exchange.count(other)
    let arrived = this.#arrivedCount[other] ?? 0
    for (; arrived < Math.min(count, typed); arrived++) {
      const next = this.#exchange.get(other, arrived)
      if (next && !this.#arrived.holds(next.summary)) break
    }
    this.#arrivedCount[other] = arrived
    return arrived >= count
  }

  #takeUnseen(other: number, count: number): Typed[] {
    const unseen: Typed[] = []
    for (let nth = this.#seenCount[other] ?? 0; nth < count; nth++) {
      const typed = this.#exchange.get(other, nth)
      if (typed) unseen.push(typed)
    }
    this.#seenCount[other] = Math.max(this.#seenCount[other] ?? 0, count)
    return unseen
  }
}
