import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK } from 'jose'
import { afterEach, expect, test, vi } from 'vitest'
import { jwtAuthorize } from '../../server/access/jwt.ts'
import { question } from './question.ts'
import { audience, Issuer, issuer } from './tokens.ts'

let server: Server | undefined
afterEach(() => {
  vi.useRealTimers()
  server?.closeAllConnections()
  server?.close()
  server = undefined
})

interface Published {
  readonly url: string
  asked: number
  /** What is answered: keys, a status, or nothing at all. */
  answer: readonly Issuer[] | number | 'silence'
}

/** Where an issuer publishes its keys. */
const published = async (...keys: readonly Issuer[]): Promise<Published> => {
  server = createServer(async (_, response) => {
    here.asked++
    const { answer } = here
    if (answer === 'silence') return
    if (typeof answer === 'number') return void response.writeHead(answer, { Location: here.url }).end()
    const all = answer.map(async ({ publicKey, alg, kid }) => ({ ...(await exportJWK(publicKey)), alg, kid }))
    response.end(JSON.stringify({ keys: await Promise.all(all) }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const here: Published = { url: `http://127.0.0.1:${port}/keys`, asked: 0, answer: keys }
  return here
}

const ds = [{ docs: '**', rights: ['read'] }]
const askerOf = ({ url }: Published, algorithms = ['ES256']) => {
  const authorize = jwtAuthorize({ algorithms, issuer, audience, jwksUrl: url })
  return async (maker: Issuer) =>
    authorize(question({ authorization: `Bearer ${await maker.token({ ds })}` }))
}
const open = (kid?: string, alg?: string) => Issuer.open(alg, kid)

test('The keys are fetched once, however many requests come', async () => {
  const maker = await open('one')
  const keys = await published(maker)
  const ask = askerOf(keys)
  const decisions = await Promise.all(Array.from({ length: 20 }, () => ask(maker)))
  expect(new Set(decisions.map(({ verdict }) => verdict))).toEqual(new Set(['allow']))
  expect(keys.asked).toBe(1)
})

test('[row 72] A key that is not known is asked for once, and then not again for a while', async () => {
  const [maker, stranger] = await Promise.all([open('one'), open('two')])
  const keys = await published(maker)
  const ask = askerOf(keys)
  for (let at = 0; at < 10; at++) {
    expect(await ask(stranger)).toEqual({
      verdict: 'deny',
      reason: 'the token is signed by a key that is not known',
    })
  }
  expect(keys.asked).toBeLessThanOrEqual(2)
  expect((await ask(maker)).verdict).toBe('allow')
})

test('A key that the issuer has added is found, with one request', async () => {
  const [maker, later] = await Promise.all([open('one'), open('two')])
  const keys = await published(maker)
  const ask = askerOf(keys)
  vi.useFakeTimers({ toFake: ['Date'] })
  expect((await ask(maker)).verdict).toBe('allow')
  keys.answer = [maker, later]
  vi.setSystemTime(Date.now() + 31_000)
  const decisions = await Promise.all([later, maker, later, later].map(ask))
  expect(decisions.map(({ verdict }) => verdict)).toEqual(['allow', 'allow', 'allow', 'allow'])
  expect(keys.asked).toBe(2)
})

test('A key that the issuer took back is forgotten', async () => {
  const [maker, next] = await Promise.all([open('one'), open('two')])
  const keys = await published(maker)
  const ask = askerOf(keys)
  vi.useFakeTimers({ toFake: ['Date'] })
  await ask(maker)
  keys.answer = [next]
  vi.setSystemTime(Date.now() + 601_000)
  expect((await ask(maker)).verdict).toBe('deny')
})

test('[row 72] A key of the same name by somebody else signs nothing', async () => {
  const [maker, thief] = await Promise.all([open('one'), open('one')])
  const keys = await published(maker)
  expect(await askerOf(keys)(thief)).toEqual({ verdict: 'deny', reason: 'the token is not valid' })
})

test('A token that does not say which of several keys it is signed by is told so', async () => {
  const [one, two, silent] = await Promise.all([open('one'), open('two'), open()])
  const keys = await published(one, two)
  expect(await askerOf(keys)(silent)).toMatchObject({
    verdict: 'deny',
    reason: expect.stringContaining('which key'),
  })
})

test('A key of another algorithm than those accepted is of no use', async () => {
  const maker = await open('one', 'EdDSA')
  const keys = await published(maker)
  expect(await askerOf(keys)(maker)).toMatchObject({ verdict: 'deny' })
})

test('Keys that cannot be had are a failure, no verdict', async () => {
  const maker = await open('one')
  const keys = await published(maker)
  for (const status of [500, 404, 302]) {
    keys.answer = status
    await expect(askerOf(keys)(maker)).rejects.toThrow()
  }
  server?.closeAllConnections()
  server?.close()
  await expect(askerOf(keys)(maker)).rejects.toThrow()
})

test('Keys that do not come are waited for some seconds', async () => {
  const maker = await open('one')
  const keys = await published(maker)
  keys.answer = 'silence'
  await expect(askerOf(keys)(maker)).rejects.toMatchObject({ code: 'ERR_JWKS_TIMEOUT' })
  keys.answer = [maker]
  expect((await askerOf(keys)(maker)).verdict).toBe('allow')
}, 20_000)
