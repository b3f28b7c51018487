/** Everything about the world that a test may want to decide. The default is the real one. */
export interface Env {
  readonly fetch: typeof fetch
  /** Milliseconds since 1970. */
  now(): number
  /** A number in [0, 1). */
  random(): number
  /**
   * Resolves after `ms`, or at once when `signal` fires; never rejects. Who can wake sleepers before their time must let
   * the first `owedMs` of it pass: what a server asked for, or what is measured by it.
   */
  sleep(ms: number, signal: AbortSignal, owedMs?: number): Promise<void>
  /** What is remembered for a while, also beyond a reload. It may throw, and forget. */
  readonly memory: Memory
}

export type Memory = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>

const longestTimer = 2 ** 31 - 1 // a timer set for longer fires at once

/** The tab's own. Node has a `sessionStorage` too, lately; but its programs are no pages, and share nothing. */
const pageMemory = (): Memory | undefined => {
  if (typeof globalThis.location !== 'object') return undefined
  try {
    return globalThis.sessionStorage ?? undefined
  } catch {
    return undefined // a page that may not keep anything is told so by this getter
  }
}

const ownMemory = (): Memory => {
  const kept = new Map<string, string>()
  return {
    getItem: key => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: key => void kept.delete(key),
  }
}

export const realEnv: Env = {
  fetch: (input, init) => globalThis.fetch(input, init),
  now: () => Date.now(),
  // Not Math.random: producer ids are drawn from this, and two equal ones would swallow each other's writes.
  random: () => (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32,
  sleep: (ms, signal) =>
    new Promise(resolve => {
      if (signal.aborted) return resolve()
      const done = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, Math.min(ms, longestTimer))
      signal.addEventListener('abort', done)
    }),
  memory: {
    getItem: key => pageMemory()?.getItem(key) ?? null,
    setItem: (key, value) => pageMemory()?.setItem(key, value),
    removeItem: key => pageMemory()?.removeItem(key),
  },
}

/** What a caller decides of the world, and the real one for the rest. */
export const settleEnv = (given: Partial<Env> = {}): Env => {
  const { fetch } = given // called bare: a browser's own fetch refuses to be a method
  return {
    fetch: fetch ? (input, init) => fetch(input, init) : realEnv.fetch,
    now: given.now?.bind(given) ?? realEnv.now,
    random: given.random?.bind(given) ?? realEnv.random,
    sleep: given.sleep?.bind(given) ?? realEnv.sleep,
    memory: given.memory ?? pageMemory() ?? ownMemory(),
  }
}
