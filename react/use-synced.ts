import { useCallback, useSyncExternalStore } from 'react'
import type { DurableStreamsProvider } from '../provider/index.ts'

/** Whether the document has caught up with the server on this connection and is saved; false before there is a provider. */
export const useSynced = (provider: DurableStreamsProvider | undefined): boolean => {
  const subscribe = useCallback(
    (changed: () => void) => {
      provider?.on('sync', changed)
      return () => provider?.off('sync', changed)
    },
    [provider],
  )
  return useSyncExternalStore(
    subscribe,
    () => provider?.synced ?? false,
    () => false,
  )
}
