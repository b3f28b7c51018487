import type { ProviderError } from './error.ts'
import type { Status } from './phase.ts'
import type { TabsState } from './tabs/message.ts'

/** Which subdocuments are kept in step from now on, and which no more, by guid. */
export interface SubdocsChange {
  readonly added: readonly string[]
  readonly removed: readonly string[]
}

// A type, not an interface: ObservableV2 wants an index signature.
export type ProviderEvents = {
  status: (event: { readonly status: Status }) => void
  /** `synced` changed. */
  sync: (synced: boolean) => void
  /** `saved` changed. */
  saved: (saved: boolean) => void
  /** What was kept in the browser is in the document. */
  load: () => void
  /** How many tabs share the connection, or which of them holds it, changed. */
  tabs: (tabs: TabsState | undefined) => void
  /** Subdocuments were loaded, unloaded or deleted: `provider.subdocs` has the providers of those that are loaded. */
  subdocs: (change: SubdocsChange) => void
  /** Whatever went wrong, the six below included. */
  error: (error: ProviderError) => void
  /** `readOnly` changed. */
  readonly: (readOnly: boolean) => void
  /** The credentials are not accepted, fresh ones neither. */
  unauthorized: (error: ProviderError) => void
  /** This caller may not open the document. */
  forbidden: (error: ProviderError) => void
  /** There is no such document, any more or yet. */
  deleted: (error: ProviderError) => void
  /** There is another document of this name. */
  reset: (error: ProviderError) => void
  /** Something is larger than the server takes, and stays behind. */
  'too-large': (error: ProviderError) => void
  /** The server refuses what was sent, or asked. */
  rejected: (error: ProviderError) => void
  destroy: () => void
}
