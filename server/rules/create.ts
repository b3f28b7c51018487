import { mediaType } from '../../protocol/index.ts'
import { firstDeadline } from './expiry.ts'
import { toMessages } from './messages.ts'
import type { CreateOutcome } from './outcome.ts'
import type { StreamConfig, StreamState } from './state.ts'

export interface CreateCommand {
  readonly config: StreamConfig
  readonly body: Uint8Array
  /** PROTOCOL 5.1: created closed, the body its whole content. */
  readonly closed: boolean
}

/** What a creation writes; the store gives the generation. */
export interface Birth {
  readonly state: Omit<StreamState, 'generation'>
  readonly records: readonly Uint8Array[]
}

const sameConfig = (a: StreamConfig, b: StreamConfig): boolean =>
  mediaType(a.contentType) === mediaType(b.contentType) &&
  a.ttlSeconds === b.ttlSeconds &&
  a.expiresAt === b.expiresAt

/**
 * PROTOCOL 5.1.
 * - C1 A new stream begins with its body and closure status.
 * - C2 A stream that is there already stays as it is, the body unread; the answer says whether it is what was asked for.
 *   A fork is not.
 * - C3 The closure status must match,
 * - C4 the content type too, parameters and case aside,
 * - C5 and the lifetime as it was asked for, not what is left of it.
 * - C6 A JSON body may be an empty array, but must be JSON.
 * - C7 The lifetime begins now.
 */
export const decideCreate = (
  existing: StreamState | undefined,
  command: CreateCommand,
  now: number,
): CreateOutcome | Birth => {
  if (existing) {
    const same =
      !existing.origin && sameConfig(existing.config, command.config) && existing.closed === command.closed
    return { kind: same ? 'exists' : 'mismatch', state: existing }
  }
  const messages = toMessages(command.config.contentType, command.body)
  if (messages.kind === 'invalid') return { kind: 'badBody', reason: messages.reason }
  const records = messages.kind === 'record' ? [messages.bytes] : []
  const state = {
    start: 0,
    tail: records[0]?.length ?? 0,
    config: command.config,
    deadline: firstDeadline(command.config, now),
    closed: command.closed,
    refs: 0,
    deleted: false,
  }
  return { state, records }
}
