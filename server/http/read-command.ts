import { ErrorCode, Live, Query, type Transport } from '../../protocol/index.ts'
import { clientCursor } from '../rules/cursor.ts'
import { Refusal } from './answer.ts'

/** What a GET asks for (PROTOCOL 5.6 to 5.8). */
export interface ReadCommand {
  readonly offset: string | undefined
  readonly live: Transport | undefined
  readonly cursor: number | undefined
}

const invalid = (message: string): Refusal =>
  new Refusal({ status: 400, code: ErrorCode.invalidRequest, message })

/** @throws Refusal for an offset given twice or empty, an unknown live mode, or a live mode without offset */
export const parseRead = (query: URLSearchParams, serverPicks: Transport): ReadCommand => {
  const offsets = query.getAll(Query.offset)
  const [offset] = offsets
  if (offsets.length > 1) throw invalid(`Give ${Query.offset} once.`)
  if (offset === '') throw invalid(`${Query.offset} is empty. Leave it out to read from the beginning.`)
  const live = parseLive(query.get(Query.live), serverPicks)
  if (live && offset === undefined) throw invalid(`${Query.live} needs an ${Query.offset} to go on from.`)
  return { offset, live, cursor: clientCursor(query.get(Query.cursor) ?? undefined) }
}

const parseLive = (text: string | null, serverPicks: Transport): Transport | undefined => {
  if (text === null) return undefined
  if (text === Live.serverPicks) return serverPicks
  if (text === Live.longPoll || text === Live.sse) return text
  throw invalid(`${Query.live} is ${Live.longPoll} or ${Live.sse}.`)
}
