/** Everything about the world that a server's test may want to decide. */
export interface World {
  /** Milliseconds since 1970. */
  now(): number
  /** Milliseconds that passed since some moment, whatever the clock is set to meanwhile. */
  steady(): number
  /** A number in [0, 1). */
  random(): number
  /** Runs `task` once after `ms` unless the returned function is called before. Does not keep the process alive. */
  after(ms: number, task: () => void): () => void
}

export const realWorld: World = {
  now: () => Date.now(),
  steady: () => performance.now(),
  random: () => Math.random(),
  after: (ms, task) => {
    const timer = setTimeout(task, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
}
