import type { KeyObject } from 'node:crypto'
import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose'
import { realWorld } from '../world.ts'
import { judge, readGrants } from './grants.ts'
import { publicAlgorithms, publicKey, secretAlgorithms, secretKey } from './jwt-key.ts'
import type { AccessQuestion, Decision } from './question.ts'

export interface JwtOptions {
  /** The signatures that are accepted, such as `['ES256']`: all of a public key or all of a secret. */
  readonly algorithms: readonly string[]
  /** Exactly one of the three. A public key: PEM, a JWK as JSON, or a KeyObject. */
  readonly key?: string | KeyObject | undefined
  /** Of HS256 and its like, shared with whoever makes the tokens. */
  readonly secret?: string | Uint8Array | undefined
  /** Where the issuer publishes its keys: https, or http on this machine. */
  readonly jwksUrl?: string | URL | undefined
  /** `iss` must be one of these. */
  readonly issuer: string | readonly string[]
  /** `aud` must be, or hold, one of these. */
  readonly audience: string | readonly string[]
  /** How far the clocks of issuer and server may differ, in seconds. Default 5. */
  readonly clockToleranceS?: number | undefined
  /** The claim that holds the grants. Default `ds`. */
  readonly claim?: string | undefined
  /** Milliseconds since 1970, for tests. */
  readonly now?: (() => number) | undefined
}

/** Of a key set that the issuer publishes. */
const jwks = {
  /** An issuer that is slow must not hold requests. */
  timeoutDuration: 3_000,
  /** A key not seen before is asked for at once, and then not again for so long, whoever makes up key ids. */
  cooldownDuration: 30_000,
  /** A key that the issuer took back is forgotten after this. */
  cacheMaxAge: 600_000,
} as const

/**
 * Access by JSON Web Tokens in the `Authorization` header, and nowhere else. `exp`, `iss` and `aud` are required; what the
 * token allows is in its grants (`docs/access.md`).
 * @throws TypeError, in a sentence, when the options are incomplete, contradict each other, or would let in too much
 */
export const jwtAuthorize = (options: JwtOptions): ((question: AccessQuestion) => Promise<Decision>) => {
  const verify = verifier(options)
  const { claim = 'ds' } = options
  return async question => {
    const token = bearer(question.request.headers.get('Authorization'))
    if (token === undefined) return { verdict: 'deny' }
    const verified = await verify(token)
    if (typeof verified === 'string') return { verdict: 'deny', reason: verified }
    const { payload, expiresAt } = verified
    const grants = readGrants(payload[claim])
    if (!grants) return { verdict: 'deny', reason: `the claim ${claim} of the token is malformed` }
    return { verdict: judge(grants, question), caller: callerOf(payload), expiresAt }
  }
}

/** RFC 6750, 2.1. */
const bearer = (header: string | null): string | undefined =>
  /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(header ?? '')?.[1]

/** Tokens without a subject share what their issuer may use. */
const callerOf = ({ iss, sub }: JWTPayload): string =>
  typeof sub === 'string' && sub !== '' ? `${iss} ${sub}` : `${iss}`

interface Verified {
  readonly payload: JWTPayload
  readonly expiresAt: number
}

/** @returns a function that answers the token's claims, or why it is not accepted; it throws when nobody can say */
const verifier = (options: JwtOptions): ((token: string) => Promise<Verified | string>) => {
  const { clockToleranceS = 5, now = realWorld.now } = options
  const algorithms = pinned(options)
  const source = keySource(options, algorithms)
  const rules = {
    algorithms,
    issuer: named('issuer', options.issuer),
    audience: named('audience', options.audience),
    clockTolerance: clockToleranceS,
    requiredClaims: ['exp'],
  } satisfies JWTVerifyOptions
  if (!Number.isSafeInteger(clockToleranceS) || clockToleranceS < 0 || clockToleranceS > 300) {
    throw new TypeError('the clock tolerance is a whole number of seconds from 0 to 300')
  }
  return async token => {
    try {
      const checks = { ...rules, currentDate: new Date(now()) }
      const { payload } =
        typeof source === 'function'
          ? await jwtVerify(token, source, checks)
          : await jwtVerify(token, source, checks)
      const { exp = Number.POSITIVE_INFINITY } = payload
      if (!Number.isFinite(exp)) return 'the token never expires'
      return { payload, expiresAt: (exp + clockToleranceS) * 1_000 }
    } catch (error) {
      const reason = error instanceof errors.JOSEError ? reasonOf(error) : undefined
      if (reason === undefined) throw error
      return reason
    }
  }
}

/** Why a token is not accepted; undefined when the fault is not the token's. */
const reasonOf = (error: errors.JOSEError): string | undefined => {
  if (error instanceof errors.JWTExpired) return 'the token has expired'
  if (error instanceof errors.JWTClaimValidationFailed) {
    return `the claim ${error.claim} of the token is missing or not what it must be`
  }
  if (error instanceof errors.JOSEAlgNotAllowed)
    return 'the token is signed by an algorithm that is not accepted'
  if (error instanceof errors.JWKSNoMatchingKey) return 'the token is signed by a key that is not known'
  if (error instanceof errors.JWKSMultipleMatchingKeys)
    return 'the token does not say which key it is signed by'
  const isToken = [
    errors.JWSSignatureVerificationFailed,
    errors.JWSInvalid,
    errors.JWTInvalid,
    errors.JOSENotSupported,
  ].some(kind => error instanceof kind)
  return isToken ? 'the token is not valid' : undefined
}

const pinned = ({ algorithms, key, secret, jwksUrl }: JwtOptions): string[] => {
  if ([key, secret, jwksUrl].filter(one => one !== undefined).length !== 1) {
    throw new TypeError('tokens are checked with a key, a secret or the URL of a key set: give exactly one')
  }
  const allowed = secret === undefined ? publicAlgorithms : secretAlgorithms
  if (!Array.isArray(algorithms) || algorithms.length === 0) {
    throw new TypeError(`say which algorithms are accepted, of ${allowed.join(', ')}`)
  }
  for (const algorithm of algorithms) {
    if (allowed.includes(algorithm)) continue
    const what = secret === undefined ? 'a public key' : 'a secret'
    throw new TypeError(`${algorithm} is none of the algorithms of ${what}: ${allowed.join(', ')}`)
  }
  return [...algorithms]
}

const named = (what: string, given: string | readonly string[]): string[] => {
  const all = typeof given === 'string' ? [given] : [...(given ?? [])]
  if (all.length > 0 && all.every(one => typeof one === 'string' && one !== '')) return all
  throw new TypeError(`say which ${what} the tokens must name`)
}

const keySource = ({ key, secret, jwksUrl }: JwtOptions, algorithms: readonly string[]) => {
  if (key !== undefined) return publicKey(key, algorithms)
  if (secret !== undefined) return secretKey(secret, algorithms)
  return createRemoteJWKSet(keySetUrl(jwksUrl), jwks)
}

/** Whoever can change the answer makes valid tokens. */
const keySetUrl = (given: string | URL | undefined): URL => {
  const url = URL.canParse(String(given)) ? new URL(String(given)) : undefined
  const here = url && ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && here)) return url
  throw new TypeError('the URL of the key set must begin with https://, or be one of this machine')
}
