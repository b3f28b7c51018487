import { Command, InvalidArgumentError, Option } from 'commander'
import { DefaultPort } from '../protocol/index.ts'
import { defaultLimits, type Limits } from './limits.ts'
import type { ServerOptions } from './server.ts'

/** What `serve` was told, by flags or the environment. */
export type ServeSettings = Required<
  Pick<ServerOptions, 'port' | 'host' | 'store' | 'data' | 'origins' | 'compactBytes'>
> & {
  readonly limits: Limits
  readonly logLevel: string
}

const whole =
  (least: number, most = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= least && value <= most) return value
    const range = most < Number.MAX_SAFE_INTEGER ? `from ${least} to ${most}` : `of at least ${least}`
    throw new InvalidArgumentError(`It must be a whole number ${range}.`)
  }

/** Timers wrap around at 2^31 ms and then fire at once. */
const longestMs = 24 * 3_600_000

/** An empty address would be every address, and an empty variable is easily left behind. */
const filled = (text: string): string => {
  if (text.trim() !== '') return text
  throw new InvalidArgumentError('It must not be empty.')
}

const origin = (text: string): string => {
  if (text === '*') return text
  if (URL.canParse(text) && new URL(text).origin === text) return text
  throw new InvalidArgumentError('It must be * or an origin such as https://app.example.org, without a path.')
}

/** A flag repeats, its environment variable separates by commas. */
const originList = (text: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  ...text.split(',').map(one => origin(one.trim())),
]

/** The limits an operator sets, the flags that set them, and what they say. */
const limitFlags: readonly (readonly [keyof Limits, string, string])[] = [
  ['longPollMs', 'long-poll-ms', 'wait of one long-poll request'],
  ['sseMs', 'sse-ms', 'life of one SSE answer'],
  ['heartbeatMs', 'heartbeat-ms', 'silence on an SSE answer before a heartbeat'],
  ['bodyBytes', 'body-bytes', 'largest request body'],
  ['readBytes', 'read-bytes', 'largest catch-up answer'],
  ['readersPerStream', 'readers-per-stream', 'live readers of one stream'],
  ['backlogBytes', 'backlog-bytes', 'bytes queued for one slow live reader'],
  ['stallMs', 'stall-ms', 'time after which a live reader that takes nothing is cut'],
  ['framesPerPost', 'frames-per-post', 'Yjs updates in one request'],
  ['awarenessBytes', 'awareness-bytes', 'bytes kept of one awareness stream'],
  ['drainMs', 'drain-ms', 'longest time from SIGTERM to exit'],
]

const variable = (flag: string): string => `DSY_${flag.replaceAll('-', '_').toUpperCase()}`

const option = (flag: string, value: string, text: string): Option =>
  new Option(`--${flag} <${value}>`, text).env(variable(flag))

/** The command line. `serve` is called with the settled options; a bad one ends the process with status 1 and a sentence. */
export const createCommand = (
  version: string,
  serve: (settings: ServeSettings) => Promise<void>,
): Command => {
  const command = new Command('durable-streams-yjs')
    .description('Yjs documents over Durable Streams, on plain HTTP.')
    .version(version)
  const serveCommand = command
    .command('serve')
    .description(
      'Run the server. Every option can also be given by the environment variable named beside it.',
    )
    .addOption(
      option('port', 'number', 'TCP port, 0 for any free one')
        .default(DefaultPort)
        .argParser(whole(0, 65_535)),
    )
    .addOption(option('host', 'address', 'address to bind').default('127.0.0.1').argParser(filled))
    .addOption(
      option('store', 'engine', 'where streams are kept').choices(['lmdb', 'memory']).default('lmdb'),
    )
    .addOption(option('data', 'directory', 'directory of the lmdb store').default('./data').argParser(filled))
    .addOption(
      option('origin', 'origin', 'a page origin that may use this server, or *; may be repeated')
        .argParser(originList)
        .default([], 'none but its own'),
    )
    .addOption(
      option('compact-bytes', 'bytes', 'log past the snapshot at which a document is compacted')
        .default(1 << 20)
        .argParser(whole(1)),
    )
    .addOption(
      option('log-level', 'level', 'least severe message to log')
        .choices(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
        .default('info'),
    )
  for (const [key, flag, text] of limitFlags) {
    const value = flag.endsWith('-ms') ? 'ms' : flag.endsWith('-bytes') ? 'bytes' : 'number'
    const parse = value === 'ms' ? whole(1, longestMs) : whole(1)
    serveCommand.addOption(option(flag, value, text).default(defaultLimits[key]).argParser(parse))
  }
  serveCommand.action((given: Record<string, unknown>) => serve(settle(given)))
  command.addHelpText('after', () => `\n${serveCommand.helpInformation()}`)
  return command
}

const settle = (given: Record<string, unknown>): ServeSettings => {
  const limits = Object.fromEntries(
    Object.keys(defaultLimits).map(key => [key, given[key] ?? defaultLimits[key as keyof Limits]]),
  )
  const { port, host, store, data, origin, compactBytes, logLevel } = given
  return {
    port,
    host,
    store,
    data,
    origins: origin,
    compactBytes,
    logLevel,
    limits,
  } as unknown as ServeSettings
}
