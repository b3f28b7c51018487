import type { Logger } from 'pino'
import { type Certificate, type CertificateFiles, readCertificate, validUntil } from './listen/certificate.ts'
import type { Server } from './server.ts'
import { realWorld } from './world.ts'

/** The flags, what they take, and a line of help each. */
export const tlsOptions = [
  [
    'tls-cert',
    'file',
    'serves HTTPS, HTTP/2 included, with this certificate, followed by those that vouch for it: PEM, read again on SIGHUP',
  ],
  ['tls-key', 'file', 'private key of that certificate: PEM, without a passphrase'],
] as const

export const settleTls = (given: Readonly<Record<string, unknown>>): CertificateFiles =>
  ({ cert: given['tlsCert'], key: given['tlsKey'] }) as CertificateFiles

/** On SIGHUP the files are read again. Ones that cannot be used are said in the log, and the old certificate stays. */
export const renewOnSignal = (files: CertificateFiles, server: Server, logger: Logger): void => {
  process.on('SIGHUP', async () => {
    try {
      const certificate = await readCertificate(files)
      if (!certificate) return
      server.renewCertificate(certificate)
      logCertificate(certificate, logger)
    } catch (error) {
      logger.error({ err: error }, 'the certificate could not be read again: the old one stays')
    }
  })
}

export const logCertificate = (certificate: Certificate, logger: Logger): void => {
  const until = validUntil(certificate)
  const isOver = until < realWorld.now()
  const ends = { validUntil: new Date(until).toISOString() }
  if (isOver) logger.warn(ends, 'the certificate has expired: browsers refuse it')
  else logger.info(ends, 'new connections get this certificate')
}
