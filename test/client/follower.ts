import { type Batch, DurableStream, type FollowOptions, type LinkState } from '../../client/index.ts'
import { Live } from '../../protocol/index.ts'
import { textOf } from './replay.ts'
import type { World } from './world.ts'

export const url = 'http://server/v1/stream/s'

/** Follows in the background, by server-sent events unless told otherwise, with everything that was received and told so far. */
export const following = (world: World, options: FollowOptions = {}) => {
  const batches: Batch[] = []
  const told: LinkState[] = []
  const drain = async () => {
    const stream = new DurableStream({ url, env: world })
    for await (const batch of stream.follow({
      live: Live.sse,
      onLink: state => told.push(state),
      ...options,
    }))
      batches.push(batch)
  }
  const done = drain()
  done.catch(() => {}) // looked at where it matters
  return { batches, told, done, texts: () => batches.map(batch => textOf(batch.bytes)) }
}

/** The link's states in short. */
export const phases = (told: readonly LinkState[]) =>
  told.map(state => {
    if (state.phase === 'connecting') return state.turnover ? 'turnover' : 'connecting'
    if (state.phase === 'open') return state.caughtUp ? 'caught up' : 'open'
    return `${state.error.code} ${state.delayMs}`
  })
