import type { Http2Bindings, HttpBindings } from '@hono/node-server'
import type { Context, Handler } from 'hono'
import type { Pass } from '../access/pass.ts'

/** What every handler is given. The node objects are there on a real socket and absent in socketless use. */
export interface AppEnv {
  Bindings: Partial<HttpBindings | Http2Bindings>
  Variables: {
    requestId: string
    /** Headers that every answer to this request carries. */
    common: Record<string, string>
    /** Whether answers depend on who asks, so that no cache may give one to somebody else. */
    confidential: boolean
    /** Of requests to `/v1/`: for how long they are allowed, and what their caller may use. */
    pass: Pass
  }
}
export type Exchange = Context<AppEnv>
export type Verb = Handler<AppEnv>

/** The request target as it came, before any URL parser tidied it: path and query. */
export const rawTarget = (c: Exchange): string => targetOf(c.req.url, c.env)

/** The same before there is an exchange. */
export const targetOf = (url: string, env: AppEnv['Bindings'] | undefined): string => {
  const raw = env?.incoming?.url
  if (raw !== undefined) return raw
  const { pathname, search } = new URL(url)
  return pathname + search
}

/** The query of a request. Its URL as a whole may be none: a client names whatever host it likes. */
export const queryOf = (c: Exchange): URLSearchParams => {
  const [target = ''] = rawTarget(c).split('#', 1)
  const mark = target.indexOf('?')
  return new URLSearchParams(mark < 0 ? '' : target.slice(mark))
}

/** Whether this request is one of many that share a connection, so that ending the connection would end them all. */
export const isHttp2 = (c: Exchange): boolean => c.env?.incoming?.httpVersionMajor === 2

type Outgoing = NonNullable<Exchange['env']['outgoing']>

/** Where an answer goes, and what knows how far it got: in HTTP/2 the response has no such state, its stream has. */
export const outletOf = (outgoing: Outgoing) => ('stream' in outgoing ? outgoing.stream : outgoing)

/** Drops what is left of an answer: with its connection, or in HTTP/2 its stream alone. */
export const dropAnswer = (outgoing: Outgoing): void => {
  const outlet = outletOf(outgoing)
  if ('stream' in outgoing) outgoing.stream.close(cancelled)
  // Where nothing gets through to the client, its stream would stay until something does.
  outlet.destroy()
}

/** RFC 9113 7, CANCEL. */
const cancelled = 8

/** Whether nobody waits for the answer any more: the client left, or its stream was reset by either side. */
export const isAbandoned = (c: Exchange): boolean => {
  const outgoing = c.env?.outgoing
  return (
    c.req.raw.signal.aborted || (outgoing !== undefined && 'stream' in outgoing && outgoing.stream.aborted)
  )
}

/** Runs `task` when the client is gone or the answer is over, whichever comes first. @returns how to forget it */
export const whenGone = (c: Exchange, task: () => void): (() => void) => {
  const outgoing = c.env?.outgoing
  if (outgoing) {
    const outlet = outletOf(outgoing)
    // Gone already: there is no 'close' to come.
    if (outlet.destroyed) queueMicrotask(task)
    else outlet.once('close', task)
    return () => outlet.off('close', task)
  }
  const { signal } = c.req.raw
  if (signal.aborted) queueMicrotask(task)
  else signal.addEventListener('abort', task, { once: true })
  return () => signal.removeEventListener('abort', task)
}
