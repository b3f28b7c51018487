import type { Env } from '../client/index.ts'

/** The same world, whose sleepers can be woken before their time: a wait for a dead network ends when it is back. */
export const wakeable = (env: Env): { readonly env: Env; wake(): void } => {
  let morning = new AbortController()
  return {
    env: {
      ...env,
      sleep: async (ms, signal) => {
        const either = new AbortController()
        const { signal: woken } = morning
        const abort = () => either.abort()
        signal.addEventListener('abort', abort)
        woken.addEventListener('abort', abort)
        if (signal.aborted) abort()
        await env.sleep(ms, either.signal)
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
