import { createPublicKey, type JsonWebKeyInput, KeyObject } from 'node:crypto'

/** What a signature can be checked with. */
interface Fit {
  readonly type: string
  readonly curve?: string
}

const rsa: Fit = { type: 'rsa' }
const edwards: Fit = { type: 'ed25519' }
const none: Fit = { type: 'none' }

/** The algorithms a public key can be pinned to, and the keys they need. There is no `none`. */
const fits: Readonly<Record<string, Fit>> = {
  RS256: rsa,
  RS384: rsa,
  RS512: rsa,
  PS256: rsa,
  PS384: rsa,
  PS512: rsa,
  ES256: { type: 'ec', curve: 'prime256v1' },
  ES384: { type: 'ec', curve: 'secp384r1' },
  ES512: { type: 'ec', curve: 'secp521r1' },
  EdDSA: edwards,
  Ed25519: edwards,
}

/** Of a secret, the bytes that RFC 7518, 3.2 asks for. */
const secretBytes: Readonly<Record<string, number>> = { HS256: 32, HS384: 48, HS512: 64 }

export const publicAlgorithms: readonly string[] = Object.keys(fits)
export const secretAlgorithms: readonly string[] = Object.keys(secretBytes)

const leastModulusBits = 2_048

/**
 * The key to check signatures of `algorithms` with.
 * @param given PEM (a public key or a certificate), the JSON of a JWK, or a KeyObject
 * @throws TypeError for no key, a secret or private one, or one that an algorithm cannot use
 */
export const publicKey = (given: string | KeyObject, algorithms: readonly string[]): KeyObject => {
  const key = given instanceof KeyObject ? given : parse(given)
  if (key.type !== 'public') throw new TypeError(notPublic)
  for (const algorithm of algorithms) {
    const { type, curve } = fits[algorithm] ?? none
    const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {}
    if (type !== key.asymmetricKeyType || (curve !== undefined && curve !== namedCurve)) {
      throw new TypeError(`the key is ${nameOf(key)} and cannot check ${algorithm}`)
    }
    if (type === rsa.type && modulusLength < leastModulusBits) {
      throw new TypeError(`an RSA key has at least ${leastModulusBits} bits, this one ${modulusLength}`)
    }
  }
  return key
}

const notPublic = 'the key must be the public one: whoever checks tokens must not be able to make them'

const nameOf = ({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string =>
  [asymmetricKeyType, asymmetricKeyDetails?.namedCurve].filter(Boolean).join(' ')

/** Node would take the public half out of a private key without a word. */
const parse = (text: string): KeyObject => {
  if (text.includes('PRIVATE KEY')) throw new TypeError(notPublic)
  const jwk = text.trimStart().startsWith('{') ? readJwk(text) : undefined
  if (jwk && ('d' in jwk || 'k' in jwk)) throw new TypeError(notPublic)
  try {
    return jwk ? createPublicKey({ key: jwk, format: 'jwk' }) : createPublicKey(text)
  } catch (cause) {
    throw new TypeError('the key is neither PEM of a public key or certificate, nor a JWK', { cause })
  }
}

const readJwk = (text: string): JsonWebKeyInput['key'] => {
  try {
    return JSON.parse(text) as JsonWebKeyInput['key']
  } catch {
    throw new TypeError('the key begins like a JWK and is no JSON')
  }
}

/** @throws TypeError for a secret shorter than an algorithm needs */
export const secretKey = (given: string | Uint8Array, algorithms: readonly string[]): Uint8Array => {
  const secret = typeof given === 'string' ? new TextEncoder().encode(given) : given
  for (const algorithm of algorithms) {
    const least = secretBytes[algorithm] ?? 0
    if (secret.length < least) {
      throw new TypeError(`a secret for ${algorithm} has at least ${least} bytes, this one ${secret.length}`)
    }
  }
  return secret
}
