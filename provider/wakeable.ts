import type { Env } from '../client/index.ts'

/**
 * The same world, whose sleepers can be woken before their time: a wait for a dead network ends when it is back. What a
 * server asked for is not ours to shorten; who is woken during it rises when it is over.
 */
export const wakeable = (env: Env): { readonly env: Env; wake(): void } => {
  let morning = new AbortController()
  return {
    env: {
      ...env,
      sleep: async (ms, signal, owedMs = 0) => {
        const either = new AbortController()
        const { signal: woken } = morning
        const abort = () => either.abort()
        signal.addEventListener('abort', abort)
        woken.addEventListener('abort', abort)
        if (signal.aborted) abort()
        const owed = Math.min(ms, owedMs)
        if (owed > 0) await env.sleep(owed, signal)
        if (owed < ms) await env.sleep(ms - owed, either.signal)
        signal.removeEventListener('abort', abort)
        woken.removeEventListener('abort', abort)
      },
    },
    wake() {
      morning.abort()
      morning = new AbortController()
    },
  }
}
