import { Live, type Offset, Sentinel } from '../protocol/index.ts'
import type { QueryRecord } from './address.ts'
import { owed } from './backoff.ts'
import { childOf } from './child-signal.ts'
import { automatic, Choice, type Guide, type LiveMode, pinned, type Way } from './choice.ts'
import { ClientCode, StreamError } from './error.ts'
import { head } from './head.ts'
import { limits } from './limits.ts'
import type { Course, Link, Step } from './link.ts'
import { type LinkState, teller } from './link-state.ts'
import { longPollLink } from './long-poll.ts'
import { overtakable } from './overtaking.ts'
import { Remembered } from './remembered.ts'
import { Respite } from './respite.ts'
import { getsThrough } from './second-look.ts'
import type { Settings } from './settings.ts'
import { sseLink } from './sse-link.ts'

/** What was appended between two offsets, or without bytes: that there is nothing more, or never will be. */
export interface Batch {
  /** JSON streams: an array of messages, or nothing. */
  readonly bytes: Uint8Array
  /** Where to go on from after these bytes. */
  readonly next: Offset
  /** With this batch everything has been read. */
  readonly upToDate: boolean
  /** There will never be more; the last batch. */
  readonly closed: boolean
}

export interface FollowOptions {
  /** Where to read from: an offset that a server gave, or a sentinel. The start of the stream when left out. */
  readonly offset?: string | undefined
  /** The offset was reached by reading this very stream: that it ends before it is then WENT_BACK. */
  readonly resumed?: boolean | undefined
  /**
   * By default server-sent events, and by itself long-poll for as long as those do not get through. Events carry text as
   * text: line ends arrive as LF.
   */
  readonly live?: LiveMode | undefined
  /** The way to leave at once, also while nothing arrives. */
  readonly signal?: AbortSignal | undefined
  readonly query?: QueryRecord | undefined
  /** A link on which nothing came for this long is given up. Default 45 s. */
  readonly silenceMs?: number | undefined
  /** Called at every change, in order, while the iterator is being asked for a batch. */
  readonly onLink?: ((state: LinkState) => void) | undefined
}

/**
 * Every batch of a stream from an offset on, once and in order, over as many requests as it takes. Ends when the stream
 * is closed and all of it was taken, or when the signal fires.
 * @throws StreamError when asking again is of no use; WENT_BACK when the stream ended too early however often it was asked
 */
export async function* follow(settings: Settings, options: FollowOptions): AsyncGenerator<Batch, void> {
  const { env } = settings
  const { query, live = automatic, silenceMs = limits.silenceMs } = options
  const signal = options.signal ?? new AbortController().signal
  const tell = teller(options.onLink)
  const respite = new Respite(env, settings.retry)
  const remembered = new Remembered(env.memory, settings.url.origin)
  const guide: Guide = live === automatic ? new Choice(remembered) : pinned(live)
  let { contentType } = settings
  const offset = options.offset ?? Sentinel.start
  let place: Place = { offset, cursor: undefined, minted: options.resumed ?? false }
  let timesBack = 0
  let caughtUp = false
  let told = false // that nothing more was there
  let late = false // the last wait was over as soon as it began
  let endLook = () => {}

  try {
    if (!signal.aborted) tell({ phase: 'connecting', turnover: false })
    while (!signal.aborted) {
      const began = env.now()
      const way = guide.way(began, caughtUp)
      const waits = way === Live.longPoll && caughtUp
      const reads = way !== Live.sse && !caughtUp
      const { cursor } = place
      const seen = { opened: false, heard: false, moved: false, overtaken: false }
      let progress = false
      const course: Course = {
        settings,
        offset: place.offset,
        cursor,
        query,
        signal,
        silenceMs,
        caughtUp: waits,
        opened: () => {
          seen.opened = true
          respite.worked(env.now())
          tell({ phase: 'open', caughtUp })
        },
        heard: () => {
          seen.heard = true
        },
        contentType: async () => {
          contentType ??= (await head(settings, { query, signal, retry: false })).contentType
          return contentType
        },
      }
      const report = (error?: StreamError) => {
        const now = env.now()
        if (way !== Live.sse) guide.polled(!error, waits, now)
        else guide.ended({ ...seen, livedMs: now - began, error }, now)
      }
      if (way === Live.sse && caughtUp) {
        caughtUp = false
        tell({ phase: 'connecting', turnover: true })
      }
      if (waits && guide.claimLook(began)) {
        const { signal, end } = childOf(course.signal)
        endLook = end
        void getsThrough({ ...course, signal })
          .then(through => guide.looked(through, env.now()))
          .finally(end)
      }
      try {
        for await (const step of linkOf(way, guide, seen)(course)) {
          const moved = step.next !== place.offset
          seen.moved ||= moved
          progress ||= moved || seen.overtaken || (reads && step.upToDate)
          place = advance(place, step, settings.url.href)
          timesBack = 0
          if (moved || step.closed || (step.upToDate && !told)) {
            told = step.upToDate
            const { bytes, next, upToDate, closed } = step
            yield { bytes, next, upToDate, closed }
            if (signal.aborted) return
          }
          caughtUp = step.upToDate
          tell({ phase: 'open', caughtUp })
          if (step.closed) return
        }
        const livedMs = env.now() - began
        const short = !progress && livedMs >= 0 && livedMs < limits.shortLinkMs
        // A cache lets a latecomer join a wait that others began, and its cursor leads into the next one. That happens once.
        const joined = short && !late && way === Live.longPoll && place.cursor !== cursor
        late = short
        if (short && !joined) {
          throw new StreamError(ClientCode.badAnswer, 'the server ended the link at once', {
            url: settings.url.href,
          })
        }
        if (!joined) report()
        if (way === Live.sse && !seen.overtaken) {
          caughtUp = false
          tell({ phase: 'connecting', turnover: true })
          const delayMs = respite.turned(livedMs)
          if (delayMs > 0) await env.sleep(delayMs, signal)
        }
      } catch (error) {
        if (signal.aborted) return
        if (!(error instanceof StreamError)) throw error
        if (!error.transient && !(way === Live.sse && guide.doubts(error))) throw error
        if (error.code === ClientCode.wentBack && ++timesBack === limits.timesBack) throw error
        report(error)
        caughtUp = false
        const delayMs = respite.failed(env.now(), error)
        tell({ phase: 'waiting', error, delayMs })
        await env.sleep(delayMs, signal, owed(error.retryAfterMs))
        if (!signal.aborted) tell({ phase: 'connecting', turnover: false })
      }
    }
  } finally {
    endLook()
  }
}

const linkOf = (way: Way, guide: Guide, seen: { overtaken: boolean }): Link => {
  if (way !== Live.sse) return longPollLink
  if (guide.pinned) return sseLink
  return overtakable(() => {
    seen.overtaken = true
  })
}

interface Place {
  readonly offset: string
  readonly cursor: string | undefined
  /** Whether the offset is one of this stream's servers, and so may be compared (PROTOCOL 8). */
  readonly minted: boolean
}

/** @throws StreamError WENT_BACK, or BAD_ANSWER for data that leads nowhere: from a lagging replica, which repeats itself */
const advance = (place: Place, step: Step, url: string): Place => {
  const message = `the answer led from ${place.offset} to ${step.next}`
  if (place.minted && step.next < place.offset) throw new StreamError(ClientCode.wentBack, message, { url })
  if (step.next === place.offset && step.bytes.length > 0)
    throw new StreamError(ClientCode.badAnswer, message, { url })
  return { offset: step.next, cursor: step.cursor ?? place.cursor, minted: true }
}
