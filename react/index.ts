export { type Presence, type PresenceState, type SetPresence, usePresence } from './use-presence.ts'
export { useProvider } from './use-provider.ts'
export { type Saving, useSaved } from './use-saved.ts'
export { useSynced } from './use-synced.ts'
