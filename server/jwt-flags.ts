import { readFile } from 'node:fs/promises'
import { jwtAuthorize } from './access/jwt.ts'
import type { Authorize } from './access/question.ts'

/** What `serve` was told about tokens. */
export interface JwtFlags {
  readonly keyFile: string | undefined
  readonly secretFile: string | undefined
  readonly jwksUrl: string | undefined
  readonly algorithms: readonly string[] | undefined
  readonly issuer: readonly string[] | undefined
  readonly audience: readonly string[] | undefined
  readonly clockToleranceS: number | undefined
  readonly claim: string | undefined
}

/** The flags, what they take, and a line of help each. Those of `names` repeat, or take a list with commas. */
export const jwtOptions = [
  ['jwt-key-file', 'file', 'asks for a JSON Web Token, checked with this public key: PEM or JWK'],
  ['jwt-secret-file', 'file', 'asks for a JSON Web Token, checked with the secret that is in this file'],
  ['jwt-jwks-url', 'url', 'asks for a JSON Web Token, checked with the keys its issuer publishes here'],
  ['jwt-algorithms', 'names', 'accepted signatures, such as ES256; required with a key'],
  ['jwt-issuer', 'names', 'accepted `iss` of a token; required with a key'],
  ['jwt-audience', 'names', 'accepted `aud` of a token; required with a key'],
  ['jwt-clock-tolerance', 'seconds', 'how far the issuer’s clock may be off, 5 when left out'],
  ['jwt-claim', 'name', 'claim of a token that holds its grants, `ds` when left out'],
] as const

/** Undefined when none of the flags was given. */
export const settleJwt = (given: Readonly<Record<string, unknown>>): JwtFlags | undefined => {
  const flags = {
    keyFile: given['jwtKeyFile'],
    secretFile: given['jwtSecretFile'],
    jwksUrl: given['jwtJwksUrl'],
    algorithms: given['jwtAlgorithms'],
    issuer: given['jwtIssuer'],
    audience: given['jwtAudience'],
    clockToleranceS: given['jwtClockTolerance'],
    claim: given['jwtClaim'],
  }
  return Object.values(flags).some(value => value !== undefined) ? (flags as JwtFlags) : undefined
}

/** @throws Error, in a sentence, when a file cannot be read or the flags do not make sense together */
export const openJwt = async (flags: JwtFlags): Promise<Authorize> => {
  const { keyFile, secretFile, jwksUrl, algorithms = [], issuer = [], audience = [] } = flags
  const { clockToleranceS, claim } = flags
  const key = keyFile === undefined ? undefined : await textOf('--jwt-key-file', keyFile)
  const secret = secretFile === undefined ? undefined : await textOf('--jwt-secret-file', secretFile)
  try {
    return jwtAuthorize({
      key,
      // An editor ends a file with a line break, which nobody means.
      secret: secret?.replace(/\r?\n$/, ''),
      jwksUrl,
      algorithms,
      issuer,
      audience,
      clockToleranceS,
      claim,
    })
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`${message}. The options --jwt-… say how tokens are checked; see --help`, { cause })
  }
}

const textOf = async (flag: string, file: string): Promise<string> => {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new Error(`the file of ${flag} cannot be read: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    })
  }
}
