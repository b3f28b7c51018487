import { afterAll, describe, test } from 'vitest'
import { SeedPool } from './seed-pool.ts'

const seeds = 1_000
const together = 25

const pool = new SeedPool()
afterAll(() => pool.close())

const blocks = Array.from({ length: seeds / together }, (_, block) => ({
  first: block * together + 1,
  last: (block + 1) * together,
}))

describe.concurrent('whatever breaks, no edit is lost, doubled or stranded, and no status lies', () => {
  test.each(blocks)('seeds $first to $last', { timeout: 1_800_000 }, async ({ first }) => {
    const run = async (seed: number) => {
      const failure = await pool.run(seed)
      return failure === undefined ? [] : [`seed ${seed}: ${failure}\n  watch it: npm run seed -- ${seed}`]
    }
    const failures = await Promise.all(Array.from({ length: together }, (_, index) => run(first + index)))
    if (failures.flat().length > 0) throw new Error(failures.flat().join('\n'))
  })
})
