import { createHmac, createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { exportJWK, exportPKCS8, exportSPKI, generateKeyPair, SignJWT } from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import { type JwtOptions, jwtAuthorize } from '../../server/access/jwt.ts'
import type { AccessQuestion, Decision } from '../../server/access/question.ts'
import { question } from './question.ts'
import { audience, encoded, Issuer, issuer } from './tokens.ts'

const grants = [{ docs: 'acme/docs/**', rights: ['read', 'write'] }]
const secret = 'a secret that is long enough for HS256'

let maker: Issuer
let pem: string
beforeAll(async () => {
  maker = await Issuer.open()
  pem = await exportSPKI(maker.publicKey)
})

const opened = (given: Partial<JwtOptions> = {}) => {
  const key = given.secret === undefined && given.jwksUrl === undefined ? { key: pem } : {}
  return jwtAuthorize({ algorithms: ['ES256'], issuer, audience, ...key, ...given })
}
const ask = async (
  authorization: string | undefined,
  given: Partial<JwtOptions> = {},
  about: Partial<AccessQuestion> = {},
): Promise<Decision> => {
  const asked = question({ ...about, ...(authorization !== undefined && { authorization }) })
  return opened(given)(asked)
}
const askWith = async (claims: Record<string, unknown>, given: Partial<JwtOptions> = {}) =>
  ask(`Bearer ${await maker.token({ ds: grants, ...claims })}`, given)

describe('A token in order', () => {
  test('allows what it grants, says who asks, and until when', async () => {
    const exp = Math.floor(Date.now() / 1_000) + 600
    const allowed = { verdict: 'allow', caller: `${issuer} ada`, expiresAt: (exp + 5) * 1_000 }
    expect(await askWith({ exp })).toEqual(allowed)
    expect(await askWith({ exp, aud: ['https://other.example', audience] })).toEqual(allowed)
    const expiresAt = (exp + 60) * 1_000
    expect(await askWith({ exp }, { clockToleranceS: 60 })).toEqual({ ...allowed, expiresAt })
  })

  test('refuses what it does not, and still says who asks', async () => {
    const authorization = `Bearer ${await maker.token({ ds: grants })}`
    const denied = { verdict: 'deny', caller: `${issuer} ada` }
    expect(await ask(authorization, {}, { service: 'other' })).toMatchObject(denied)
    expect(await ask(authorization, {}, { action: 'delete' })).toMatchObject(denied)
    expect(await askWith({ ds: undefined })).toMatchObject(denied)
  })

  test('that may only read is read-only', async () => {
    const ds = [{ docs: 'acme/docs/**', rights: ['read', 'presence'] }]
    const authorization = `Bearer ${await maker.token({ ds })}`
    expect(await ask(authorization, {}, { action: 'write' })).toMatchObject({ verdict: 'read-only' })
    expect(await ask(authorization, {}, { action: 'presence' })).toMatchObject({ verdict: 'allow' })
  })

  test('without a subject counts as its issuer', async () => {
    expect(await askWith({ sub: undefined })).toMatchObject({ verdict: 'allow', caller: issuer })
  })

  test('may keep its grants in another claim', async () => {
    const claim = 'https://streams.example/grants'
    expect(await askWith({ ds: undefined, [claim]: grants }, { claim })).toMatchObject({ verdict: 'allow' })
    expect(await askWith({}, { claim })).toMatchObject({ verdict: 'deny' })
  })

  test.each(['EdDSA', 'Ed25519', 'RS256', 'PS384', 'ES384', 'ES512'])(
    'may be signed by %s',
    async alg => {
      const other = await Issuer.open(alg)
      const key = await exportSPKI(other.publicKey)
      const authorization = `Bearer ${await other.token({ ds: grants })}`
      expect(await ask(authorization, { key, algorithms: [alg] })).toMatchObject({ verdict: 'allow' })
      expect(await ask(authorization)).toMatchObject({ verdict: 'deny' })
    },
    20_000,
  )

  test('may be signed with a secret', async () => {
    const token = await new SignJWT({ ds: grants })
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer(issuer)
      .setAudience(audience)
      .setExpirationTime('1m')
      .sign(new TextEncoder().encode(secret))
    const given = { secret, algorithms: ['HS256'] }
    expect(await ask(`Bearer ${token}`, given)).toMatchObject({ verdict: 'allow' })
    expect(await ask(`Bearer ${token}`, { ...given, secret: `${secret}!` })).toMatchObject({
      verdict: 'deny',
    })
  })

  test('may be checked with a JWK or a KeyObject', async () => {
    const authorization = `Bearer ${await maker.token({ ds: grants })}`
    const key = JSON.stringify(await exportJWK(maker.publicKey))
    expect(await ask(authorization, { key })).toMatchObject({ verdict: 'allow' })
    expect(await ask(authorization, { key: createPublicKey(pem) })).toMatchObject({ verdict: 'allow' })
  })
})

/** Nobody is known: the answer is a 401, with what is wrong when there was a token. */
const expectStranger = (decision: Decision, reason?: string | RegExp) => {
  expect(decision.verdict).toBe('deny')
  expect(decision.caller).toBeUndefined()
  if (reason === undefined) expect(decision.reason).toBeUndefined()
  else expect(decision.reason).toMatch(reason)
}

describe('[row 72] Credentials that are none', () => {
  test.each([
    ['nothing', undefined],
    ['an empty header', ''],
    ['the scheme alone', 'Bearer'],
    ['the scheme and a space', 'Bearer '],
    ['Basic', 'Basic YWRhOnB3'],
    ['a token without its scheme', 'eyJhbGciOiJFUzI1NiJ9.e30.c2ln'],
    ['two tokens', 'Bearer a.b.c, Bearer d.e.f'],
    ['a token with a space in it', 'Bearer a.b .c'],
  ])('%s', async (_, authorization) => expectStranger(await ask(authorization)))

  test('the scheme is spelled in any case', async () => {
    const token = await maker.token({ ds: grants })
    expect(await ask(`bEaReR  ${token}`)).toMatchObject({ verdict: 'allow' })
  })

  test.each(['a', 'a.b', 'a.b.c', 'a.b.c.d.e', '..', 'e30.e30.', '%%%'.replaceAll('%', '~')])(
    'a token that is none: %s',
    async token => expectStranger(await ask(`Bearer ${token}`), 'is not valid'),
  )

  test('a token of nobody: alg none', async () => {
    const token = await maker.token({ ds: grants })
    const [, payload, signature] = token.split('.')
    for (const alg of ['none', 'None', 'NONE', '', 'nOnE']) {
      for (const tail of ['', signature]) {
        const forged = `${encoded({ alg, typ: 'JWT' })}.${payload}.${tail}`
        expectStranger(await ask(`Bearer ${forged}`), /algorithm|not valid/)
      }
    }
  })

  test('HS256 signed with the public key', async () => {
    const payload = (await maker.token({ ds: grants })).split('.')[1]
    const jwk = JSON.stringify(await exportJWK(maker.publicKey))
    const spki = createPublicKey(pem).export({ type: 'spki', format: 'der' })
    for (const key of [pem, pem.trim(), jwk, spki]) {
      const signed = `${encoded({ alg: 'HS256', typ: 'JWT' })}.${payload}`
      const mac = createHmac('sha256', key).update(signed).digest('base64url')
      expectStranger(await ask(`Bearer ${signed}.${mac}`), 'algorithm')
    }
  })

  test('another algorithm of the very same key', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
    const payload = (await maker.token({ ds: grants })).split('.')[1]
    const signed = `${encoded({ alg: 'RS512' })}.${payload}`
    const token = `${signed}.${sign('sha512', Buffer.from(signed), privateKey).toString('base64url')}`
    const allowed = await ask(`Bearer ${token}`, { key: publicKey, algorithms: ['RS512'] })
    expect(allowed.verdict).toBe('allow')
    expectStranger(await ask(`Bearer ${token}`, { key: publicKey, algorithms: ['RS256'] }), 'algorithm')
  })

  test('a key that the token brings along', async () => {
    const thief = await generateKeyPair('ES256', { extractable: true })
    const jwk = await exportJWK(thief.publicKey)
    for (const brought of [{ jwk }, { jku: 'http://127.0.0.1:1/keys' }, { x5u: 'http://127.0.0.1:1/' }]) {
      const token = await new SignJWT({ ds: grants })
        .setProtectedHeader({ alg: 'ES256', ...brought })
        .setIssuer(issuer)
        .setAudience(audience)
        .setExpirationTime('1m')
        .sign(thief.privateKey)
      expectStranger(await ask(`Bearer ${token}`), 'not valid')
    }
  })

  test('a changed payload, a changed signature, none', async () => {
    const [header, , signature] = (await maker.token({ ds: grants })).split('.')
    const more = encoded({ iss: issuer, aud: audience, exp: 9_999_999_999, ds: grants })
    expectStranger(await ask(`Bearer ${header}.${more}.${signature}`), 'not valid')
    expectStranger(await ask(`Bearer ${header}.${more}.`), 'not valid')
  })

  const now = Math.floor(Date.now() / 1_000)
  test.each([
    ['no exp', { exp: undefined }, 'exp'],
    ['exp as a text', { exp: `${now + 600}` }, 'exp'],
    ['exp as null', { exp: null }, 'exp'],
    ['exp as true', { exp: true }, 'exp'],
    ['exp as a list', { exp: [now + 600] }, 'exp'],
    ['exp in the past', { exp: now - 60 }, 'expired'],
    ['exp of 0', { exp: 0 }, 'expired'],
    ['nbf in the future', { nbf: now + 60 }, 'nbf'],
    ['nbf as a text', { nbf: 'now' }, 'nbf'],
    ['no iss', { iss: undefined }, 'iss'],
    ['another iss', { iss: 'https://evil.example' }, 'iss'],
    ['a longer iss', { iss: `${issuer}.evil.example` }, 'iss'],
    ['iss as a list', { iss: [issuer] }, 'iss'],
    ['no aud', { aud: undefined }, 'aud'],
    ['another aud', { aud: 'https://evil.example' }, 'aud'],
    ['aud as a list of others', { aud: ['a', 'b'] }, 'aud'],
    ['aud as an empty list', { aud: [] }, 'aud'],
    ['aud as an object', { aud: { 0: audience } }, 'aud'],
    ['grants that are none', { ds: [{ docs: '**', rights: ['everything'] }] }, 'ds'],
  ])('%s', async (_, claims, reason) => expectStranger(await askWith(claims), reason))

  test('exp that never comes', async () => {
    const [header] = (await maker.token()).split('.')
    const payload = `{"iss":"${issuer}","aud":"${audience}","exp":1e999}`
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const signed = `${header}.${encoded(payload)}`
    const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' })
    const token = `${signed}.${signature.toString('base64url')}`
    expectStranger(await ask(`Bearer ${token}`, { key: publicKey }), 'never expires')
  })

  test('exp to the second, the tolerance added', async () => {
    const exp = 1_900_000_000
    const token = await maker.token({ exp, ds: grants })
    const at = (seconds: number) => ask(`Bearer ${token}`, { now: () => (exp + seconds) * 1_000 })
    expect((await at(4)).verdict).toBe('allow')
    expectStranger(await at(5), 'expired')
  })
})

