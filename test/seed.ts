import { parseArgs } from 'node:util'
import { SeedPool } from './sim/seed-pool.ts'
import { simulate } from './sim/simulation.ts'

const usage = `Replays one seed of the fault simulation and prints what happens in it.

  npm run seed -- <seed>           one seed, with its trace: virtual seconds, who, what
  npm run seed -- <first> <last>   all seeds from one to another, one on each core at a time; prints those that fail

Exit code: 0 when every check held, 1 when one failed, 2 for a bad command line.
`

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

const replayOne = async (seed: number): Promise<boolean> => {
  const { failure, frames, snapshots, trims } = await simulate(seed, say)
  say('')
  if (failure) say(`seed ${seed} failed: ${failure}`)
  else
    say(`seed ${seed} passed: ${frames} updates in the log, ${snapshots} snapshots, trimmed ${trims} times`)
  return failure === undefined
}

const replayAll = async (first: number, last: number): Promise<boolean> => {
  const pool = new SeedPool()
  let next = first
  let failed = 0
  const work = async (): Promise<void> => {
    while (next <= last) {
      const seed = next++
      const failure = await pool.run(seed)
      if (failure === undefined) continue
      failed++
      say(`seed ${seed} failed: ${failure}`)
    }
  }
  await Promise.all(Array.from({ length: pool.size }, work))
  await pool.close()
  say(`${last - first + 1 - failed} of ${last - first + 1} seeds passed`)
  return failed === 0
}

const main = async (): Promise<number> => {
  let seeds: readonly number[]
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { help: { type: 'boolean', short: 'h', default: false } },
    })
    if (values.help) {
      process.stdout.write(usage)
      return 0
    }
    seeds = positionals.map(text => (/^\d{1,10}$/.test(text) ? Number(text) : Number.NaN))
  } catch {
    seeds = []
  }
  const [first, last] = seeds
  if (first === undefined || seeds.length > 2 || seeds.some(Number.isNaN)) {
    process.stderr.write(usage)
    return 2
  }
  return (await (last === undefined ? replayOne(first) : replayAll(first, last))) ? 0 : 1
}

process.exitCode = await main()
