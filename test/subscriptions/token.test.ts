import { expect, test } from 'vitest'
import { issueToken, readToken } from '../../server/subscriptions/token.ts'

const secret = Buffer.alloc(32, 7)
const day = 24 * 3_600_000
const token = issueToken(secret, { incarnation: 5, generation: 3 }, 1_000)

test('[T3] a token says its generation', () => {
  expect(readToken(secret, token, 5, 2_000)).toEqual({ generation: 3 })
})

test('[T1] what was not signed with the secret is invalid', () => {
  expect(readToken(Buffer.alloc(32, 8), token, 5, 2_000)).toBe('invalid')
  const [, mac] = token.split('.')
  const claims = Buffer.from(JSON.stringify([5, 4, 1_000 + day])).toString('base64url')
  for (const forged of [
    `${claims}.${mac}`,
    claims,
    `${claims}.`,
    `.${mac}`,
    '',
    '.',
    `${token}.x`,
    `x${token}`,
  ]) {
    expect(readToken(secret, forged, 5, 2_000)).toBe('invalid')
  }
})

test('[T2] a token of another subscription, or of an earlier one of that name, is invalid', () => {
  expect(readToken(secret, token, 6, 2_000)).toBe('invalid')
})

test('[T4] a token expires after a day', () => {
  expect(readToken(secret, token, 5, 1_000 + day - 1)).toEqual({ generation: 3 })
  expect(readToken(secret, token, 5, 1_000 + day)).toBe('expired')
})
