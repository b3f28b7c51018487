import { Live, type Offset, Sentinel, type Transport } from '../protocol/index.ts'
import type { QueryRecord } from './address.ts'
import { backoff } from './backoff.ts'
import { ClientCode, StreamError } from './error.ts'
import { head } from './head.ts'
import { limits } from './limits.ts'
import type { Link, Step } from './link.ts'
import { longPollLink } from './long-poll.ts'
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

/** How the live link is doing. */
export type LinkState =
  /** A request is under way. `turnover`: the server ended a healthy link, as it does every minute. */
  | { readonly phase: 'connecting'; readonly turnover: boolean }
  /** The server answers. `caughtUp` once the caller has taken all there was. */
  | { readonly phase: 'open'; readonly caughtUp: boolean }
  /** The link was lost because of `error`; the next try is in `delayMs`. */
  | { readonly phase: 'waiting'; readonly error: StreamError; readonly delayMs: number }

export interface FollowOptions {
  /** Where to read from: an offset that a server gave, or a sentinel. The start of the stream when left out. */
  readonly offset?: string | undefined
  /** The offset was reached by reading this very stream: that it ends before it is then WENT_BACK. */
  readonly resumed?: boolean | undefined
  /** Server-sent events unless told otherwise. They carry text as text: line ends arrive as LF. */
  readonly live?: Transport | undefined
  /** The way to leave at once, also while nothing arrives. */
  readonly signal?: AbortSignal | undefined
  readonly query?: QueryRecord | undefined
  /** A link on which nothing came for this long is given up. Default 45 s. */
  readonly silenceMs?: number | undefined
  /** Called at every change, in order, while the iterator is being asked for a batch. */
  readonly onLink?: ((state: LinkState) => void) | undefined
}

const links: Readonly<Record<Transport, Link>> = { [Live.sse]: sseLink, [Live.longPoll]: longPollLink }

/**
 * Every batch of a stream from an offset on, once and in order, over as many requests as it takes. Ends when the stream
 * is closed and all of it was taken, or when the signal fires.
 * @throws StreamError when asking again is of no use; WENT_BACK when the stream ended too early however often it was asked
 */
export async function* follow(settings: Settings, options: FollowOptions): AsyncGenerator<Batch, void> {
  const { env } = settings
  const { query, live = Live.sse, silenceMs = limits.silenceMs } = options
  const signal = options.signal ?? new AbortController().signal
  const tell = teller(options.onLink)
  const health = new Health()
  let { contentType } = settings
  const offset = options.offset ?? Sentinel.start
  let place: Place = { offset, cursor: undefined, minted: options.resumed ?? false }
  let timesBack = 0
  let caughtUp = false
  let told = false // that nothing more was there
  let late = false // the last wait was over as soon as it began

  if (!signal.aborted) tell({ phase: 'connecting', turnover: false })
  while (!signal.aborted) {
    const began = env.now()
    const { cursor } = place
    const probing = live === Live.longPoll && !caughtUp
    let progress = false
    try {
      const link = links[live]({
        settings,
        offset: place.offset,
        cursor: place.cursor,
        query,
        signal,
        silenceMs,
        caughtUp,
        opened: () => {
          health.worked(env.now())
          tell({ phase: 'open', caughtUp })
        },
        contentType: async () => {
          contentType ??= (await head(settings, { query, signal, retry: false })).contentType
          return contentType
        },
      })
      for await (const step of link) {
        const moved = step.next !== place.offset
        progress ||= moved || (probing && step.upToDate)
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
      const short = !progress && env.now() - began < limits.shortLinkMs
      // A cache lets a latecomer join a wait that others began, and its cursor leads into the next one. That happens once.
      const joined = short && !late && live === Live.longPoll && place.cursor !== cursor
      late = short
      if (short && !joined) {
        throw new StreamError(ClientCode.badAnswer, 'the server ended the link at once', {
          url: settings.url.href,
        })
      }
      if (live === Live.sse) {
        caughtUp = false
        tell({ phase: 'connecting', turnover: true })
      }
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof StreamError) || !error.transient) throw error
      if (error.code === ClientCode.wentBack && ++timesBack === limits.timesBack) throw error
      caughtUp = false
      const delayMs = backoff(health.failed(env.now()), env, settings.retry, error.retryAfterMs)
      tell({ phase: 'waiting', error, delayMs })
      await env.sleep(delayMs, signal)
      if (!signal.aborted) tell({ phase: 'connecting', turnover: false })
    }
  }
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

/** How many failures in a row; a link that then worked for a while makes them forgotten. */
class Health {
  #failures = 0
  #since: number | undefined

  worked(now: number): void {
    this.#since ??= now
  }

  /** The number of this failure, from 0. */
  failed(now: number): number {
    if (this.#since !== undefined && now - this.#since >= limits.healthyMs) this.#failures = 0
    this.#since = undefined
    return this.#failures++
  }
}

/** Passes on what is new. */
const teller = (onLink: FollowOptions['onLink']): ((state: LinkState) => void) => {
  let last: LinkState | undefined
  return state => {
    const same =
      (state.phase === 'open' && last?.phase === 'open' && state.caughtUp === last.caughtUp) ||
      (state.phase === 'connecting' && last?.phase === 'connecting')
    last = state
    if (!same) onLink?.(state)
  }
}
