import type { Locks } from '../tabs/origin.ts'

/** Web Locks that can say who waits; those that cannot are taken to be waited for. */
export interface SlotLocks extends Locks {
  query?(): Promise<{ readonly pending?: readonly { readonly name?: string }[] }>
}

/** A lock that is held. */
export interface Slot {
  readonly name: string
  /** Fires when somebody took it by force. */
  readonly lost: AbortSignal
  release(): void
}

type How = { readonly signal: AbortSignal } | { readonly steal: true }

/** @throws what the lock manager throws, when it does before the lock was held */
export const holdSlot = (locks: SlotLocks, name: string, how: How): Promise<Slot> =>
  new Promise((resolve, reject) => {
    const lost = new AbortController()
    const held = () =>
      new Promise<void>(release => {
        resolve({ name, lost: lost.signal, release })
      })
    locks.request(name, how, held).catch(error => {
      lost.abort()
      reject(error)
    })
  })

/** The first of these locks that is to be had; undefined when `signal` fired before. @throws as `holdSlot` */
export const firstSlot = (
  locks: SlotLocks,
  names: readonly string[],
  signal: AbortSignal,
): Promise<Slot | undefined> =>
  new Promise((resolve, reject) => {
    const queue = new AbortController()
    const leave = () => queue.abort()
    let found = false
    let waiting = names.length
    const got = (slot: Slot) => {
      if (found) {
        slot.release()
        return
      }
      found = true
      signal.removeEventListener('abort', leave)
      leave()
      resolve(slot)
    }
    const refused = (error: unknown) => {
      if (!queue.signal.aborted) reject(error)
      if (--waiting === 0) resolve(undefined)
    }
    signal.addEventListener('abort', leave)
    if (signal.aborted) leave()
    for (const name of names) holdSlot(locks, name, { signal: queue.signal }).then(got, refused)
  })

/** Whether anybody waits for one of these locks, in this tab or another. */
export const isAwaited = async (locks: SlotLocks, names: readonly string[]): Promise<boolean> => {
  const isOne = ({ name }: { readonly name?: string }) => name !== undefined && names.includes(name)
  const asked = locks.query?.().then(
    ({ pending }) => pending?.some(isOne),
    () => undefined, // as of a page that is being put away
  )
  return (await asked) ?? true
}
