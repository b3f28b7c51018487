import { ErrorCode, Header, Live, Present, parseOffset, Sentinel } from '../../protocol/index.ts'
import type { Limits } from '../limits.ts'
import { nextCursor } from '../rules/cursor.ts'
import { locate } from '../rules/locate.ts'
import { toBody } from '../rules/messages.ts'
import type { GoneReason, Unplaced } from '../rules/outcome.ts'
import { offsetAt } from '../rules/parts.ts'
import type { StreamState } from '../rules/state.ts'
import { Batch } from '../streams/batch.ts'
import type { Held, Streams } from '../streams/streams.ts'
import type { World } from '../world.ts'
import { tooManyReaders } from './access-problem.ts'
import { answer, type Headers, type Problem, refuse } from './answer.ts'
import type { Exchange } from './exchange.ts'
import { respondLongPoll } from './long-poll.ts'
import { refuseAbsent } from './missing.ts'
import { isNotModified } from './not-modified.ts'
import type { ReadCommand } from './read-command.ts'
import { respondSse } from './sse.ts'

/** Everything a read needs to know of the server it is part of. */
export interface Reading {
  readonly streams: Streams
  readonly limits: Limits
  readonly world: World
  /** What is answered when there is no such stream. */
  readonly missing: Problem
  /** What no cache may keep, whatever the protocol allows: who is here now. */
  readonly ephemeral?: boolean
}

/** PROTOCOL 5.6 to 5.8: one stream, in whichever mode the command asks for. */
export const respondRead = async (
  c: Exchange,
  reading: Reading,
  name: string,
  command: ReadCommand,
): Promise<Response> =>
  command.live ? respondLive(c, reading, name, command) : respondCatchUp(c, reading, name, command)

const respondCatchUp = async (
  c: Exchange,
  reading: Reading,
  name: string,
  { offset }: ReadCommand,
): Promise<Response> => {
  const { streams, missing } = reading
  const state = await streams.load(name)
  if (!state) return refuseAbsent(c, streams, name, missing)
  const place = locate(state, offset)
  if (place.kind !== 'at') return refuse(c, unreadable(place))
  streams.touch(name, state)
  if (offset === Sentinel.tail) {
    const body = toBody(state.config.contentType, [])
    return answer(c, 200, { ...nowHeaders(state), 'Content-Type': state.config.contentType }, body)
  }
  const batch = await streams.slice(name, state, place.position)
  if (!(batch instanceof Batch)) return refuseLost(c, reading, name, state.generation, batch)
  const tag = etag(batch)
  const headers = { ...batchHeaders(batch), ETag: tag, 'Cache-Control': cacheControl(reading, offset, batch) }
  if (isNotModified(c, tag)) return answer(c, 304, headers)
  return answer(c, 200, { ...headers, 'Content-Type': batch.contentType }, batch.body())
}

const respondLive = async (
  c: Exchange,
  reading: Reading,
  name: string,
  { offset, live, cursor }: ReadCommand,
): Promise<Response> => {
  const { streams, limits, world, missing } = reading
  if (streams.readers(name) >= limits.readersPerStream) return refuse(c, crowded)
  const leave = c.get('pass').sit()
  if (!leave) return refuse(c, tooManyReaders)
  const held = await seated(streams.hold(name), leave)
  if (!held) return refuseAbsent(c, streams, name, missing)
  const place = locate(held.state, offset)
  if (place.kind !== 'at') {
    held.release()
    return refuse(c, unreadable(place))
  }
  streams.touch(name, held.state)
  const read = { name, held, position: place.position, clientCursor: cursor }
  const { generation } = held.state
  if (live === Live.sse) {
    const answered = await respondSse(c, streams, read, limits, world)
    return answered instanceof Response ? answered : refuseLost(c, reading, name, generation, answered)
  }
  const waited = await respondLongPoll(c, streams, read, limits, world)
  if (!(waited instanceof Batch)) return refuseLost(c, reading, name, generation, waited)
  const headers: Headers = {
    ...batchHeaders(waited),
    ...(!waited.closed && { [Header.cursor]: nextCursor(world.now(), cursor, world.random, waited.to) }),
    ...liveCaching(reading, offset, waited),
  }
  if (waited.records.length === 0) return answer(c, 204, headers)
  return answer(c, 200, { ...headers, 'Content-Type': waited.contentType }, waited.body())
}

