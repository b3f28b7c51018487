import { DurableStreamsProvider, type ProviderOptions } from '../provider/index.ts'

export type Doc = DurableStreamsProvider['doc']

/** The options as they are in the latest render. */
export interface Latest {
  readonly current: ProviderOptions
}

interface Shared {
  readonly provider: DurableStreamsProvider
  readonly key: string
  readonly awareness: unknown
  /** Whose `headers` are asked for: the last who is still there. */
  readonly holders: Set<Latest>
  /** Comes back from waiting to be saved. */
  reclaim: () => void
}

export interface Held {
  readonly provider: DurableStreamsProvider
  release(): void
}

const providers = new WeakMap<Doc, Set<Shared>>()

/**
 * A provider for this document and the latest options, of which `key` and `awareness` tell one from another: the one that
 * others hold if there is one. React takes effects back and runs them again at once when it looks for mistakes, and a person
 * who leaves a page comes back: neither costs a connection.
 */
export const hold = (doc: Doc, key: string, awareness: unknown, latest: Latest): Held => {
  const all = providers.get(doc) ?? new Set()
  providers.set(doc, all)
  const found = [...all].find(one => one.key === key && one.awareness === awareness)
  const shared = found ?? create(doc, key, awareness, latest)
  if (!found) {
    all.add(shared)
    shared.provider.on('destroy', () => all.delete(shared))
  }
  shared.holders.add(latest)
  shared.reclaim()
  return {
    provider: shared.provider,
    release() {
      shared.holders.delete(latest)
      queueMicrotask(() => {
        if (shared.holders.size === 0) letGo(shared)
      })
    },
  }
}

const create = (doc: Doc, key: string, awareness: unknown, latest: Latest): Shared => {
  const { headers, ...options } = latest.current
  const holders = new Set<Latest>()
  let last = latest
  const provider = new DurableStreamsProvider(doc, {
    ...options,
    headers: ask => {
      last = [...holders].at(-1) ?? last
      const now = last.current.headers ?? {}
      return typeof now === 'function' ? now(ask) : now
    },
  })
  return { provider, key, awareness, holders, reclaim: () => undefined }
}

const telling = ['saved', 'readonly', 'status'] as const

/** Destroys a provider that nobody holds when its last edits are saved, or when they cannot be; others see it leave now. */
const letGo = (shared: Shared): void => {
  shared.reclaim()
  const { provider, awareness } = shared
  const settled = () => provider.saved || provider.readOnly || provider.status === 'disconnected'
  if (settled()) {
    provider.destroy()
    return
  }
  const presence = awareness === undefined ? provider.awareness : undefined
  const state = presence?.getLocalState() ?? null
  presence?.setLocalState(null)
  const look = () => {
    if (settled()) provider.destroy()
  }
  const stop = () => {
    for (const event of telling) provider.off(event, look)
    provider.off('destroy', stop)
  }
  for (const event of telling) provider.on(event, look)
  provider.on('destroy', stop)
  shared.reclaim = () => {
    stop()
    presence?.setLocalState(state)
    shared.reclaim = () => undefined
  }
}
