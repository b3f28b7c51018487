import { isJson, Live, Query } from '../protocol/index.ts'
import { markOf } from './answer.ts'
import { Attempt } from './attempt.ts'
import { readBody } from './body.ts'
import type { Course, Link, Step } from './link.ts'
import { send } from './request.ts'

/**
 * PROTOCOL 5.7: one poll. Until everything was read it is a catch-up read, which is answered at once, so that a link is
 * known to work before the first long wait.
 */
export const longPollLink: Link = async function* (course) {
  yield await poll(course)
}

const poll = async (course: Course): Promise<Step> => {
  const { settings, silenceMs, caughtUp } = course
  const attempt = new Attempt(settings.env, settings.url.href, course.signal)
  try {
    const { response, url } = await send(settings, attempt, {
      method: 'GET',
      query: {
        ...course.query,
        [Query.offset]: course.offset,
        [Query.live]: caughtUp ? Live.longPoll : undefined,
        [Query.cursor]: caughtUp ? course.cursor : undefined,
      },
      limitMs: caughtUp ? silenceMs : Math.min(settings.timeoutMs, silenceMs),
      init: { cache: 'no-store' }, // an answer out of the browser's cache says nothing about the link
    })
    const mark = markOf(response, url)
    const body = await readBody(attempt, response, silenceMs)
    attempt.end()
    course.opened()
    return { ...mark, bytes: isEmptyArray(response, body) ? new Uint8Array() : body }
  } catch (error) {
    attempt.fail(error)
    throw error
  }
}

/** How JSON streams say that there is nothing (PROTOCOL 9.1.5). */
const isEmptyArray = (response: Response, body: Uint8Array): boolean =>
  body.length < 8 &&
  isJson(response.headers.get('Content-Type') ?? '') &&
  /^\s*\[\s*\]\s*$/.test(new TextDecoder().decode(body))
