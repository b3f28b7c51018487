import { mediaType, parseOffset, Sentinel } from '../../protocol/index.ts'
import type { Birth } from './create.ts'
import { firstDeadline } from './expiry.ts'
import { isZero, locate } from './locate.ts'
import { firstOf, toMessages } from './messages.ts'
import type { CreateOutcome, ForkRefusal, LocateOutcome } from './outcome.ts'
import { baseOf, inheritedBefore, placeAt } from './parts.ts'
import type { Origin, StreamConfig, StreamState } from './state.ts'

type Lifetime = Pick<StreamConfig, 'ttlSeconds' | 'expiresAt'>

export interface ForkCommand {
  /** The name of the stream to fork. */
  readonly source: string
  /** The fork point, as a token; the source's tail when left out. */
  readonly offset?: string | undefined
  /** How much to take of the append that begins at the fork point: bytes, or of JSON messages. */
  readonly subOffset: number
  /** The source's when left out. */
  readonly contentType?: string | undefined
  /** Empty when left out. */
  readonly lifetime: Lifetime
  readonly body: Uint8Array
  readonly closed: boolean
  /** How many sources may lie behind a fork. */
  readonly deepest: number
}

/** What the store has at a place of a source: the append that begins there, or whether the place lies inside one. */
export interface Found {
  readonly generation: number
  readonly position: number
  readonly append: Uint8Array | 'inside' | 'none'
}

/**
 * PROTOCOL 4.2: whether the stream that is there already is the fork that is asked for.
 * - F5 It is when it has the same source, sub-offset and closure status,
 * - F6 and what the request names of content type, fork point and lifetime; what the request leaves out is no difference,
 *   unless the fork was given a lifetime of its own.
 */
export const decideForkAgain = (existing: StreamState, command: ForkCommand): CreateOutcome => {
  const { origin, config, closed } = existing
  const same =
    origin?.source === command.source &&
    origin.subOffset === command.subOffset &&
    closed === command.closed &&
    (command.contentType === undefined || mediaType(command.contentType) === mediaType(config.contentType)) &&
    isPoint(existing, command.offset) &&
    isLifetime(origin, config, command.lifetime)
  return { kind: same ? 'exists' : 'mismatch', state: existing }
}

const isPoint = (fork: StreamState, offset: string | undefined): boolean => {
  if (offset === undefined) return true
  const point = placeAt(fork, baseOf(fork))
  const place = parseOffset(offset)
  if (offset === Sentinel.start || (place && isZero(place))) return point.position === 0
  return place?.generation === point.generation && place.position === point.position
}

const isAsked = ({ ttlSeconds, expiresAt }: Lifetime): boolean =>
  ttlSeconds !== undefined || expiresAt !== undefined

const isLifetime = ({ ownLifetime }: Origin, config: StreamConfig, asked: Lifetime): boolean =>
  isAsked(asked)
    ? asked.ttlSeconds === config.ttlSeconds && asked.expiresAt === config.expiresAt
    : !ownLifetime

/** F7: the fork point is where a read of the source would begin; left out it is the tail. */
export const locateFork = (source: StreamState, { offset }: ForkCommand): LocateOutcome =>
  locate(source, offset ?? Sentinel.tail)

/** F8: whether only the store can say that an append begins at `position`: known are the ends. */
export const mustLookUp = ({ start, tail }: StreamState, position: number, command: ForkCommand): boolean =>
  command.subOffset > 0 || (position !== start && position !== tail)

/**
 * PROTOCOL 4.2: a fork of `source`, or why there is none.
 * - F9 A content type that is named must be the source's.
 * - F10 The chain of sources is bounded: every commit to a fork writes down what it inherits.
 * - F11 A place inside an append was never an offset, so it is no fork point.
 * - F12 A sub-offset takes the beginning of the append at the fork point, the whole of it at most; that becomes the
 *   fork's first own append, and the body the next.
 * - F13 The lifetime is the one asked for, else the source's, and begins now.
 * - F14 Closure, producers and Stream-Seq are not inherited.
 * @returns undefined when `found` does not speak of the fork point
 */
export const decideFork = (
  source: StreamState,
  command: ForkCommand,
  found: Found | undefined,
  now: number,
): Birth | ForkRefusal | undefined => {
  const { contentType } = source.config
  if (command.contentType !== undefined && mediaType(command.contentType) !== mediaType(contentType)) {
    return { kind: 'wrongContentType', expected: contentType }
  }
  const depth = (source.origin?.depth ?? 0) + 1
  if (depth > command.deepest) return { kind: 'tooDeep', deepest: command.deepest }
  const place = locateFork(source, command)
  if (place.kind !== 'at') return { kind: 'badPoint', why: place }
  const { position } = place
  let part: Uint8Array | undefined
  if (mustLookUp(source, position, command)) {
    if (found?.generation !== source.generation || found.position !== position) return undefined
    if (found.append === 'inside') return { kind: 'badPoint', why: { kind: 'malformed' } }
    if (command.subOffset > 0) {
      part = found.append === 'none' ? undefined : firstOf(contentType, found.append, command.subOffset)
      if (!part) return { kind: 'badSubOffset' }
    }
  }
  const messages = toMessages(contentType, command.body)
  if (messages.kind === 'invalid') return { kind: 'badBody', reason: messages.reason }
  const records = [...(part ? [part] : []), ...(messages.kind === 'record' ? [messages.bytes] : [])]
  const ownLifetime = isAsked(command.lifetime)
  const { ttlSeconds, expiresAt } = ownLifetime ? command.lifetime : source.config
  const config = {
    contentType,
    ...(ttlSeconds !== undefined && { ttlSeconds }),
    ...(expiresAt !== undefined && { expiresAt }),
  }
  const inherited = inheritedBefore(source, position)
  const state = {
    start: inherited[0]?.from ?? position,
    tail: records.reduce((tail, record) => tail + record.length, position),
    config,
    deadline: firstDeadline(config, now),
    closed: command.closed,
    refs: 0,
    deleted: false,
    origin: {
      source: command.source,
      generation: source.generation,
      depth,
      root: source.origin?.root ?? source.generation,
      base: position,
      inherited,
      subOffset: command.subOffset,
      ownLifetime,
    },
  }
  return { state, records }
}
