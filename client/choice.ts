import { Live, type Transport } from '../protocol/index.ts'
import { ClientCode, type StreamError } from './error.ts'
import { limits } from './limits.ts'
import type { Remembered } from './remembered.ts'

/** Event streams where they get through, long-poll where they do not, found out on the way. */
export const automatic = 'auto'
export type LiveMode = Transport | typeof automatic

/** A plain read: one catch-up read from where the link is. */
export const plainRead = 'read'
/** What the next request is. */
export type Way = Transport | typeof plainRead

/** What became of one answer by server-sent events. */
export interface Ending {
  /** A plain read sent after it was quicker, and was taken in its place. */
  readonly overtaken: boolean
  /** The head came, and was that of an event stream. */
  readonly opened: boolean
  /** A byte came, if only of a comment. */
  readonly heard: boolean
  /** The offset moved. */
  readonly moved: boolean
  readonly livedMs: number
  /** Undefined when the server ended it in good order. */
  readonly error: StreamError | undefined
}

/** What a follower asks before, and tells after, each of its requests. */
export interface Guide {
  /** Whether there is nothing to decide. */
  readonly pinned: boolean
  /** The next request. `working`: a long-poll is at its wait, and not to be given up to see how event streams do. */
  way(now: number, working: boolean): Way
  /** After each answer by server-sent events. */
  ended(ending: Ending, now: number): void
  /** After each plain read and long-poll; `waited` when it was a wait for what comes. */
  polled(through: boolean, waited: boolean, now: number): void
  /** Whether a refusal for good of an event stream may be somebody else's than the server's. */
  doubts(error: StreamError): boolean
  /** Whether event streams are due for a second look, beside the long-poll that works. Whoever is told so is to take it. */
  claimLook(now: number): boolean
  /** What it showed; undefined when it was broken off. */
  looked(through: boolean | undefined, now: number): void
}

/** The way that the caller chose. */
export const pinned = (transport: Transport): Guide => ({
  pinned: true,
  way: () => transport,
  ended: () => {},
  polled: () => {},
  doubts: () => false,
  claimLook: () => false,
  looked: () => {},
})

/** From here on event streams are doubted. */
const enough = 3
const gateway = new Set([502, 503, 504])

/** How much an ending speaks against event streams; `enough` at once, or less. The numbers are those of the tests. */
export const weigh = ({ opened, heard, moved, livedMs, error }: Ending): number => {
  if (heard && error?.code === ClientCode.timeout) return enough // W1 it fell silent, which servers do not
  if (moved) return 0 // W2 it got through, whatever ended it
  if (error?.details.page) return enough // W3 a page for people: something in between spoke
  if (!opened && error?.code === ClientCode.badAnswer) return enough // W4 something else than events
  if (!opened && gateway.has(error?.status ?? 0)) return error?.details.error ? 0 : 1 // W5 unless it is the server's own word
  if (!opened) return error?.code === ClientCode.network ? 1 : 0 // W6 browsers show a gateway's answer to others' pages so
  if (error?.code === ClientCode.timeout) return 0 // W7 a plain read was no quicker, or it would have overtaken
  if (error?.code === ClientCode.wentBack) return 0 // W8 that is what the server said
  return livedMs < limits.steadyMs ? 1 : 0 // W9 cut, or ended, within seconds
}

/** Whether an ending shows that event streams get through. */
const isWell = ({ heard, moved, livedMs, error }: Ending): boolean =>
  error?.code !== ClientCode.timeout && (moved || (heard && livedMs >= limits.steadyMs))

type Standing =
  /** Event streams, while not too much speaks against them. */
  | 'trusting'
  /** A plain read, to see whether anything gets through. */
  | 'asking'
  /** Something did. An event stream again, in case all that had happened was that the server came back. */
  | 'confirming'
  /** Long-poll, until it has shown that it gets through where event streams did not. */
  | 'trying'
  /** Long-poll, for a while. */
  | 'polling'

