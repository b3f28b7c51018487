import type { Env } from 'durable-streams-yjs/client'
import { ReplayError } from './replay-error.ts'

/**
 * Runs `work` with a signal that fires when `outer` does, or when `work` did not call `touch` for `quietMs`.
 * @throws ReplayError STALLED as the reason of that signal
 */
export const watched = async <T>(
  env: Pick<Env, 'now' | 'sleep'>,
  quietMs: number,
  outer: AbortSignal,
  work: (signal: AbortSignal, touch: () => void) => Promise<T>,
): Promise<T> => {
  const quiet = new AbortController()
  const done = new AbortController()
  let last = env.now()
  const guard = async () => {
    while (!done.signal.aborted) {
      const left = last + quietMs - env.now()
      if (left > 0) await env.sleep(left, done.signal)
      else return quiet.abort(new ReplayError('STALLED', `nothing moved for ${quietMs / 1_000} s`))
    }
  }
  void guard()
  try {
    return await work(AbortSignal.any([outer, quiet.signal]), () => {
      last = env.now()
    })
  } finally {
    done.abort()
  }
}

/** What `promise` settles with, or a rejection with the reason of `signal` if that comes first. */
export const unlessAborted = <T>(promise: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    const settled = () => signal.removeEventListener('abort', abort)
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort)
    promise.then(
      value => {
        settled()
        resolve(value)
      },
      error => {
        settled()
        reject(error)
      },
    )
  })
