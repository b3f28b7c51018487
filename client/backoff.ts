import type { Env } from './env.ts'
import { limits } from './limits.ts'

/** Between which bounds the waits after failures lie, in milliseconds. */
export interface Waits {
  readonly baseMs: number
  readonly capMs: number
}

/** Below what a wait is random when many clients may be in the same case at the same instant. */
export const spread = ({ baseMs, capMs }: Waits): number => Math.min(capMs, baseMs * 2 ** limits.doublings)

/** What of a wait a server asked for, and nobody may cut short: up to an hour. */
export const owed = (retryAfterMs = 0): number => Math.min(retryAfterMs, limits.retryAfterMs)

/**
 * How long to wait after the failure numbered `failures` (from 0): full jitter, so that a server that comes back is not
 * met by every client at once. What the server asked for comes before that; it asked everybody, so none comes on the dot.
 */
export const backoff = (
  failures: number,
  env: Pick<Env, 'random'>,
  waits: Waits = limits,
  retryAfterMs = 0,
): number => {
  const own = Math.min(waits.capMs, waits.baseMs * 2 ** failures)
  const asked = owed(retryAfterMs)
  return asked + Math.round(env.random() * Math.max(own, Math.min(asked, spread(waits))))
}

/** `Retry-After` in either of its forms (RFC 9110, 10.2.3) as milliseconds from `now`; undefined for neither. */
export const parseRetryAfter = (value: string | null, now: number): number | undefined => {
  if (value === null) return undefined
  const text = value.trim()
  if (/^\d+$/.test(text)) return Number(text) * 1000
  // Engines find a date in almost any text; HTTP's begin with the day.
  const at = /^(?:mon|tue|wed|thu|fri|sat|sun)/i.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}
