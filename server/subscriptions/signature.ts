import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

/** A public key as receivers of webhooks get it (RFC 7517, RFC 8037). */
export interface PublicKey {
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  readonly x: string
  readonly kid: string
  readonly use: 'sig'
  readonly alg: 'EdDSA'
}

/** One key pair as it lies in the store. */
export interface SigningKey {
  readonly public: PublicKey
  /** PKCS #8, base64. */
  readonly private: string
  /** Milliseconds since 1970. */
  readonly madeAt: number
}

export const newSigningKey = (now: number): SigningKey => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const { x = '' } = publicKey.export({ format: 'jwk' })
  return {
    public: { kty: 'OKP', crv: 'Ed25519', x, kid: keyId(x), use: 'sig', alg: 'EdDSA' },
    private: privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64'),
    madeAt: now,
  }
}

/** H1 A key's id is its RFC 7638 thumbprint behind `ds_`: the same key has the same id everywhere. */
export const keyId = (x: string): string =>
  `ds_${createHash('sha256')
    .update(JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x }))
    .digest('base64url')}`

/** H2 `t=<seconds>,kid=<key id>,ed25519=<base64url>` over `<seconds>.<body>`, so that neither can be replaced alone. */
export const signWebhook = (
  body: string,
  { public: { kid }, private: der }: SigningKey,
  now: number,
): string => {
  const seconds = Math.floor(now / 1_000)
  const signature = sign(null, Buffer.from(`${seconds}.${body}`), privateKey(der))
  return `t=${seconds},kid=${kid},ed25519=${signature.toString('base64url')}`
}

const privateKey = (der: string): KeyObject =>
  createPrivateKey({ key: Buffer.from(der, 'base64'), format: 'der', type: 'pkcs8' })
