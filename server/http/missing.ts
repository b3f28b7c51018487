import { ErrorCode } from '../../protocol/index.ts'
import type { Problem } from './answer.ts'

/** PROTOCOL 5.2 to 5.6. */
export const missingStream: Problem = {
  status: 404,
  code: ErrorCode.streamNotFound,
  message: 'There is no stream here. Create it with PUT.',
}

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
