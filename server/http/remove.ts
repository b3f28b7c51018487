import type { Limits } from '../limits.ts'
import type { Streams } from '../streams/streams.ts'
import { answer } from './answer.ts'
import { rawTarget, type Verb } from './exchange.ts'
import { missingStream, refuseAbsent } from './missing.ts'
import { streamName } from './target.ts'

/** PROTOCOL 5.4; 4.2 for a stream that forks hold. */
export const remove =
  (streams: Streams, limits: Limits): Verb =>
  async c => {
    const name = streamName(rawTarget(c), limits.nameBytes)
    return (await streams.remove(name)) ? answer(c, 204, {}) : refuseAbsent(c, streams, name, missingStream)
  }
