#!/usr/bin/env node
import { readFile } from 'node:fs/promises'
import { type Logger, pino } from 'pino'
import { createCommand, type ServeSettings } from './command.ts'
import { openJwt } from './jwt-flags.ts'
import { type Certificate, readCertificate } from './listen/certificate.ts'
import { type Server, startServer } from './server.ts'
import { logCertificate, renewOnSignal } from './tls-flags.ts'

const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

/** Runs until SIGTERM or SIGINT; then drains and exits 0, or 1 when that failed. */
const serve = async ({ logLevel, jwt, tls, ...options }: ServeSettings): Promise<void> => {
  const logger = pino({ level: logLevel }, openLog())
  let server: Server
  let certificate: Certificate | undefined
  try {
    const authorize = jwt && (await openJwt(jwt))
    certificate = await readCertificate(tls)
    server = await startServer({ ...options, authorize, tls: certificate, logger })
  } catch (error) {
    logger.fatal({ err: error }, 'the server could not start')
    process.stderr.write(`durable-streams-yjs: ${sentence(error)}\n`)
    process.exitCode = 1
    return
  }
  // Before the line that says it is ready: whoever waits for that may ask it to stop at once.
  let stopping = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    // Not `once`: a terminal signals npm and this process, and npm passes its own on. The second must not cut the drain.
    process.on(signal, () => {
      if (stopping) return
      stopping = true
      void stop(server, signal, logger)
    })
  }
  if (certificate) {
    logCertificate(certificate, logger)
    renewOnSignal(tls, server, logger)
  }
  const { store, data, host } = options
  logger.info({ url: server.url, store, ...(store === 'lmdb' && { data }) }, `listening on ${server.url}`)
  const isLocal = ['127.0.0.1', '::1', 'localhost'].includes(host)
  if (jwt) {
    logger.info('access control: by JSON Web Tokens')
  } else if (isLocal) {
    logger.info({ host }, 'no access control: bound to this machine alone, all of which may do everything')
  } else {
    logger.warn(
      { host },
      'bound beyond this machine without access control: put an authenticating proxy in front',
    )
  }
}

/**
 * Written synchronously: the other way of this library's waits for ever, on exit, for an output that nobody reads any more.
 * A log that cannot be written is no reason to stop.
 */
const openLog = () => {
  const log = pino.destination({ fd: 1, sync: true, maxLength: 1 << 20 })
  log.on('error', () => undefined)
  return log
}

const stop = async (server: Server, signal: string, logger: Logger): Promise<void> => {
  logger.info({ signal }, 'stopping: no new requests, appends under way finish')
  try {
    await server.close()
    logger.info('stopped')
    process.exit(0)
  } catch (error) {
    logger.fatal({ err: error }, 'stopping failed')
    process.exit(1)
  }
}

/** What to do about an error, by its code: of the system, or of a StoreFailure. */
const advice: Readonly<Record<string, string>> = {
  EADDRINUSE: 'Choose another --port, or stop the other program.',
  EADDRNOTAVAIL: 'Choose a --host of this machine.',
  ENOTFOUND: 'Choose a --host of this machine.',
  EACCES: 'Choose a --port above 1023.',
  busy: 'Stop that process, or choose another --data.',
}
const onData = 'Choose a --data directory that this user may read and write.'

const sentence = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error ? String(error.code) : ''
  const why =
    error.cause instanceof Error && code === 'failed'
      ? `${error.message}: ${error.cause.message}`
      : error.message
  const hint = 'path' in error || code === 'failed' ? onData : advice[code]
  return hint ? `${why}. ${hint}` : why
}

await createCommand(version, serve).parseAsync()
