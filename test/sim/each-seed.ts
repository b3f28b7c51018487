import { test } from 'vitest'
import { simulate } from './simulation.ts'

const limitMs = 60_000 // of real time: a seed takes a fraction of a second, on a busy machine some

/** One test a seed, from `first` to `last`. */
export const eachSeed = (first: number, last: number): void => {
  const seeds = Array.from({ length: last - first + 1 }, (_, index) => first + index)
  test.each(seeds)(
    'seed %i: whatever breaks, no edit is lost, doubled or stranded, and no status lies',
    {
      timeout: limitMs,
    },
    async seed => {
      const { failure } = await simulate(seed)
      if (failure) throw new Error(`${failure}\nwatch it: npm run seed -- ${seed}`)
    },
  )
}
