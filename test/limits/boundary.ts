import { afterEach, expect, test } from 'vitest'
import type { Limits, ServerOptions } from '../../server/index.ts'
import { type Arena, open } from '../bad-input/arena.ts'
import { FakeWorld } from '../streams/world.ts'

const closes: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closes.splice(0).toReversed()) await close()
})

/** A server with these limits until the end of the test, in memory unless told otherwise. */
export const serving = async (limits: Partial<Limits>, options: ServerOptions = {}): Promise<Arena> => {
  const { arena, close } = await open({ store: 'memory', ...options, limits })
  closes.push(close)
  return arena
}

/** The same in a world where time passes when the test says so. */
export const servingInTime = async (limits: Partial<Limits>, options: ServerOptions = {}) => {
  const world = new FakeWorld()
  const here = await serving(limits, { ...options, world })
  const idle = world.timers
  /** How many times the server waits for more than in the beginning. */
  const waits = () => world.timers - idle
  const waiting = (count: number) => expect.poll(waits, patience).toBe(count)
  return { here, world, waits, waiting }
}

/** On a machine that does a lot of other things. */
export const patience = { timeout: 20_000, interval: 5 }

/** Tries a thing of one less than the limit, of the limit, and of one more: the first two are taken, the third is not. */
export const boundary = (
  title: string,
  limits: Partial<Limits>,
  limit: number,
  probe: (here: Arena, size: number) => Promise<boolean>,
): void =>
  test(title, async () => {
    const here = await serving(limits)
    const taken: boolean[] = []
    for (const size of [limit - 1, limit, limit + 1]) taken.push(await probe(here, size))
    expect(taken).toEqual([true, true, false])
  })
