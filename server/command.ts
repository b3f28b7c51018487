import { Command, InvalidArgumentError, Option } from 'commander'
import { DefaultPort } from '../protocol/index.ts'
import { type JwtFlags, jwtOptions, settleJwt } from './jwt-flags.ts'
import { flagOf, isWithin, type Limit, type Limits, limitNames, limitTable, rangeOf } from './limits.ts'
import type { CertificateFiles } from './listen/certificate.ts'
import type { ServerOptions } from './server.ts'
import { parseAllowed } from './subscriptions/address.ts'
import { isBase } from './subscriptions/settings.ts'
import { settleTls, tlsOptions } from './tls-flags.ts'

/** What `serve` was told, by flags or the environment. */
export type ServeSettings = Required<
  Pick<ServerOptions, 'port' | 'host' | 'store' | 'data' | 'origins' | 'compactBytes' | 'subscriptions'>
> & {
  readonly limits: Limits
  readonly logLevel: string
  readonly trustProxy: number
  /** Undefined without access control. */
  readonly jwt: JwtFlags | undefined
  readonly tls: CertificateFiles
}

const whole =
  (least: number, most = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const value = Number(text)
    if (/^\d+$/.test(text) && isWithin(value, { least, most })) return value
    throw new InvalidArgumentError(`It must be ${rangeOf({ least, most })}.`)
  }

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

const nameList = (text: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  ...text.split(',').map(one => filled(one).trim()),
]

/** A flag repeats, its environment variable separates by commas. */
const originList = (text: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  ...text.split(',').map(one => origin(one.trim())),
]

const publicUrl = (text: string): string => {
  if (isBase(text)) return text
  throw new InvalidArgumentError('It must be an http or https URL without a slash at its end.')
}

const hostList = (text: string, before: readonly string[] = []): readonly string[] => {
  const hosts = text.split(',').map(one => one.trim())
  try {
    for (const host of hosts) parseAllowed(host)
  } catch (error) {
    throw new InvalidArgumentError(`It must be a host name, an address or a range: ${String(error)}.`)
  }
  return [...before, ...hosts]
}

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
      new Option('--subscriptions [switch]', 'whether there are subscriptions, and with them webhooks')
        .env(variable('subscriptions'))
        .choices(['on', 'off'])
        .preset('on')
        .default('off'),
    )
    .addOption(
      option('public-url', 'url', 'where the workers of subscriptions reach this server')
        .argParser(publicUrl)
        .default(undefined, 'where it listens'),
    )
    .addOption(
      option(
        'webhook-allow',
        'host',
        'a host, address or range that webhooks may reach though it is not public, a host or address also by plain http; may be repeated',
      )
        .argParser(hostList)
        .default([], 'none'),
    )
    .addOption(
      option('webhook-key-days', 'days', 'days one key signs webhooks')
        .default(90)
        .argParser(whole(1, 36_500)),
    )
    .addOption(
      option('log-level', 'level', 'least severe message to log')
        .choices(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
        .default('info'),
    )
  serveCommand.addOption(
    option('trust-proxy', 'number', 'proxies in front that add to X-Forwarded-For, so that it tells who asks')
      .default(0)
      .argParser(whole(0, 100)),
  )
  for (const [flag, value, text] of jwtOptions) {
    const described = option(flag, value, text)
    if (value === 'names') described.argParser(nameList)
    else if (value === 'seconds') described.argParser(whole(0, 300))
    else described.argParser(filled)
    serveCommand.addOption(described)
  }
  for (const [flag, value, text] of tlsOptions) {
    serveCommand.addOption(option(flag, value, text).argParser(filled))
  }
  for (const name of limitNames) {
    const { unit, of, value, least, most }: Limit = limitTable[name]
    serveCommand.addOption(option(flagOf(name), unit, of).default(value).argParser(whole(least, most)))
  }
  serveCommand.action((given: Record<string, unknown>) => serve(settle(given)))
  command.addHelpText('after', () => `\n${serveCommand.helpInformation()}`)
  return command
}

const settle = (given: Record<string, unknown>): ServeSettings => {
  const limits = Object.fromEntries(limitNames.map(name => [name, given[name]]))
  const { port, host, store, data, origin, compactBytes, logLevel } = given
  const { subscriptions, publicUrl, webhookAllow, webhookKeyDays: keyDays } = given
  return {
    port,
    host,
    store,
    data,
    origins: origin,
    compactBytes,
    subscriptions: subscriptions === 'on' ? { publicUrl, webhookAllow, keyDays } : undefined,
    logLevel,
    limits,
    trustProxy: given['trustProxy'],
    jwt: settleJwt(given),
    tls: settleTls(given),
  } as unknown as ServeSettings
}
