import { Command, InvalidArgumentError, Option } from 'commander'
import { unbuiltSource } from './built.ts'
import type { RunOptions } from './run.ts'

/** `npm run replay`: the command line. */
const whole = (text: string): number => {
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= 1) return value
  throw new InvalidArgumentError('It must be a whole number of at least 1.')
}

const service = (text: string): string => {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text
  throw new InvalidArgumentError('It must be the http URL of a service: http://host/v1/yjs/<service>.')
}

const documentName = (text: string): string => {
  if (/^[\w-]+(\/[\w-]+)*$/.test(text)) return text
  throw new InvalidArgumentError('It must be made of A-Z a-z 0-9 _ - and slashes between.')
}

const how = `
How it is played
  The server is one of its own, as a process of its own, with a durable store in a
  fresh directory that is removed afterwards; --url plays into a running one.
  Every transaction of the trace, mostly a keystroke, is one Yjs transaction on the
  document of a provider, which sends it; the next one does not wait until it is
  saved, but no more than 2,048 are ever unsaved. A second provider follows live,
  and a third joins at the end. All of them, without presence, share this process.

  In a concurrent trace every agent has a provider. A provider delivers what others
  typed when it arrives, but the trace says what each agent had seen at every edit.
  So each agent types into a page of its own, which gets of the others' edits only
  those that the trace demands, and each only once the agent's provider has received
  it from the server. What is typed on the page is applied to the provider's document
  at once, as a local edit. Agent 0 has the smaller client id, as the traces assume.

What is reported
  Bytes on the wire are those of the sockets, headers included: of all writers and
  the follower, from connecting until they are the same. The log is read from its
  start and the snapshot as a joiner gets it. Edits/s go by the time until the server
  had saved the last one. The status is 0 when all texts end as the trace says, else 1.`

const command = new Command('npm run replay --')
  .description('Play a real editing trace into a server through real providers, and compare how it ends.')
  .argument('<trace>', 'a gzipped JSON trace of github.com/josephg/editing-traces, of either format')
  .addOption(
    new Option(
      '--speed <number>',
      'edits per second, at most (default: as fast as they are saved)',
    ).argParser(whole),
  )
  .addOption(
    new Option('--url <service>', 'a running service, http://host/v1/yjs/<service>').argParser(service),
  )
  .addOption(
    new Option('--name <document>', 'a document that is new or empty (default: a new one)').argParser(
      documentName,
    ),
  )
  .addOption(
    new Option('--compact-bytes <bytes>', 'log past a snapshot at which the own server makes one')
      .default(1 << 20)
      .argParser(whole)
      .conflicts('url'),
  )
  .addHelpText('after', how)
  .action(async (trace: string, flags: Omit<RunOptions, 'trace'>) => {
    const unbuilt = await unbuiltSource()
    if (unbuilt?.missing) command.error(`${unbuilt.path} is not built. Run: npm run build`)
    if (unbuilt)
      process.stderr.write(`${unbuilt.path} is newer than its build; npm run build, to play what it says now
`)
    const { run } = await import('./run.ts') // imports the built package
    process.exitCode = await run({ ...flags, trace })
  })

await command.parseAsync()
