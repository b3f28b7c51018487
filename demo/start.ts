import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError, Option } from 'commander'
import { readCertificate, type Server, type ServerOptions, startServer } from 'durable-streams-yjs/server'
import { pino } from 'pino'
import { createSite } from './site.ts'

type Settings = Required<Pick<ServerOptions, 'port' | 'host' | 'store' | 'data' | 'compactBytes'>> & {
  readonly tlsCert?: string
  readonly tlsKey?: string
}

const wholeUpTo =
  (most: number, least: number) =>
  (text: string): number => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= least && value <= most) return value
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`)
  }

/** `http://127.0.0.1:4437/`, also when the server listens on every address. */
const pageOf = (serverUrl: string): string => {
  const page = new URL('/', serverUrl)
  if (page.hostname === '0.0.0.0') page.hostname = '127.0.0.1'
  if (page.hostname === '[::]') page.hostname = '[::1]'
  return page.href
}

const sentence = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  if ('code' in error && error.code === 'EADDRINUSE') {
    return `${error.message}. Choose another --port, or stop the other program.`
  }
  return error.message
}

const start = async ({ tlsCert, tlsKey, ...settings }: Settings): Promise<void> => {
  // Written synchronously: the other way waits for ever, on exit, for an output that nobody reads any more.
  const log = pino.destination({ fd: 1, sync: true })
  log.on('error', () => undefined)
  const logger = pino({ level: 'warn' }, log)
  const site = createSite(fileURLToPath(new URL('../site', import.meta.url)))
  let server: Server
  try {
    const tls = await readCertificate({ cert: tlsCert, key: tlsKey })
    server = await startServer({ ...settings, tls, logger, site })
  } catch (error) {
    process.stderr.write(`${sentence(error)}\n`)
    process.exitCode = 1
    return
  }
  const kept = settings.store === 'memory' ? 'in memory, until this stops' : `in ${settings.data}`
  process.stdout.write(`Open ${pageOf(server.url)} in two windows. Documents are kept ${kept}.\n`)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(server))
}

const stop = async (server: Server): Promise<void> => {
  try {
    await server.close()
    process.exit(0)
  } catch (error) {
    process.stderr.write(`${sentence(error)}\n`)
    process.exit(1)
  }
}

await new Command('npm start --')
  .description('The demo: a collaborative editor and its server on one port.')
  .addOption(
    new Option('--port <number>', 'TCP port, 0 for any free one')
      .env('PORT')
      .default(4437)
      .argParser(wholeUpTo(65_535, 0)),
  )
  .addOption(new Option('--host <address>', 'address to bind').default('127.0.0.1'))
  .addOption(new Option('--data <directory>', 'where documents are kept').default('./data'))
  .addOption(
    new Option('--store <engine>', 'how documents are kept').choices(['lmdb', 'memory']).default('lmdb'),
  )
  .addOption(
    new Option('--compact-bytes <bytes>', 'log past a snapshot at which a document is compacted')
      .default(1 << 20)
      .argParser(wholeUpTo(Number.MAX_SAFE_INTEGER, 1)),
  )
  .addOption(new Option('--tls-cert <file>', 'serve HTTPS with HTTP/2: a certificate in PEM form'))
  .addOption(new Option('--tls-key <file>', 'the private key of that certificate'))
  .action(start)
  .parseAsync()
