import type { Limits } from '../limits.ts'
import { Batch } from '../streams/batch.ts'
import { reached, type Streams } from '../streams/streams.ts'
import type { LiveReader } from '../streams/tail.ts'
import type { World } from '../world.ts'
import { accessProblem } from './access-problem.ts'
import { Refusal } from './answer.ts'
import { type Exchange, whenGone } from './exchange.ts'
import type { SseRead } from './sse.ts'

/**
 * PROTOCOL 5.7: the next bytes, waited for if need be. An empty batch says that the wait is over: by time, by closure, or
 * because the server is stopping. Takes over `held`.
 * @throws Refusal when the reader may not read on
 */
export const respondLongPoll = async (
  c: Exchange,
  streams: Streams,
  read: SseRead,
  limits: Limits,
  world: World,
): Promise<Batch | 'gone' | 'split'> => {
  const { name, held, position } = read
  try {
    let state = reached(held)
    if (position >= state.tail && !state.closed) {
      if ((await waited(c, read, limits, world)) === 'gone') return 'gone'
      state = reached(held)
    }
    if (position < state.tail) return await streams.slice(name, state, position)
    const { closed } = state
    return new Batch(state, { from: position, to: position, upToDate: true, closed, records: [] })
  } finally {
    held.release()
  }
}

/** Resolves at the first bytes after the position, at the end of the stream, when the client leaves, or when the time is over. */
const waited = (
  c: Exchange,
  { held: { tail }, position }: SseRead,
  limits: Limits,
  world: World,
): Promise<'gone' | 'over'> =>
  new Promise((resolve, reject) => {
    const leave = () => {
      cancel()
      forget()
      stopWatching()
      tail.detach(reader)
    }
    const done = (result: 'gone' | 'over') => {
      leave()
      resolve(result)
    }
    const reader: LiveReader = {
      deliver: batch => {
        if (batch.to > position || batch.closed) done('over')
      },
      behind: () => done('over'),
      end: reason => done(reason === 'gone' ? 'gone' : 'over'),
    }
    const cancel = world.after(limits.longPollMs, () => done('over'))
    const forget = whenGone(c, () => done('over'))
    const stopWatching = c.get('pass').watch(refused => {
      leave()
      reject(new Refusal(accessProblem(refused)))
    })
    tail.attach(reader)
  })
