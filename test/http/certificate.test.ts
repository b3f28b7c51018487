import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CertificateError, startServer } from '../../server/index.ts'
import { makeCertificate } from '../certificate.ts'

test('A certificate that cannot be used is refused before anything is opened', async () => {
  const data = await mkdtemp(join(tmpdir(), 'certificate-'))
  const [ada, ben] = [await makeCertificate(), await makeCertificate()]
  const mixed = { cert: ada.cert, key: ben.key }
  await expect(startServer({ port: 0, data, tls: mixed })).rejects.toThrow(CertificateError)
  const server = await startServer({ port: 0, data, tls: ada })
  expect(server.url).toMatch(/^https:/)
  expect(() => server.renewCertificate(mixed)).toThrow('the private key does not belong to the certificate')
  server.renewCertificate(ben)
  await server.close()
  await rm(data, { recursive: true })
})

test('A server without a certificate cannot be given one', async () => {
  const server = await startServer({ port: 0, store: 'memory' })
  const certificate = await makeCertificate()
  expect(() => server.renewCertificate(certificate)).toThrow('started without a certificate')
  await server.close()
})
