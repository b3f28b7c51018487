import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportJWK, exportSPKI, SignJWT } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createCommand, type ServeSettings } from '../../server/command.ts'
import { type JwtFlags, openJwt } from '../../server/jwt-flags.ts'
import { question } from './question.ts'
import { audience, Issuer, issuer } from './tokens.ts'

let folder: string
let maker: Issuer
const file = async (name: string, text: string) => {
  const path = join(folder, name)
  await writeFile(path, text)
  return path
}
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'access-'))
  maker = await Issuer.open()
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const settled = async (...args: readonly string[]): Promise<ServeSettings> => {
  const found: ServeSettings[] = []
  const command = createCommand('0', async settings => void found.push(settings))
  await command.parseAsync(['serve', ...args], { from: 'user' })
  const [settings] = found
  if (!settings) throw new Error('serve was not called')
  return settings
}
const jwtOf = async (...args: readonly string[]): Promise<JwtFlags> => {
  const { jwt } = await settled(...args)
  if (!jwt) throw new Error('there is no access control')
  return jwt
}
const named = ['--jwt-issuer', issuer, '--jwt-audience', audience]
const ds = [{ docs: '**', rights: ['read'] }]

test('Without flags there is no access control, and no proxy is believed', async () => {
  expect(await settled()).toMatchObject({ jwt: undefined, trustProxy: 0 })
  expect(await settled('--trust-proxy', '2')).toMatchObject({ trustProxy: 2 })
})

test.each(['PEM', 'JWK'])('A key file holds %s', async kind => {
  const text =
    kind === 'PEM' ? await exportSPKI(maker.publicKey) : JSON.stringify(await exportJWK(maker.publicKey))
  const path = await file(kind, `${text}\n`)
  const authorize = await openJwt(await jwtOf('--jwt-key-file', path, '--jwt-algorithms', 'ES256', ...named))
  const authorization = `Bearer ${await maker.token({ ds })}`
  expect(await authorize(question({ authorization }))).toMatchObject({ verdict: 'allow' })
})

test('A secret file may end with a line break', async () => {
  const secret = 'a secret that is long enough for HS256'
  const path = await file('secret', `${secret}\n`)
  const authorize = await openJwt(
    await jwtOf('--jwt-secret-file', path, '--jwt-algorithms', 'HS256', ...named),
  )
  const token = await new SignJWT({ ds })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer(issuer)
    .setAudience(audience)
    .setExpirationTime('1m')
    .sign(new TextEncoder().encode(secret))
  expect(await authorize(question({ authorization: `Bearer ${token}` }))).toMatchObject({ verdict: 'allow' })
})

test('Lists repeat or have commas, and the rest is passed on', async () => {
  const flags = await jwtOf(
    ...['--jwt-jwks-url', 'https://issuer.example/keys', '--jwt-algorithms', 'ES256, RS256'],
    ...['--jwt-issuer', 'a', '--jwt-issuer', 'b', '--jwt-audience', 'c,d'],
    ...['--jwt-clock-tolerance', '7', '--jwt-claim', 'grants'],
  )
  expect(flags).toEqual({
    keyFile: undefined,
    secretFile: undefined,
    jwksUrl: 'https://issuer.example/keys',
    algorithms: ['ES256', 'RS256'],
    issuer: ['a', 'b'],
    audience: ['c', 'd'],
    clockToleranceS: 7,
    claim: 'grants',
  })
  expect(typeof (await openJwt(flags))).toBe('function')
})

test('Flags that are incomplete or contradict each other are refused in a sentence', async () => {
  const key = await file('key', await exportSPKI(maker.publicKey))
  const secret = await file('short', 'short')
  const es256 = ['--jwt-algorithms', 'ES256']
  const bad: readonly (readonly [readonly string[], string])[] = [
    [['--jwt-key-file', key], 'say which algorithms are accepted'],
    [['--jwt-key-file', key, ...es256], 'say which issuer'],
    [['--jwt-key-file', key, ...es256, '--jwt-issuer', 'a'], 'say which audience'],
    [[...es256, ...named], 'give exactly one'],
    [['--jwt-claim', 'x'], 'give exactly one'],
    [['--jwt-key-file', key, '--jwt-jwks-url', 'https://x.example', ...es256, ...named], 'give exactly one'],
    [
      ['--jwt-key-file', key, '--jwt-algorithms', 'HS256', ...named],
      'HS256 is none of the algorithms of a public key',
    ],
    [['--jwt-secret-file', key, ...es256, ...named], 'ES256 is none of the algorithms of a secret'],
    [['--jwt-secret-file', secret, '--jwt-algorithms', 'HS256', ...named], 'at least 32 bytes'],
    [['--jwt-key-file', key, '--jwt-algorithms', 'RS256', ...named], 'cannot check RS256'],
    [['--jwt-key-file', secret, ...es256, ...named], 'neither PEM'],
    [['--jwt-jwks-url', 'http://x.example', ...es256, ...named], 'must begin with https://'],
    [
      ['--jwt-key-file', join(folder, 'none'), ...es256, ...named],
      'the file of --jwt-key-file cannot be read',
    ],
  ]
  for (const [args, words] of bad) await expect(openJwt(await jwtOf(...args))).rejects.toThrow(words)
})