/** Held until the reader leaves; then the caller may have another. */
const seated = async (holding: Promise<Held | undefined>, leave: () => void): Promise<Held | undefined> => {
  let held: Held | undefined
  try {
    held = await holding
  } finally {
    if (!held) leave()
  }
  if (!held) return undefined
  const { state, tail, release } = held
  return {
    state,
    tail,
    release: () => {
      release()
      leave()
    },
  }
}

/** A place that is none, or whose bytes are not there any more: trimmed, or the stream was removed in the meantime. */
const refuseLost = async (
  c: Exchange,
  { streams, missing }: Reading,
  name: string,
  generation: number,
  lost: 'split' | 'gone',
): Promise<Response> => {
  if (lost === 'split') return refuse(c, unreadable({ kind: 'malformed' }))
  const state = await streams.load(name)
  if (!state) return refuseAbsent(c, streams, name, missing)
  const reason = state.generation === generation ? 'trimmed' : 'recreated'
  return refuse(c, unreadable({ kind: 'gone', reason }))
}

const batchHeaders = (batch: Batch): Headers => ({
  [Header.nextOffset]: batch.next,
  ...(batch.upToDate && { [Header.upToDate]: Present }),
  ...(batch.closed && { [Header.closed]: Present }),
})

const nowHeaders = (state: StreamState): Headers => ({
  [Header.nextOffset]: offsetAt(state, state.tail),
  [Header.upToDate]: Present,
  'Cache-Control': 'no-store',
  ...(state.closed && { [Header.closed]: Present }),
})

/** PROTOCOL 10.1: changes with the bytes answered and with closure, and never returns in a later life of the path. */
const etag = ({ generation, from, to, closed }: Batch): string =>
  `"${generation}:${from}:${to}${closed ? ':c' : ''}"`

const shared = 'public, max-age=60, stale-while-revalidate=300'

/**
 * A chunk that ends before the tail never changes, so caches may keep it. At the tail, and from a sentinel or a source's
 * token, which name other bytes in another life of the path, an old answer would be a wrong one: kept only to be
 * revalidated.
 */
const cacheControl = ({ ephemeral }: Reading, offset: string | undefined, batch: Batch): string => {
  if (ephemeral) return 'no-store'
  return isOwnToken(offset, batch) && !batch.upToDate ? shared : 'no-cache'
}

/**
 * PROTOCOL 10.1. What follows a token of this life never changes; what follows another offset may. That nothing followed
 * is for those alone who waited in the same line: unless a cache may hand it to them, each waits anew behind the others.
 */
const liveCaching = ({ ephemeral }: Reading, offset: string | undefined, batch: Batch): Headers => {
  if (batch.records.length === 0) {
    const token = !ephemeral && offset !== undefined && parseOffset(offset)
    return { 'Cache-Control': token ? 'public, max-age=0, s-maxage=2' : 'no-store' }
  }
  if (offset === Sentinel.tail) return { 'Cache-Control': 'no-store' }
  const kept = isOwnToken(offset, batch) ? shared : 'no-cache'
  return { ETag: etag(batch), 'Cache-Control': ephemeral ? 'no-store' : kept }
}

const isOwnToken = (offset: string | undefined, { generation }: Batch): boolean =>
  offset !== undefined && parseOffset(offset)?.generation === generation

const crowded: Problem = {
  status: 503,
  code: ErrorCode.tooManyReaders,
  message: 'This stream has as many live readers as this server allows. Try again later.',
  headers: { 'Retry-After': '5' },
}

const gone = {
  trimmed: `The bytes at this offset are not kept any more. Start again from ${Sentinel.start}, or from the snapshot of a document.`,
  recreated: `This offset belongs to an earlier stream of this name, which was deleted. Start again from ${Sentinel.start}.`,
} satisfies Record<GoneReason, string>

export const unreadable = (outcome: Unplaced): Problem => {
  switch (outcome.kind) {
    case 'malformed':
      return {
        status: 400,
        code: ErrorCode.invalidRequest,
        message: `This is not an offset of this stream. Use one the server answered in ${Header.nextOffset}, ${Sentinel.start} or ${Sentinel.tail}.`,
      }
    case 'beyond':
      return {
        status: 400,
        code: ErrorCode.invalidRequest,
        message:
          'This offset lies beyond the end of the stream, so the server never gave it out for this stream.',
      }
    case 'gone':
      return {
        status: 410,
        code: ErrorCode.offsetExpired,
        message: gone[outcome.reason],
        details: { reason: outcome.reason },
      }
  }
}
