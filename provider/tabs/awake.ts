import type { Env } from '../../client/index.ts'
import type { Locks } from './origin.ts'

export interface AwakeParts {
  readonly locks: Locks
  readonly env: Pick<Env, 'now'>
  /** Of a lock that nothing else is done with. */
  readonly name: string
}

/** Of the lock by which a tab knows that it runs. */
export const awakeName = (group: string, tab: string): string => `${group}:awake:${tab}`

/** Milliseconds. A leader is given longer after a question before it is deposed, so news of a lock that takes less is from before. */
const lateMs = 1_000

/**
 * Resolves once this tab is known to run, and to have heard what was decided about locks until then. Chromium goes on to deliver
 * a frozen page's channel messages, of all its tasks those alone, so that hearing one proves nothing. News of a lock is another
 * task, and unlike a timer it is on time in hidden tabs. What waited for the thaw comes before newer news, that this tab was
 * deposed meanwhile: so it must be on time to count.
 * @throws DOMException where there are no locks, or none any more
 */
export const awake = async ({ locks, env, name }: AwakeParts): Promise<void> => {
  for (let late = true; late; ) {
    const asked = env.now()
    await locks.request(name, { ifAvailable: true }, () => Promise.resolve())
    late = env.now() - asked > lateMs
  }
}

export interface AnswerParts extends AwakeParts {
  readonly signal: AbortSignal
  /** Says what only a tab that runs may say. Does not throw. */
  answer(): void
}

/** What a leader says only while it runs, for followers rely on that: one answer for all that asked meanwhile. */
export const answerWhenAwake = ({ signal, answer, ...parts }: AnswerParts): { asked(): void } => {
  let asking = false
  const prove = async (): Promise<void> => {
    asking = true
    try {
      await awake(parts)
    } catch {
      return // A document that is going has no locks any more. It is about to be missed, and should be.
    } finally {
      asking = false
    }
    if (!signal.aborted) answer()
  }
  return {
    asked: () => {
      if (!asking) void prove()
    },
  }
}