type Finding =
  /** Of event streams: one gets through, they are doubted, a plain read overtook one. */
  | 'well'
  | 'doubted'
  | 'overtaken'
  /** Of plain reads and long-polls: one got through, or did not. */
  | 'through'
  | 'failed'
  /** What the page remembers: avoid event streams; nothing against them. */
  | 'avoid'
  | 'clear'

/** Every square is decided. */
const nextStanding: Readonly<Record<Standing, Readonly<Record<Finding, Standing>>>> = {
  trusting: {
    well: 'trusting',
    doubted: 'asking',
    overtaken: 'confirming',
    through: 'trusting',
    failed: 'trusting',
    avoid: 'polling',
    clear: 'trusting',
  },
  asking: {
    well: 'asking',
    doubted: 'asking',
    overtaken: 'asking',
    through: 'confirming',
    failed: 'trusting',
    avoid: 'polling',
    clear: 'asking',
  },
  confirming: {
    well: 'trusting',
    doubted: 'trying',
    overtaken: 'trying',
    through: 'confirming',
    failed: 'confirming',
    avoid: 'polling',
    clear: 'confirming',
  },
  trying: {
    well: 'trying',
    doubted: 'trying',
    overtaken: 'trying',
    through: 'polling',
    failed: 'trusting',
    avoid: 'trying',
    clear: 'trusting',
  },
  polling: {
    well: 'polling',
    doubted: 'polling',
    overtaken: 'polling',
    through: 'polling',
    failed: 'polling',
    avoid: 'polling',
    clear: 'trusting',
  },
}

const wayOf: Readonly<Record<Standing, Way>> = {
  trusting: Live.sse,
  asking: plainRead,
  confirming: Live.sse,
  trying: Live.longPoll,
  polling: Live.longPoll,
}

/**
 * Which way one follower goes. A server that is away says nothing about event streams: they are given up only when a plain
 * read got through between two of them that did not, and for long only once a long-poll did better.
 */
export class Choice implements Guide {
  readonly pinned = false
  readonly #remembered: Remembered
  #standing: Standing = 'trusting'
  #doubts = 0

  constructor(remembered: Remembered) {
    this.#remembered = remembered
  }

  way(now: number, working: boolean): Way {
    const until = this.#remembered.until(now)
    const over = until !== undefined && until <= now
    if (over && !working) this.#remembered.forget()
    if (until === undefined || (over && !working)) this.#find('clear', now)
    else if (!over) this.#find('avoid', now)
    return wayOf[this.#standing]
  }

  ended(ending: Ending, now: number): void {
    if (ending.overtaken) this.#find('overtaken', now)
    else if (isWell(ending)) this.#find('well', now)
    else {
      this.#doubts += weigh(ending)
      if (this.#doubts >= (this.#standing === 'confirming' ? 1 : enough)) this.#find('doubted', now)
    }
  }

  polled(through: boolean, waited: boolean, now: number): void {
    if (!through) this.#find('failed', now)
    else if (waited || this.#standing === 'asking') this.#find('through', now)
  }

  doubts(error: StreamError): boolean {
    return error.details.page === true
  }

  claimLook(now: number): boolean {
    const until = this.#remembered.until(now)
    if (this.#standing !== 'polling' || until === undefined || until > now) return false
    this.#remembered.keep(now + limits.lookMs) // the others of this page need not look as well
    return true
  }

  looked(through: boolean | undefined, now: number): void {
    if (through) this.#remembered.forget()
    else if (through === false) this.#remembered.keep(now + limits.rememberMs)
  }

  #find(finding: Finding, now: number): void {
    const before = this.#standing
    const after = nextStanding[before][finding]
    if (finding === 'well' || after !== before) this.#doubts = 0
    this.#standing = after
    if (before === 'trying' && finding === 'failed') this.#remembered.forget()
    else if (after !== before && (after === 'trying' || (after === 'polling' && finding === 'through')))
      this.#remembered.keep(now + limits.rememberMs)
  }
}
