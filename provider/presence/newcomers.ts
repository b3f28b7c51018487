import type { Env } from '../../client/index.ts'

/** A person hardly notices, and a full room does not answer in one instant. */
const withinMs = 1_000

/**
 * How those present let a newcomer know of them where the server does not: each `greet`s after a random wait, once for
 * everybody who came meanwhile, and no more when `signal` fires.
 */
export const welcome = (env: Env, greet: () => void, signal: AbortSignal): (() => void) => {
  let due = false
  return () => {
    if (due || signal.aborted) return
    due = true
    void env.sleep(Math.round(env.random() * withinMs), signal).then(() => {
      due = false
      if (!signal.aborted) greet()
    })
  }
}
