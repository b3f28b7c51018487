import { createParser, type EventSourceMessage } from 'eventsource-parser'
import {
  ContentType,
  Header,
  isJson,
  isTextual,
  Live,
  mediaType,
  parseControl,
  Query,
  SseEncoding,
  SseEvent,
} from '../protocol/index.ts'
import { Attempt } from './attempt.ts'
import { fromBase64 } from './base64.ts'
import { chunks } from './body.ts'
import { concat } from './bytes.ts'
import { ClientCode, StreamError } from './error.ts'
import { joinArrays } from './json.ts'
import { limits } from './limits.ts'
import type { Course, Link, Step } from './link.ts'
import { type Answer, send } from './request.ts'

/** PROTOCOL 5.8. A step is a control event with the data events before it: data without a known offset is no step. */
export const sseLink: Link = async function* (course) {
  const { settings, silenceMs } = course
  const attempt = new Attempt(settings.env, settings.url.href, course.signal)
  try {
    const answer = await send(settings, attempt, {
      method: 'GET',
      query: {
        ...course.query,
        [Query.offset]: course.offset,
        [Query.live]: Live.sse,
        [Query.cursor]: course.cursor,
      },
      headers: { Accept: ContentType.eventStream },
      limitMs: Math.min(settings.timeoutMs, silenceMs),
      init: { cache: 'no-store' }, // two tabs on one URL would otherwise queue for one cache entry
    })
    const type = mediaType(answer.response.headers.get('Content-Type') ?? '')
    if (type !== ContentType.eventStream) throw broken(answer, `expected events, got ${type || 'no type'}`)
    course.opened()
    yield* steps(course, attempt, answer)
  } finally {
    attempt.fail(new StreamError(ClientCode.aborted, 'the link was ended', { url: settings.url.href }))
  }
}

async function* steps(course: Course, attempt: Attempt, answer: Answer): AsyncGenerator<Step, void> {
  const { response } = answer
  const decoder = new TextDecoder()
  const events: EventSourceMessage[] = []
  let overflow: Error | undefined
  const parser = createParser({
    maxBufferSize: limits.eventChars,
    onEvent: event => events.push(event),
    onError: error => {
      if (error.type === 'max-buffer-size-exceeded') overflow = error // unknown fields are for later versions
    },
  })
  let data: string[] = []
  let size = 0
  for await (const chunk of chunks(attempt, response, course.silenceMs)) {
    course.heard()
    parser.feed(decoder.decode(chunk, { stream: true }))
    for (const event of events.splice(0)) {
      if (event.event === SseEvent.data) {
        data.push(event.data)
        size += event.data.length
      } else if (event.event === SseEvent.control) {
        const { nextOffset, cursor, upToDate = false, closed = false } = controlOf(answer, event.data)
        const bytes = data.length > 0 ? await payload(course, answer, data) : new Uint8Array()
        data = []
        size = 0
        yield { bytes, next: nextOffset, upToDate, closed, cursor }
        if (closed) return
      }
    }
    if (overflow || size > limits.eventChars) throw broken(answer, 'an event is too large', overflow)
  }
  if (data.length > 0) {
    throw new StreamError(ClientCode.network, 'the answer was cut between data and its offset', {
      url: answer.url,
    })
  }
}

const controlOf = (answer: Answer, text: string) => {
  try {
    return parseControl(text)
  } catch (cause) {
    throw broken(answer, 'a control event is unreadable', cause)
  }
}

/**
 * The bytes of the data events before a control event; a server may send several. A browser hides the header that marks
 * base64 from other origins unless the server exposes it; then the stream's type decides, as it did for the server.
 */
const payload = async (course: Course, answer: Answer, data: readonly string[]): Promise<Uint8Array> => {
  const encoding = answer.response.headers.get(Header.sseEncoding)?.toLowerCase()
  const type = encoding === SseEncoding.base64 ? ContentType.binary : await course.contentType()
  if (isTextual(type)) {
    return new TextEncoder().encode(data.length > 1 && isJson(type) ? joinArrays(data) : data.join(''))
  }
  const parts = data.map(text => {
    const bytes = fromBase64(text.replace(/[\r\n]/g, ''))
    if (!bytes) throw broken(answer, 'a data event is not base64')
    return bytes
  })
  return concat(parts)
}

const broken = ({ url, response }: Answer, message: string, cause?: unknown): StreamError =>
  new StreamError(ClientCode.badAnswer, message, { url, status: response.status, cause })
