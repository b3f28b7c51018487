import type { StreamConfig, StreamState } from './state.ts'

/**
 * A sliding window that wrote its deadline on every read would make reads cost writes. So a touch moves the deadline a
 * little further than asked, and the touches within that slack need no write. The stream may live that much too long,
 * never too short, whichever process or restart reads the deadline.
 */
const slackMs = (ttlSeconds: number): number => Math.min(60_000, (ttlSeconds * 1000) / 8)

/** PROTOCOL 5.1: the deadline of a stream created now (E1). */
export const firstDeadline = (config: StreamConfig, now: number): number | undefined =>
  config.ttlSeconds !== undefined ? now + config.ttlSeconds * 1000 : config.expiresAt

/** E2: from the deadline on. */
export const isExpired = (state: Pick<StreamState, 'deadline'>, now: number): boolean =>
  state.deadline !== undefined && now >= state.deadline

/** E6: a deleted stream is over once no fork holds it, and not before; its time does not matter any more. */
export const isOver = (state: Pick<StreamState, 'deadline' | 'deleted' | 'refs'>, now: number): boolean =>
  state.deleted ? state.refs === 0 : isExpired(state, now)

/** E7: when a stream is to be looked at, whether or not somebody asks for it; null for never. */
export const dueAt = ({ deadline, deleted, refs }: Pick<StreamState, 'deadline' | 'deleted' | 'refs'>) => {
  if (deleted) return refs === 0 ? 0 : null
  return deadline ?? null
}

/**
 * The deadline after a read or write now.
 * - E3 It leaves at least the whole window, and never comes closer.
 * - E4 It leaves at most the slack more, and stays the same while the slack lasts.
 * - E5 An absolute end never moves.
 */
export const touchedDeadline = ({ config, deadline }: StreamState, now: number): number | undefined => {
  if (config.ttlSeconds === undefined || deadline === undefined) return deadline
  const wanted = now + config.ttlSeconds * 1000
  return wanted > deadline ? wanted + slackMs(config.ttlSeconds) : deadline
}
