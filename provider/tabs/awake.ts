import type { Locks } from './origin.ts'

export interface AwakeParts {
  readonly locks: Locks
  /** Of a lock that nothing else is done with. */
  readonly name: string
  readonly signal: AbortSignal
  /** Says what only a tab that runs may say. Does not throw. */
  answer(): void
}

/**
 * What a leader says only while it runs, for followers rely on that: one answer for all that asked meanwhile, and none while
 * this tab is frozen. Chromium goes on to deliver a frozen page's channel messages, of all its tasks those alone, so that a
 * message has to be answered from another one to prove anything. News of a lock is such a task, and unlike a timer it is on
 * time in hidden tabs.
 */
export const answerWhenAwake = ({ locks, name, signal, answer }: AwakeParts): { asked(): void } => {
  let asking = false
  const prove = async (): Promise<void> => {
    asking = true
    try {
      await locks.request(name, { ifAvailable: true }, () => Promise.resolve())
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
