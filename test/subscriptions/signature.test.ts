import { createHash, createPublicKey, verify } from 'node:crypto'
import { expect, test } from 'vitest'
import { openMemoryStore } from '../../server/store/memory.ts'
import { Streams } from '../../server/streams/streams.ts'
import { Keys } from '../../server/subscriptions/keys.ts'
import { keyId, newSigningKey, signWebhook } from '../../server/subscriptions/signature.ts'
import { FakeWorld } from '../streams/world.ts'

const day = 24 * 3_600_000

/** A receiver's check, written from the description alone. */
const isGenuine = (
  body: string,
  signature: string,
  key: { readonly x: string; readonly kid: string },
): boolean => {
  const [, seconds, kid, base64 = ''] = /^t=(\d+),kid=([^,]+),ed25519=([\w-]+)$/.exec(signature) ?? []
  const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: key.x }, format: 'jwk' })
  return (
    kid === key.kid &&
    verify(null, Buffer.from(`${seconds}.${body}`), publicKey, Buffer.from(base64, 'base64url'))
  )
}

test('[H1] the thumbprint is that of RFC 8037, appendix A.3', () => {
  expect(keyId('11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo')).toBe(
    'ds_kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
  )
})

test('[H2] a signature covers the body and the second it was made in', () => {
  const key = newSigningKey(0)
  const signature = signWebhook('{"a":1}', key, 1_700_000_000_999)
  expect(signature).toMatch(/^t=1700000000,/)
  expect(isGenuine('{"a":1}', signature, key.public)).toBe(true)
  expect(isGenuine('{"a":2}', signature, key.public)).toBe(false)
  expect(isGenuine('{"a":1}', signature.replace('t=1700000000', 't=1700000001'), key.public)).toBe(false)
})

test('[H1] two keys have two ids', () => {
  const ids = [newSigningKey(0), newSigningKey(0)].map(key => key.public.kid)
  expect(new Set(ids).size).toBe(2)
  expect(createHash('sha256').digest('base64url')).toHaveLength((ids[0]?.length ?? 0) - 3)
})

const openKeys = (lifeMs = 90 * day) => {
  const world = new FakeWorld()
  const store = openMemoryStore()
  const keys = () => new Keys(new Streams({ store, world, readBytes: 1 << 20 }), world, lifeMs)
  return { world, keys }
}

test('[H3] of many first needs at once one prevails, in every process and after a restart', async () => {
  const { keys } = openKeys()
  const one = keys()
  const rings = await Promise.all([one.ring(), one.ring(), keys().ring(), keys().ring()])
  rings.push(await keys().ring())
  expect(new Set(rings.map(ring => ring.signing.public.kid)).size).toBe(1)
  expect(new Set(rings.map(ring => Buffer.from(ring.tokenSecret).toString('hex'))).size).toBe(1)
})

test('[H4] a key is replaced when its time is over, and stays published for a day', async () => {
  const { world, keys } = openKeys(10 * day)
  const first = await keys().ring()
  world.time += 10 * day - 1
  expect((await keys().ring()).signing.public.kid).toBe(first.signing.public.kid)
  world.time += 1
  const [second, again] = await Promise.all([keys().ring(), keys().ring()])
  expect(again.signing.public.kid).toBe(second.signing.public.kid)
  expect(second.published.map(key => key.kid)).toEqual([second.signing.public.kid, first.signing.public.kid])
  expect(second.tokenSecret).toEqual(first.tokenSecret)
  world.time += 10 * day
  const third = await keys().ring()
  expect(third.published.map(key => key.kid)).toEqual([third.signing.public.kid, second.signing.public.kid])
})

test('[H4] no private part is published', async () => {
  const { keys } = openKeys()
  const { published } = await keys().ring()
  expect(Object.keys(published[0] ?? {}).toSorted()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x'])
})