describe('Options that would let in too much are refused in a sentence', () => {
  const refuses = (given: Partial<JwtOptions>, words: string) =>
    expect(() => jwtAuthorize({ algorithms: ['ES256'], issuer, audience, ...given })).toThrow(words)

  test('none, two or three ways to check', () => {
    refuses({}, 'exactly one')
    refuses({ key: pem, secret }, 'exactly one')
    refuses({ key: pem, jwksUrl: 'https://issuer.example/keys' }, 'exactly one')
  })

  test('algorithms that are not named, unknown, or of the other kind', () => {
    refuses({ key: pem, algorithms: [] }, 'which algorithms')
    refuses({ key: pem, algorithms: ['none'] }, 'none is none of the algorithms')
    refuses({ key: pem, algorithms: ['ES256', 'HS256'] }, 'HS256 is none of the algorithms of a public key')
    refuses({ jwksUrl: 'https://issuer.example/keys', algorithms: ['HS256'] }, 'of a public key')
    refuses({ secret, algorithms: ['RS256'] }, 'RS256 is none of the algorithms of a secret')
    refuses({ secret, algorithms: ['toString'] }, 'of a secret')
  })

  test('an issuer or an audience that is not named', () => {
    refuses({ key: pem, issuer: [] }, 'which issuer')
    refuses({ key: pem, issuer: '' }, 'which issuer')
    refuses({ key: pem, audience: ['', audience] }, 'which audience')
  })

  test('a clock that is off by more than minutes', () => {
    for (const clockToleranceS of [-1, 1.5, 301, Number.NaN]) {
      refuses({ key: pem, clockToleranceS }, 'clock tolerance')
    }
  })

  test('a key set that anybody on the way could change', () => {
    for (const jwksUrl of [
      'http://issuer.example/keys',
      'http://127.0.0.1.evil.example/',
      'file:///keys',
      'x',
    ]) {
      refuses({ jwksUrl }, 'https://')
    }
  })

  test('a private key, a wrong one, a weak one, none', async () => {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true })
    refuses({ key: await exportPKCS8(privateKey) }, 'must be the public one')
    refuses({ key: JSON.stringify(await exportJWK(privateKey)) }, 'must be the public one')
    refuses({ key: '{"kty":"oct","k":"c2VjcmV0"}' }, 'must be the public one')
    refuses({ key: pem, algorithms: ['RS256'] }, 'the key is ec prime256v1 and cannot check RS256')
    refuses({ key: pem, algorithms: ['ES256', 'ES384'] }, 'cannot check ES384')
    const weak = generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey
    refuses({ key: weak, algorithms: ['RS256'] }, 'at least 2048 bits, this one 1024')
    refuses({ key: 'nonsense' }, 'neither PEM')
    refuses({ key: '{"kty":' }, 'no JSON')
    refuses({ key: '{"kty":"EC"}' }, 'nor a JWK')
  })

  test('a secret that could be guessed', () => {
    refuses({ secret: 'x'.repeat(31), algorithms: ['HS256'] }, 'at least 32 bytes, this one 31')
    refuses({ secret, algorithms: ['HS256', 'HS512'] }, 'HS512 has at least 64 bytes')
  })
})
