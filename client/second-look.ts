import { childOf } from './child-signal.ts'
import { limits } from './limits.ts'
import type { Course } from './link.ts'
import { sseLink } from './sse-link.ts'

/**
 * Whether server-sent events get through by now: a link of their own, beside the one that works, says something at once,
 * is not cut within seconds, and does not fall silent. What it brings is not used. Undefined when the signal fired.
 */
export const getsThrough = async (course: Course): Promise<boolean | undefined> => {
  const { env } = course.settings
  const { signal, end } = childOf(course.signal)
  const began = env.now()
  let heard = false
  let lasted = false
  const isSteady = () => heard && env.now() - began >= limits.steadyMs
  const link = sseLink({
    ...course,
    signal,
    opened: () => {},
    heard: () => {
      lasted = isSteady()
      heard = true
      if (lasted) end()
    },
  })
  try {
    while (!(await link.next()).done);
    return isSteady()
  } catch {
    return lasted || (course.signal.aborted ? undefined : false)
  } finally {
    end()
  }
}
