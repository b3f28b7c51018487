import { createPublicKey, type JsonWebKey, verify } from 'node:crypto'
import { expect, test } from 'vitest'
import { openReceiver, type Received } from '../../subscriptions/receiver.ts'
import { bytesOf, Document, eventually, expectError, framed, textOf, typist } from './document.ts'
import type { Service, Targeted } from './target.ts'

type Fields = Readonly<Record<string, unknown>>

/** What a receiver is told, as far as the section speaks of it. */
interface Wake {
  readonly subscription_id: string
  readonly streams: readonly { readonly path: string; readonly has_pending: boolean }[]
}

let count = 0
const fresh = (word: string): string => `${word}-${Date.now().toString(36)}-${count++}`
const subscriptionUrl = ({ baseUrl }: Pick<Service, 'baseUrl'>, id: string) =>
  `${baseUrl}/__ds/subscriptions/${id}`
const serviceOf = ({ baseUrl }: Pick<Service, 'baseUrl'>) => new URL(baseUrl).pathname.split('/').at(-1) ?? ''

const put = (url: string, fields: Fields, headers: Readonly<Record<string, string>> = {}) =>
  fetch(url, {
    method: 'PUT',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(fields),
  })

/** A port of the loopback address where nobody listens. */
const nobody = 'http://127.0.0.1:9/'
const fieldsFor = (document_pattern: string, url = nobody): Fields => ({
  type: 'webhook',
  events: ['snapshot.available'],
  document_pattern,
  webhook: { url },
  lease_ttl_ms: 30_000,
  description: 'Archive',
})

const base64url = (text: string): string => Buffer.from(text).toString('base64url')

