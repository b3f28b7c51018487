import { randomInt } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { Command, InvalidArgumentError } from 'commander'
import { SeedPool } from './sim/seed-pool.ts'

/** `npm run soak`: the simulation under one random seed after another, for as long as there is time. */
interface Flags {
  readonly minutes: number
  readonly seed: number | undefined
  readonly workers: number
}

const seeds = 2 ** 31
const tellMs = 5_000

const how = `
What happens
  Seeds are run one after another, several at a time, each in a process that is renewed
  now and then; a run that does not end, or takes its process with it, fails too. What
  fails is printed with the command that shows it. The first seed is drawn by chance
  unless --seed says it; the others follow it.

  The status is 0 when every seed passed, 1 when one failed, 2 for a bad command line.`

const say = (line: string): void => void process.stdout.write(`${line}\n`)

const atLeast =
  (least: number, isWhole: boolean) =>
  (text: string): number => {
    const value = Number(text)
    if (text.trim() !== '' && value >= least && value < seeds && (!isWhole || Number.isInteger(value)))
      return value
    throw new InvalidArgumentError(
      `It must be a ${isWhole ? 'whole ' : ''}number from ${least}${isWhole ? ` to ${seeds - 1}` : ''}.`,
    )
  }

const duration = (ms: number): string =>
  `${Math.floor(ms / 60_000)} min ${Math.floor((ms % 60_000) / 1_000)} s`

const soak = async ({ minutes, seed = randomInt(seeds), workers }: Flags): Promise<boolean> => {
  const began = Date.now()
  const pool = new SeedPool(workers)
  const failed: number[] = []
  let next = seed
  let done = 0
  const report = () => `${done} seeds in ${duration(Date.now() - began)}, ${failed.length} failed`
  const work = async (): Promise<void> => {
    while (Date.now() - began < minutes * 60_000) {
      const current = next
      next = (next + 1) % seeds
      const failure = await pool.run(current)
      done++
      if (failure === undefined) continue
      failed.push(current)
      say(`seed ${current} failed: ${failure}\n  watch it: npm run seed -- ${current}`)
    }
  }
  say(`from seed ${seed}, for ${minutes} min, ${workers} at a time`)
  const telling = setInterval(() => say(report()), tellMs)
  await Promise.all(Array.from({ length: workers }, work))
  clearInterval(telling)
  await pool.close()
  say(`${report()}, memory of the processes at most ${Math.round(pool.peakBytes / 2 ** 20)} MiB each`)
  if (failed.length > 0) say(`failed: ${failed.join(' ')}`)
  return failed.length === 0
}

await new Command('npm run soak --')
  .description('Run random seeds of the simulation, and see that no edit is lost and no status lies.')
  .option('--minutes <number>', 'how long', atLeast(0, false), 60)
  .option('--seed <number>', 'the first seed (default: by chance)', atLeast(0, true))
  .option(
    '--workers <number>',
    'how many at a time, by default one on each core',
    atLeast(1, true),
    availableParallelism(),
  )
  .addHelpText('after', how)
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .action(async (flags: Flags) => {
    process.exitCode = (await soak(flags)) ? 0 : 1
  })
  .parseAsync()
