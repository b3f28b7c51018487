import { ErrorCode } from '../../protocol/index.ts'
import type { Streams } from '../streams/streams.ts'
import { type Problem, refuse } from './answer.ts'
import type { Exchange } from './exchange.ts'

/** PROTOCOL 5.2 to 5.6. */
export const missingStream: Problem = {
  status: 404,
  code: ErrorCode.streamNotFound,
  message: 'There is no stream here. Create it with PUT.',
}

/** PROTOCOL 4.2. */
export const deletedStream: Problem = {
  status: 410,
  code: ErrorCode.streamDeleted,
  message:
    'This stream was deleted. What forks of it still hold is kept for them alone; the path is free again when they are gone.',
}

/** Of a stream that `load` does not find: that it was deleted and forks hold it, or else `missing`. */
export const refuseAbsent = async (
  c: Exchange,
  streams: Streams,
  name: string,
  missing: Problem,
): Promise<Response> => refuse(c, (await streams.absence(name)) === 'deleted' ? deletedStream : missing)

/** YJS 10. */
export const missingDocument: Problem = {
  status: 404,
  code: ErrorCode.documentNotFound,
  message: 'There is no document here. Create it with PUT.',
}

/** YJS 10: deleted after a newer one was made, or never there. */
export const missingSnapshot: Problem = {
  status: 404,
  code: ErrorCode.snapshotNotFound,
  message: 'There is no such snapshot, or no longer. Ask for the current one with offset=snapshot.',
}
