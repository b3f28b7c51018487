import type { Settings } from '../options.ts'
import type { Replica } from '../replica.ts'
import { isMultiplexed } from './multiplexed.ts'
import { pageLocks } from './page-locks.ts'
import { type TurnParts, Turns } from './turns.ts'

/** The turns of a provider that takes them. */
export const takeTurns = (
  { url, env }: Settings,
  { outbox }: Replica,
  { isCaughtUp, onPause }: Pick<TurnParts, 'isCaughtUp' | 'onPause'>,
): Turns =>
  new Turns({
    locks: env.locks ?? pageLocks,
    env,
    origin: url.origin,
    isCaughtUp,
    isUnsaved: () => outbox.busy,
    isMultiplexed: () => isMultiplexed(url),
    onPause,
  })
