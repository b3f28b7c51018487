import type { Locks } from './origin.ts'

/**
 * Holds a lock until `signal` fires or this tab dies, however that happens.
 * @returns whether it is held now; false when `signal` fired before or there are no locks here. Who has not heard true tells
 * no other tab the name: a lock that is not held yet looks like that of a dead tab.
 */
export const holdLife = (locks: Locks, name: string, signal: AbortSignal): Promise<boolean> =>
  new Promise(resolve => {
    const live = () =>
      new Promise<void>(die => {
        resolve(true)
        if (signal.aborted) die()
        else signal.addEventListener('abort', () => die(), { once: true })
      })
    locks.request(name, { signal }, live).catch(() => resolve(false))
  })

/**
 * Waits for the end of a tab that holds a lock of this name. A frozen tab is not gone.
 * @returns true when it is gone; false when `signal` fired before, or there are no locks here
 */
export const whenGone = async (locks: Locks, name: string, signal: AbortSignal): Promise<boolean> => {
  try {
    // Shared, so that a watcher that is frozen just then keeps the news from nobody behind it in the queue.
    return await locks.request(name, { signal, mode: 'shared' }, () => Promise.resolve(true))
  } catch {
    return false
  }
}
