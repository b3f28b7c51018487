import { Glob } from './glob.ts'
import { recordStream, type SubscriptionKey, viewsOf } from './names.ts'
import type { Subscription } from './record.ts'

interface Entry {
  readonly key: SubscriptionKey
  readonly pattern: string | undefined
  readonly glob: Glob | undefined
  readonly wakeStream: string | undefined
  readonly explicit: ReadonlySet<string>
}

/** A subscription that a stream concerns, and the stream's path as that subscription sees it. */
export interface Concern {
  readonly key: SubscriptionKey
  readonly path: string
}

/** Names whose concerns are remembered: the busy streams of a server, some hundred bytes each. */
const mostRemembered = 10_000

/**
 * Which subscriptions an append concerns: an index of what the store holds, so that a busy stream does not ask it.
 */
export class Coverage {
  readonly #services = new Map<string, Map<string, Entry>>()
  readonly #remembered = new Map<string, readonly Concern[]>()

  get isEmpty(): boolean {
    return this.#services.size === 0
  }

  /** Costs little when nothing changed. */
  set(key: SubscriptionKey, { config, links }: Subscription): void {
    const entries = this.#services.get(key.service) ?? new Map<string, Entry>()
    this.#services.set(key.service, entries)
    const { pattern, wakeStream } = config
    const explicit = [...links].filter(([, link]) => link.explicit).map(([path]) => path)
    const known = entries.get(key.id)
    const isKnown =
      known?.pattern === pattern &&
      known?.wakeStream === wakeStream &&
      known?.explicit.size === explicit.length &&
      explicit.every(path => known.explicit.has(path))
    if (known && isKnown) return
    const glob = pattern === undefined ? undefined : new Glob(pattern)
    entries.set(key.id, { key, pattern, glob, wakeStream, explicit: new Set(explicit) })
    this.#remembered.clear()
  }

  delete({ service, id }: SubscriptionKey): void {
    const entries = this.#services.get(service)
    if (!entries?.delete(id)) return
    if (entries.size === 0) this.#services.delete(service)
    this.#remembered.clear()
  }

  concerns(stream: string): readonly Concern[] {
    const known = this.#remembered.get(stream)
    if (known) return known
    const found = viewsOf(stream).flatMap(({ service, path }) =>
      [...(this.#services.get(service)?.values() ?? [])]
        .filter(entry => entry.explicit.has(path) || covers(entry, path))
        .map(({ key }) => ({ key, path })),
    )
    if (this.#remembered.size >= mostRemembered) this.#remembered.clear()
    this.#remembered.set(stream, found)
    return found
  }

  /** The subscriptions known here that are not among `names`. */
  strangers(names: ReadonlySet<string>): readonly SubscriptionKey[] {
    return [...this.#services.values()]
      .flatMap(entries => [...entries.values()].map(({ key }) => key))
      .filter(key => !names.has(recordStream(key)))
  }
}

/** A subscription's own wake events are no work: they would wake it for ever. */
const covers = ({ glob, wakeStream }: Entry, path: string): boolean =>
  path !== wakeStream && glob?.matches(path) === true
