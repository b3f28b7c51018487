import type { HttpBindings } from '@hono/node-server'
import type { Context, Handler } from 'hono'

/** What every handler is given. The node objects are there on a real socket and absent in socketless use. */
export interface AppEnv {
  Bindings: Partial<HttpBindings>
  Variables: {
    requestId: string
    /** Headers that every answer to this request carries. */
    common: Record<string, string>
  }
}
export type Exchange = Context<AppEnv>
export type Verb = Handler<AppEnv>

/** The request target as it came, before any URL parser tidied it: path and query. */
export const rawTarget = (c: Exchange): string => {
  const raw = c.env?.incoming?.url
  if (raw !== undefined) return raw
  const { pathname, search } = new URL(c.req.url)
  return pathname + search
}

/** Runs `task` when the client is gone or the answer is over, whichever comes first. @returns how to forget it */
export const whenGone = (c: Exchange, task: () => void): (() => void) => {
  const outgoing = c.env?.outgoing
  if (outgoing) {
    // Gone already: there is no 'close' to come.
    if (outgoing.destroyed) queueMicrotask(task)
    else outgoing.once('close', task)
    return () => outgoing.off('close', task)
  }
  const { signal } = c.req.raw
  if (signal.aborted) queueMicrotask(task)
  else signal.addEventListener('abort', task, { once: true })
  return () => signal.removeEventListener('abort', task)
}
