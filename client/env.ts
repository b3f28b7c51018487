/** Everything about the world that a test may want to decide. The default is the real one. */
export interface Env {
  readonly fetch: typeof fetch
  /** Milliseconds since 1970. */
  now(): number
  /** A number in [0, 1). */
  random(): number
  /** Resolves after `ms`, or at once when `signal` fires; never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

const longestTimer = 2 ** 31 - 1 // a timer set for longer fires at once

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
}

/** What a caller decides of the world, and the real one for the rest. */
export const settleEnv = (given: Partial<Env> = {}): Env => {
  const { fetch } = given // called bare: a browser's own fetch refuses to be a method
  return {
    fetch: fetch ? (input, init) => fetch(input, init) : realEnv.fetch,
    now: given.now?.bind(given) ?? realEnv.now,
    random: given.random?.bind(given) ?? realEnv.random,
    sleep: given.sleep?.bind(given) ?? realEnv.sleep,
  }
}
