import { generate } from 'selfsigned'
import type { Certificate } from '../server/listen/certificate.ts'

/** A certificate of nobody's, for this machine, and its key. @param name whom it is made out to */
export const makeCertificate = async (
  name = 'localhost',
): Promise<Certificate & { cert: string; key: string }> => {
  const { cert, private: key } = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  })
  return { cert, key }
}