export const snapshotSubscriptionTests = (target: Targeted): void => {
  test('[snapshot-subscription.lifecycle] a subscription is created, confirmed, defended, read and deleted', async () => {
    const id = fresh('archive')
    const url = subscriptionUrl(target(), id)
    const service = serviceOf(target())
    const created = await put(url, fieldsFor('projects/**'))
    const body = (await created.json()) as Fields
    expect([created.status, body]).toEqual([
      201,
      expect.objectContaining({
        id,
        subscription_id: id,
        delivery_subscription_id: `yjs:${base64url(service)}:${base64url(id)}`,
        service,
        type: 'webhook',
        events: ['snapshot.available'],
        document_pattern: 'projects/**',
        webhook: expect.objectContaining({ url: nobody }),
        lease_ttl_ms: 30_000,
        description: 'Archive',
        status: 'active',
      }),
    ])
    const same = await put(url, fieldsFor('/projects//**/'))
    expect([same.status, await same.json()]).toEqual([200, body])
    expect((await put(url, fieldsFor('projects/*'))).status).toBe(409)
    expect((await put(url, { ...fieldsFor('projects/**'), lease_ttl_ms: 40_000 })).status).toBe(409)
    const read = await fetch(url)
    expect([read.status, await read.json()]).toEqual([200, body])
    for (let times = 0; times < 2; times++) expect((await fetch(url, { method: 'DELETE' })).status).toBe(204)
    expect((await fetch(url)).status).toBe(404)
    expect((await put(url, fieldsFor('projects/*'))).status).toBe(201)
  })

  test('[snapshot-subscription.delivery] a new snapshot wakes, signed; awareness and other documents do not', async () => {
    const { port, received } = await openReceiver(response => response.end('{"done":true}'))
    const folder = fresh('projects')
    const url = subscriptionUrl(target(), fresh('archive'))
    const write = async (document: Document, type: (text: string) => Uint8Array) => {
      for (const name of ['default', 'cursors']) {
        await document.ask('PUT', `?awareness=${name}`)
        expect((await document.post(framed(new Uint8Array(2_000)), `?awareness=${name}`)).status).toBe(204)
      }
      await document.write(type('x'.repeat(target().compactBytes)))
    }
    const [inside, outside] = [new Document(target(), `${folder}/a/b`), new Document(target(), fresh('d'))]
    for (const document of [inside, outside]) expect((await document.ask('PUT')).status).toBe(201)
    const [ann, bob] = [typist(), typist()]
    await write(inside, ann)
    const before = await inside.snapshot()
    const index = `yjs/${serviceOf(target())}/docs/${inside.name}/.index`
    // A subscription begins at the tail of the index, which may be a moment behind the snapshot.
    const root = new URL('/v1/stream/', target().baseUrl)
    await eventually(async () => expect((await fetch(new URL(index, root))).status).toBe(200))
    const subscribed = await put(url, fieldsFor(`${folder}/**`, `http://127.0.0.1:${port}/`))
    const { delivery_subscription_id: expected, webhook } = (await subscribed.json()) as {
      delivery_subscription_id: string
      webhook: { signing: { jwks_url: string } }
    }

    await write(outside, bob)
    await outside.snapshot()
    await write(inside, ann)
    const wake = await eventually(() => wakeOf(received[0]))
    expect(await inside.snapshot(before)).not.toBe(before)
    expect(wake.subscription_id).toBe(expected)
    expect(wake.streams).toEqual([expect.objectContaining({ path: index, has_pending: true })])
    expect(await isSigned(received[0], webhook.signing.jwks_url)).toBe(true)
    const snapshot = await fetch(`${inside.url}?offset=snapshot`)
    expect(textOf(await bytesOf(snapshot))).toBe('x'.repeat(2 * target().compactBytes))

    const current = await inside.discovered()
    await write(inside, ann)
    await inside.snapshot(current)
    await eventually(() => expect(received).toHaveLength(2))
    const wakes = received.map(wakeOf)
    expect(wakes.flatMap(({ streams }) => streams.map(({ path }) => path))).toEqual([index, index])
    await fetch(url, { method: 'DELETE' })
  })

  test('[snapshot-subscription.invalid-filter] other events and patterns are refused, and nothing is made', async () => {
    const url = subscriptionUrl(target(), fresh('archive'))
    const valid = fieldsFor('projects/**')
    const events = [[], ['snapshot.deleted'], ['snapshot.available', 'awareness'], 'snapshot.available', null]
    const patterns = [
      '',
      '/',
      '..',
      'a/../b',
      'a*',
      '**b',
      'a/.index',
      'a b',
      'a\\b',
      'é',
      'x'.repeat(300),
      7,
      null,
    ]
    for (const fields of [
      ...events.map(events => ({ ...valid, events })),
      ...patterns.map(document_pattern => ({ ...valid, document_pattern })),
      { ...valid, type: 'pull-wake', wake_stream: 'wake' },
      { ...valid, pattern: '**' },
      { ...valid, streams: ['other'] },
      { ...valid, webhook: { url: nobody, secret: 'x' } },
    ]) {
      await expectError(await put(url, fields), 400, 'INVALID_REQUEST')
    }
    expect((await fetch(url)).status).toBe(404)
  })

  test('[snapshot-subscription.service] a service may have dots in its name, and is a service of its own', async () => {
    const id = fresh('archive')
    for (const service of ['acme.example', 'a_b-c.1', '...']) {
      const url = subscriptionUrl({ baseUrl: new URL(service, target().baseUrl).href }, id)
      const created = await put(url, fieldsFor('**'))
      expect([created.status, await created.json()]).toEqual([201, expect.objectContaining({ id, service })])
    }
    expect((await fetch(subscriptionUrl(target(), id))).status).toBe(404)
    for (const service of ['a%20b', '%C3%A9', 'a*']) {
      const url = subscriptionUrl({ baseUrl: new URL(service, target().baseUrl).href }, id)
      await expectError(await put(url, fieldsFor('**')), 400, 'INVALID_REQUEST')
    }
  })

  /**
   * The reference forwards these requests to a streams server elsewhere. Here both are one process: what its test says of
   * headers, scopes and failures of that way is that none of them can reach the answer.
   */
  test('[snapshot-subscription.proxy] nothing lies between: neither what a caller forwards nor a dead receiver shows', async () => {
    const document = new Document(target(), fresh('d'))
    expect((await document.ask('PUT')).status).toBe(201)
    const url = subscriptionUrl(target(), fresh('archive'))
    const created = await put(url, fieldsFor(document.name), {
      Forwarded: 'host=elsewhere.example;proto=https',
      'X-Forwarded-Host': 'elsewhere.example',
      'X-Forwarded-Prefix': '/elsewhere',
      'X-Service-Id': 'elsewhere',
    })
    const text = await created.text()
    expect(created.status).toBe(201)
    expect(text).not.toContain('elsewhere')
    const { webhook, service } = JSON.parse(text)
    expect(service).toBe(serviceOf(target()))
    const keys = new URL(webhook.signing.jwks_url)
    expect(keys.origin).toBe(new URL(target().baseUrl).origin)
    expect((await fetch(keys)).status).toBe(200)

    await document.write(typist()('x'.repeat(target().compactBytes)))
    await eventually(async () => {
      const read = await fetch(url)
      expect([read.status, await read.json()]).toEqual([200, expect.objectContaining({ status: 'failed' })])
    })
    expect((await put(url, fieldsFor(document.name))).status).toBe(200)
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(204)
  })
}

const wakeOf = (received: Received | undefined): Wake => {
  if (!received) throw new Error('nothing was received')
  return JSON.parse(received.body) as Wake
}

const isSigned = async (received: Received | undefined, keySet: string): Promise<boolean> => {
  const signature = `${received?.headers['webhook-signature']}`
  const [, time, kid, bytes = ''] = /^t=(\d+),kid=([^,]+),ed25519=([\w-]+)$/.exec(signature) ?? []
  const { keys } = (await (await fetch(keySet)).json()) as { keys: (JsonWebKey & { kid: string })[] }
  const key = keys.find(one => one.kid === kid)
  if (!key) return false
  const signed = Buffer.from(`${time}.${received?.body}`)
  return verify(null, signed, createPublicKey({ key, format: 'jwk' }), Buffer.from(bytes, 'base64url'))
}
