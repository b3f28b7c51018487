import type { ProviderError } from './error.ts'
import type { Status } from './phase.ts'

// A type, not an interface: ObservableV2 wants an index signature.
export type ProviderEvents = {
  status: (event: { readonly status: Status }) => void
  /** `synced` changed. */
  sync: (synced: boolean) => void
  /** `saved` changed. */
  saved: (saved: boolean) => void
  error: (error: ProviderError) => void
  destroy: () => void
}
