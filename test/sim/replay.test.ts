import { expect, test } from 'vitest'
import { type Outcome, simulate } from './simulation.ts'

test.each([1, 7])(
  'seed %i gives the same trace every time, byte for byte',
  { timeout: 60_000 },
  async seed => {
    const written: string[] = []
    const [first, second] = [await simulate(seed), await simulate(seed, line => written.push(line))]
    expect(second.trace).toEqual(first.trace)
    expect(written).toEqual(second.trace)
    expect(first.trace.length).toBeGreaterThan(100)
  },
)

test('two seeds give two traces', async () => {
  const [one, two] = [await simulate(1), await simulate(2)]
  expect(one.trace).not.toEqual(two.trace)
})

test('the seeds meet what they are there for: snapshots, trimmed logs, logs of some length, tabs that come, go and lead', {
  timeout: 60_000,
}, async () => {
  const outcomes: Outcome[] = []
  for (let seed = 1; seed <= 12; seed++) outcomes.push(await simulate(seed))
  const counted = (holds: (outcome: Outcome) => boolean) => outcomes.filter(holds).length
  expect(counted(({ snapshots }) => snapshots > 0)).toBeGreaterThan(6)
  expect(counted(({ trims }) => trims > 0)).toBeGreaterThan(0)
  expect(counted(({ frames }) => frames > 10)).toBeGreaterThan(6)
  expect(counted(({ tabs }) => tabs > 6)).toBeGreaterThan(3)
  expect(counted(({ reigns }) => reigns > 6)).toBeGreaterThan(3)
})
