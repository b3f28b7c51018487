import { childOf } from './child-signal.ts'
import { StreamError } from './error.ts'
import { limits } from './limits.ts'
import type { Course, Link, Step } from './link.ts'
import { longPollLink } from './long-poll.ts'
import { sseLink } from './sse-link.ts'

/**
 * Server-sent events, unless something in between holds them back. The server says something at once; so when nothing came
 * for a while a plain read is sent after the request, and when its answer is there first, by more than chance, that is the
 * only step. A slow network and a busy server are slow with both, and change nothing.
 */
export const overtakable = (onOvertaken: () => void): Link =>
  async function* (course) {
    const events = childOf(course.signal)
    const reading = childOf(course.signal)
    let speak = () => {}
    const spoken = new Promise<undefined>(resolve => {
      speak = () => resolve(undefined)
    })
    const steps = sseLink({
      ...course,
      signal: events.signal,
      heard: () => {
        speak()
        course.heard()
      },
    })
    try {
      const first = steps.next()
      const settled = first.then(nothing, nothing)
      const read = await Promise.race([spoken, settled, readAfter({ ...course, signal: reading.signal })])
      reading.end()
      if (read) {
        events.end()
        onOvertaken()
        course.opened()
        yield read
        return
      }
      const { done, value } = await first
      if (done) return
      yield value
      yield* steps
    } finally {
      reading.end()
      events.end()
      await steps.return()
    }
  }

const nothing = () => undefined
const never = () => new Promise<never>(() => {})

/**
 * What a plain read brought in time.
 * @throws StreamError when it was refused for good: whoever holds back events may hold back their refusal
 */
const readAfter = async (course: Course): Promise<Step> => {
  const { settings, signal } = course
  const pause = (ms: number) => settings.env.sleep(ms, signal, ms)
  await pause(limits.firstByteMs)
  if (signal.aborted) return never()
  try {
    const { value } = await longPollLink({
      ...course,
      caughtUp: false,
      opened: nothing,
      heard: nothing,
    }).next()
    await pause(limits.graceMs)
    return value && !signal.aborted ? value : never()
  } catch (error) {
    if (signal.aborted || (error instanceof StreamError && error.transient)) return never()
    throw error
  }
}
