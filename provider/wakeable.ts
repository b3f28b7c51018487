import type { Env } from '../client/index.ts'

/**
 * The same world, whose sleepers can be woken before their time: a wait for a dead network ends when it is back. What a
 * server asked for is not ours to shorten; who is woken during it rises when it is over.
 */
export const wakeable = (env: Env): { readonly env: Env; wake(): void } => {
  const sleepers = new Set<AbortController>()
  return {
    env: {
      ...env,
      sleep: async (ms, signal, owedMs = 0) => {
        const sleeper = new AbortController()
        const rouse = () => sleeper.abort()
        signal.addEventListener('abort', rouse)
        if (signal.aborted) rouse()
        sleepers.add(sleeper)
        const owed = Math.min(ms, owedMs)
        if (owed > 0) await env.sleep(owed, signal)
        if (owed < ms) await env.sleep(ms - owed, sleeper.signal)
        sleepers.delete(sleeper)
        signal.removeEventListener('abort', rouse)
      },
    },
    wake() {
      for (const sleeper of [...sleepers]) sleeper.abort()
    },
  }
}
