import { formatOffset, LinkType, Sentinel } from '../../protocol/index.ts'
import { locate } from '../rules/locate.ts'
import type { StreamState } from '../rules/state.ts'
import { type Cursor, cursorAt, type Link } from './record.ts'

/** The streams of a subscription as they are; one that is not there has no entry. */
export type Tails = ReadonlyMap<string, StreamState>
export type Links = ReadonlyMap<string, Link>

/**
 * - N1 A cursor belongs to one incarnation of its stream: for another one nothing has been processed.
 * - N2 Work is pending while the tail lies past the cursor.
 */
const processed = ({ at }: Link, incarnation: number): number =>
  at?.incarnation === incarnation ? at.position : 0

const isPending = (link: Link, tail: Cursor): boolean => tail.position > processed(link, tail.incarnation)

export const firstPending = (links: Links, tails: Tails): string | undefined => {
  for (const [path, link] of links) {
    const state = tails.get(path)
    if (state && isPending(link, tailOf(state))) return path
  }
  return undefined
}

export const tailOf = (state: StreamState): Cursor => cursorAt(state, state.tail)

/** PROTOCOL 6.3: one stream of a subscription, as the wire says it. `incarnation` is that of the stream, if it is there. */
export const describeLink = (path: string, link: Link, incarnation: number | undefined) => ({
  path,
  link_type: link.explicit ? LinkType.explicit : LinkType.glob,
  acked_offset:
    link.at && (incarnation ?? link.at.incarnation) === link.at.incarnation
      ? formatOffset(link.at)
      : Sentinel.start,
})

/** PROTOCOL 7.1: the same with the tail that a worker is told. */
export const describeTold = (links: Links, told: ReadonlyMap<string, Cursor>) =>
  [...told].flatMap(([path, tail]) => {
    const link = links.get(path)
    if (!link) return []
    const described = describeLink(path, link, tail.incarnation)
    return [{ ...described, tail_offset: formatOffset(tail), has_pending: isPending(link, tail) }]
  })

/** Bytes of one stream in a wake's JSON beside its path: names, two offsets, punctuation. */
const entryBytes = 190

/**
 * - N3 A worker is told of pending streams first, then of the others, as far as `bytes` reach; what is left out stays
 *   pending and comes with a later wake.
 */
export const listed = (links: Links, tails: Tails, bytes: number): ReadonlyMap<string, Cursor> => {
  const pending: [string, Cursor][] = []
  const others: [string, Cursor][] = []
  for (const [path, link] of links) {
    const state = tails.get(path)
    if (state) (isPending(link, tailOf(state)) ? pending : others).push([path, tailOf(state)])
  }
  let room = bytes
  const fits = ([path]: readonly [string, Cursor]): boolean => {
    room -= entryBytes + Buffer.byteLength(JSON.stringify(path))
    return room >= 0
  }
  return new Map([...pending, ...others].filter(fits))
}

export interface Ack {
  readonly path: string
  readonly offset: string
}

export type AckOutcome =
  | { readonly kind: 'acked'; readonly links: Links }
  | { readonly kind: 'badAck'; readonly path: string; readonly reason: string; readonly malformed: boolean }

/**
 * PROTOCOL 7: acknowledgements, all of them or none.
 * - N4 Each names a stream of the subscription and an offset of its present incarnation,
 * - N5 not before the cursor and not past the tail;
 * - N6 the start sentinel is none: it acknowledges nothing.
 * - N7 A stream that was acknowledged goes behind the others, so that no busy one starves the rest of a full wake.
 */
export const applyAcks = (links: Links, tails: Tails, acks: readonly Ack[]): AckOutcome => {
  const next = new Map(links)
  for (const { path, offset } of acks) {
    const bad = (reason: string, malformed = false): AckOutcome => ({
      kind: 'badAck',
      path,
      reason,
      malformed,
    })
    const link = next.get(path)
    if (!link) return bad('it is no stream of this subscription')
    const state = tails.get(path)
    if (!state) return bad('the stream is not there')
    if (offset === Sentinel.start || offset === Sentinel.tail)
      return bad('the offset is no place in a stream')
    const found = locate(state, offset)
    if (found.kind === 'malformed') return bad('the offset is none this server gave', true)
    if (found.kind === 'beyond') return bad('the offset lies past the tail')
    if (found.kind === 'gone') return bad('the offset belongs to bytes that are no more')
    if (found.position < processed(link, state.generation))
      return bad('the offset lies before what was acknowledged')
    move(next, path, link, cursorAt(state, found.position))
  }
  return { kind: 'acked', links: next }
}

/** N8 Being done with a wake acknowledges exactly the tails it told, never less than was acknowledged before. */
export const ackTold = (links: Links, told: ReadonlyMap<string, Cursor>): Links => {
  const next = new Map(links)
  for (const [path, tail] of told) {
    const link = next.get(path)
    if (!link) continue
    const { at } = link
    const isNews =
      !at ||
      at.incarnation < tail.incarnation ||
      (at.incarnation === tail.incarnation && at.position < tail.position)
    if (isNews) move(next, path, link, tail)
  }
  return next
}

const move = (links: Map<string, Link>, path: string, link: Link, at: Cursor): void => {
  links.delete(path)
  links.set(path, { explicit: link.explicit, at })
}
