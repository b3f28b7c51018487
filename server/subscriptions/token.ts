import { createHmac, timingSafeEqual } from 'node:crypto'

/** What a worker's token speaks of: one incarnation of a subscription, and one wake of it by generation. */
export interface TokenSubject {
  readonly incarnation: number
  readonly generation: number
}

/**
 * How long a token may be shown. It is worth nothing once its wake is over, so this bounds only a lease that is extended
 * for ever.
 */
const lifeMs = 24 * 3_600_000

type Claims = readonly [incarnation: number, generation: number, expiresAt: number]

/**
 * PROTOCOL 12.9: `<claims>.<mac>`.
 * - T1 It is signed, so nobody can make one, and the signature is compared in constant time.
 * - T2 It is good for one subscription: not for another one, nor for a later one of the same name.
 * - T3 It says its generation, so that one of an earlier wake is told from one that never was.
 * - T4 It expires.
 */
export const issueToken = (
  secret: Uint8Array,
  { incarnation, generation }: TokenSubject,
  now: number,
): string => {
  const claims: Claims = [incarnation, generation, now + lifeMs]
  const text = Buffer.from(JSON.stringify(claims)).toString('base64url')
  return `${text}.${mac(secret, text).toString('base64url')}`
}

export type TokenVerdict = { readonly generation: number } | 'invalid' | 'expired'

export const readToken = (
  secret: Uint8Array,
  token: string,
  incarnation: number,
  now: number,
): TokenVerdict => {
  const [text = '', given = '', ...rest] = token.split('.')
  const expected = mac(secret, text)
  const received = Buffer.from(given, 'base64url')
  if (rest.length > 0 || received.length !== expected.length || !timingSafeEqual(received, expected)) {
    return 'invalid'
  }
  const [subject, generation, expiresAt] = JSON.parse(Buffer.from(text, 'base64url').toString()) as Claims
  if (subject !== incarnation) return 'invalid'
  return now < expiresAt ? { generation } : 'expired'
}

const mac = (secret: Uint8Array, text: string): Buffer => createHmac('sha256', secret).update(text).digest()
