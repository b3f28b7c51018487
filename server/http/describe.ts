import { Header, Present } from '../../protocol/index.ts'
import { offsetAt } from '../rules/parts.ts'
import type { StreamState } from '../rules/state.ts'
import { answer, type Headers, type Problem, refuse } from './answer.ts'
import type { Exchange } from './exchange.ts'

/** PROTOCOL 5.5: metadata without a body; looking does not count as use. */
export const respondDescribed = (
  c: Exchange,
  state: StreamState | undefined,
  missing: Problem,
  more: Headers = {},
): Response => {
  if (!state) return refuse(c, missing)
  const { tail, config } = state
  return answer(c, 200, {
    'Content-Type': config.contentType,
    'Cache-Control': 'no-store',
    [Header.nextOffset]: offsetAt(state, tail),
    ...(config.ttlSeconds !== undefined && { [Header.ttl]: config.ttlSeconds.toString() }),
    ...(config.expiresAt !== undefined && { [Header.expiresAt]: new Date(config.expiresAt).toISOString() }),
    ...(state.closed && { [Header.closed]: Present }),
    ...more,
  })
}
