import type { ObservableV2 } from 'lib0/observable'
import type * as Y from 'yjs'
import { ProviderCode, ProviderError } from './error.ts'
import type { ProviderEvents, SubdocsChange } from './events.ts'
import type { ProviderOptions } from './options.ts'

/** What is asked of a subdocument's provider. */
export interface Child {
  readonly saved: boolean
  readonly readOnly: boolean
  whenSaved(): Promise<void>
  connect(): void
  disconnect(): void
  destroy(): void
}

export interface SubdocsParts<Provider extends Child> {
  readonly parent: ObservableV2<ProviderEvents> & { readonly doc: Y.Doc }
  /** Of the parent, and so of its subdocuments. */
  readonly options: ProviderOptions
  /** The parent's path. */
  readonly name: string
  /** A number in [0, 1). */
  random(): number
  open(subdoc: Y.Doc, options: ProviderOptions): Provider
}

interface DocSubdocs {
  readonly loaded: ReadonlySet<Y.Doc>
  readonly removed: ReadonlySet<Y.Doc>
}

/** A subdocument is a document below its parent's path, `<parent>/<guid>`. Each that is loaded gets a provider of its own. */
export class Subdocs<Provider extends Child> {
  readonly #parts: SubdocsParts<Provider>
  readonly #providers = new Map<Y.Doc, Provider>()
  /** Of those that were unloaded before their last edits were saved. */
  readonly #leaving = new Set<Provider>()
  /** Guids that were loaded before. */
  readonly #seen = new Set<string>()
  #connected = false
  #over = false

  constructor(parts: SubdocsParts<Provider>) {
    this.#parts = parts
    const { doc } = parts.parent
    doc.on('subdocs', this.#changed)
    const loaded = [...doc.subdocs].filter(({ shouldLoad }) => shouldLoad)
    this.#changed({ loaded: new Set(loaded), removed: new Set() })
  }

  get providers(): ReadonlyMap<string, Provider> {
    return new Map([...this.#providers].map(([{ guid }, provider]) => [guid, provider]))
  }

  connect(): void {
    this.#connected = true
    for (const provider of this.#all()) provider.connect()
  }

  disconnect(): void {
    this.#connected = false
    for (const provider of this.#all()) provider.disconnect()
  }

  destroy(): void {
    this.#over = true
    this.#parts.parent.doc.off('subdocs', this.#changed)
    for (const provider of this.#all()) provider.destroy()
  }

  #all(): readonly Provider[] {
    return [...this.#providers.values(), ...this.#leaving]
  }

  readonly #changed = ({ loaded, removed }: DocSubdocs): void => {
    const change: SubdocsChange = {
      removed: [...removed].filter(subdoc => this.#remove(subdoc)).map(({ guid }) => guid),
      added: [...loaded].filter(subdoc => this.#add(subdoc)).map(({ guid }) => guid),
    }
    if (change.added.length + change.removed.length > 0) this.#parts.parent.emit('subdocs', [change])
  }

  #add(subdoc: Y.Doc): boolean {
    const { parent, random } = this.#parts
    // What is made, loaded and deleted in one transaction is told of as loaded.
    if (this.#providers.has(subdoc) || !parent.doc.subdocs.has(subdoc)) return false
    if (!segment.test(subdoc.guid)) {
      // Not before whoever made the provider could listen to it.
      const problem = new ProviderError(ProviderCode.subdocUnnamable, unnamable(subdoc.guid), false)
      queueMicrotask(() => parent.emit('error', [problem]))
      return false
    }
    // Yjs gives all subdocuments their parent's client id: another copy that does not know yet what this client wrote before
    // would write something else under the same numbers.
    if (this.#seen.has(subdoc.guid)) subdoc.clientID = Math.floor(random() * 2 ** 32)
    this.#seen.add(subdoc.guid)
    this.#providers.set(subdoc, this.#open(subdoc))
    return true
  }

  #remove(subdoc: Y.Doc): boolean {
    const provider = this.#providers.get(subdoc)
    if (!provider) return false
    this.#providers.delete(subdoc)
    // Unloaded, or deleted: then nobody wants what was edited in it.
    const isKept = [...this.#parts.parent.doc.subdocs].some(({ guid }) => guid === subdoc.guid)
    // Yjs is about to destroy it, and all that listens to it.
    if (isKept && !provider.saved && !provider.readOnly) queueMicrotask(() => this.#see(subdoc))
    provider.destroy()
    return true
  }

  /** Sees a subdocument off that was unloaded, until everything is saved. */
  #see(subdoc: Y.Doc): void {
    if (this.#over) return
    const provider = this.#open(subdoc)
    this.#leaving.add(provider)
    const end = () => {
      this.#leaving.delete(provider)
      provider.destroy()
    }
    provider.whenSaved().then(end, end)
  }

  #open(subdoc: Y.Doc): Provider {
    const { open, options, name } = this.#parts
    const own = { name: `${name}/${subdoc.guid}`, awareness: false, turns: true, connect: false } as const
    const provider = open(subdoc, { ...options, ...own })
    if (this.#connected) provider.connect()
    return provider
  }
}

/** Of a document's path (YJS 4). With a slash, a guid could name the subdocument of another subdocument. */
const segment = /^[A-Za-z0-9_-]+$/

const unnamable = (guid: string): string =>
  `the subdocument with the guid ${JSON.stringify(guid.slice(0, 100))} is not kept in step: a guid becomes part of a path and has only A-Z a-z 0-9 _ -, as those that Y.Doc makes have`
