import type { Env } from '../../client/index.ts'

/**
 * Some browsers' databases hang, and any does while a frozen tab holds it up. A document that is opened waits no longer than
 * this for each answer.
 */
export const answerMs = 10_000

/** What the work comes to, or undefined when it takes longer than `ms`. It goes on all the same. */
export const within = <Result>(
  ms: number,
  work: Promise<Result>,
  env: Pick<Env, 'sleep'>,
): Promise<Result | undefined> => {
  const over = new AbortController()
  const late = env.sleep(ms, over.signal).then(() => undefined)
  return Promise.race([work, late]).finally(() => over.abort())
}
