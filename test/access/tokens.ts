import { type CryptoKey, generateKeyPair, type JWTPayload, SignJWT } from 'jose'

export const issuer = 'https://issuer.example'
export const audience = 'https://streams.example'

/** Whoever makes tokens: keys of its own, made for the test. */
export class Issuer {
  readonly #privateKey: CryptoKey
  readonly publicKey: CryptoKey
  readonly alg: string
  readonly kid: string | undefined

  private constructor(alg: string, keys: { privateKey: CryptoKey; publicKey: CryptoKey }, kid?: string) {
    this.alg = alg
    this.kid = kid
    this.#privateKey = keys.privateKey
    this.publicKey = keys.publicKey
  }

  static async open(alg = 'ES256', kid?: string): Promise<Issuer> {
    return new Issuer(alg, await generateKeyPair(alg, { extractable: true }), kid)
  }

  /** A token that is in order, but for what is said. An undefined claim is left out. */
  token(claims: Record<string, unknown> = {}, now = Date.now()): Promise<string> {
    const all = { iss: issuer, aud: audience, sub: 'ada', exp: Math.floor(now / 1_000) + 600, ...claims }
    const payload = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
    return new SignJWT(payload as JWTPayload)
      .setProtectedHeader({ alg: this.alg, ...(this.kid !== undefined && { kid: this.kid }) })
      .sign(this.#privateKey)
  }
}

/** Parts of a token that no library would make. */
export const encoded = (part: unknown): string =>
  Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url')

export const bearer = (token: string): Record<string, string> => ({ Authorization: `Bearer ${token}` })
