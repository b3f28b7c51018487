import type { Limits } from '../limits.ts'
import type { Streams } from '../streams/streams.ts'
import { answer, refuse } from './answer.ts'
import { rawTarget, type Verb } from './exchange.ts'
import { missingStream } from './missing.ts'
import { streamName } from './target.ts'

/** PROTOCOL 5.4. */
export const remove =
  (streams: Streams, limits: Limits): Verb =>
  async c => {
    const removed = await streams.remove(streamName(rawTarget(c), limits.nameBytes))
    return removed ? answer(c, 204, {}) : refuse(c, missingStream)
  }
