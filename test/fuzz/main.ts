import { randomInt } from 'node:crypto'
import { Command, InvalidArgumentError, Option } from 'commander'
import { type Family, weights } from './families.ts'
import { failureText, lineText, summary } from './report.ts'
import { fuzz } from './run.ts'

/** `npm run fuzz`: the command line. */
const whole =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= least && value <= most) return value
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`)
  }

interface Flags {
  readonly seed: number
  readonly seconds: number
  readonly executions?: number
  readonly at?: number
  readonly only?: Family
  readonly server?: string
}

const how = `
What happens
  The built server runs as a process of its own, with a durable store in a fresh
  directory. Executions come at it over raw connections, a dozen at a time, each made from
  the seed and its index alone. Another client, which does nothing wrong, works beside
  them. Whatever is sent, the rules Z1 to Z13 of test/fuzz/finding.ts must hold.

  An execution that breaks one is run again alone and made as small as possible. The
  status is 0 when every rule held, else 1.`

const latest = 2 ** 32 - 1

const command = new Command('npm run fuzz --')
  .description('Send the built server what no client would send, and see that nothing breaks.')
  .addOption(
    new Option('--seed <number>', 'where chance begins (default: another each time)').argParser(
      whole(0, latest),
    ),
  )
  .addOption(new Option('--seconds <number>', 'end after this time').default(20).argParser(whole(1, 86_400)))
  .addOption(new Option('--executions <number>', 'end after so many').argParser(whole(1, latest)))
  .addOption(
    new Option(
      '--at <index>',
      'begin with this execution; without --executions it is the only one, and shown',
    ).argParser(whole(0, latest)),
  )
  .addOption(new Option('--only <family>', 'one family of executions').choices(Object.keys(weights)))
  .addOption(new Option('--server <file>', 'another built server than dist/server/main.js'))
  .addHelpText('after', how)
  .action(async ({ seed = randomInt(latest), seconds, executions, at, only, server }: Flags) => {
    process.stdout.write(`seed ${seed}\n`)
    const report = await fuzz({
      seed,
      seconds,
      executions: executions ?? (at === undefined ? Number.POSITIVE_INFINITY : 1),
      at: at ?? 0,
      only,
      main: server,
      ...(at !== undefined &&
        executions === undefined && { watch: line => void process.stdout.write(`${lineText(line)}\n`) }),
    })
    for (const found of report.found) process.stdout.write(`\n${failureText(seed, found)}\n`)
    process.stdout.write(`\n${summary(report)}\n`)
    process.exitCode = report.found.length === 0 ? 0 : 1
  })

await command.parseAsync()
