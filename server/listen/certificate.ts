import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext, type SecureContextOptions } from 'node:tls'

/** A certificate, followed by those that vouch for it, and its private key, as PEM. */
export interface Certificate {
  readonly cert: string | Uint8Array
  readonly key: string | Uint8Array
}

/** Where the two are kept: both, or neither where there is no TLS. */
export interface CertificateFiles {
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

/** What is wrong with a certificate or its key, and what to do, for a person. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError'
}

/**
 * @returns undefined when neither file is named
 * @throws CertificateError when only one is named, one cannot be read, or the two cannot be used
 */
export const readCertificate = async ({ cert, key }: CertificateFiles): Promise<Certificate | undefined> => {
  if (cert === undefined && key === undefined) return undefined
  if (cert === undefined || key === undefined) {
    throw new CertificateError(
      'A certificate and its private key go together: name both by --tls-cert and --tls-key, or none for plain HTTP.',
    )
  }
  const certificate = { cert: await read(cert), key: await read(key) }
  contextOf(certificate, { cert, key })
  return certificate
}

const read = async (file: string): Promise<Uint8Array> => {
  try {
    return await readFile(file)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CertificateError(`${file} cannot be read: ${why}. Name a file that this user may read.`, {
      cause,
    })
  }
}

/** When it ends: milliseconds since 1970. */
export const validUntil = ({ cert }: Certificate): number => Date.parse(new X509Certificate(cert).validTo)

const defaultNames = { cert: 'the certificate', key: 'the private key' }

/**
 * What a TLS server is told of a certificate.
 * @param names what the two are called when something is wrong with them
 * @throws CertificateError when the two cannot be used
 */
export const contextOf = (
  { cert, key }: Certificate,
  names: { readonly cert: string; readonly key: string } = defaultNames,
): SecureContextOptions => {
  if (!parseCertificate(cert, names.cert).checkPrivateKey(parseKey(key, names.key))) {
    throw new CertificateError(
      `${names.key} does not belong to ${names.cert}. Name a certificate and its own private key.`,
    )
  }
  const context = { cert: Buffer.from(cert), key: Buffer.from(key), minVersion: 'TLSv1.2' } as const
  try {
    createSecureContext(context)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CertificateError(`${names.cert} and ${names.key} cannot be used together: ${why}.`, { cause })
  }
  return context
}

const parseCertificate = (pem: string | Uint8Array, name: string): X509Certificate => {
  try {
    return new X509Certificate(pem)
  } catch (cause) {
    throw new CertificateError(`${name} holds no certificate. It must begin with one in PEM form.`, { cause })
  }
}

const parseKey = (pem: string | Uint8Array, name: string): KeyObject => {
  try {
    return createPrivateKey(Buffer.from(pem))
  } catch (cause) {
    const message = `${name} holds no private key. It must hold one in PEM form, without a passphrase.`
    throw new CertificateError(message, { cause })
  }
}
