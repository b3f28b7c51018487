import type { Env } from './env.ts'
import { limits } from './limits.ts'

/** Between which bounds the waits after failures lie, in milliseconds. */
export interface Waits {
  readonly baseMs: number
  readonly capMs: number
}

/**
 * How long to wait after the failure numbered `failures` (from 0): full jitter, so that a server that comes back is not
 * met by every client at once. What the server asked for comes before that, up to an hour.
 */
export const backoff = (
  failures: number,
  env: Pick<Env, 'random'>,
  waits: Waits = limits,
  retryAfterMs = 0,
): number =>
  Math.min(retryAfterMs, limits.retryAfterMs) +
  Math.round(env.random() * Math.min(waits.capMs, waits.baseMs * 2 ** failures))

/** `Retry-After` in either of its forms (RFC 9110, 10.2.3) as milliseconds from `now`; undefined for neither. */
export const parseRetryAfter = (value: string | null, now: number): number | undefined => {
  if (value === null) return undefined
  const text = value.trim()
  if (/^\d+$/.test(text)) return Number(text) * 1000
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}
