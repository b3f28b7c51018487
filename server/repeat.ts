import type { World } from './world.ts'

/** Runs `task`, which never rejects, every `ms` after it last ended. @returns how to stop */
export const repeat = (world: World, ms: number, task: () => Promise<void>): (() => void) => {
  let stopped = false
  let cancel: () => void = () => undefined
  const next = () => {
    if (!stopped) cancel = world.after(ms, () => void task().then(next))
  }
  next()
  return () => {
    stopped = true
    cancel()
  }
}
