import { describe, expect, test } from 'vitest'
import { ContentType, Delivery, Path, Sentinel } from '../../protocol/index.ts'
import {
  action,
  control,
  type Fields,
  hook,
  openSubscribed,
  publicUrl,
  pullFields,
  subscription,
  webhookFields,
} from '../subscriptions/fixture.ts'
import { codeOf, nextOf, openApp, stream } from './fixture.ts'

describe('[row 52] the reserved segment', () => {
  test.each([
    ['GET', stream('__ds')],
    ['PUT', stream('__ds/a')],
    ['PUT', stream('__ds/subscriptions')],
    ['PUT', stream('__ds/subscriptions/')],
    ['POST', stream('svc/__ds/a')],
    ['GET', stream('__ds/jwks.json/a')],
    ['PUT', stream('__ds/subscriptions/s/what')],
    ['POST', stream('__ds/subscriptions/s/claim/a')],
    ['PUT', stream('a/b/__ds/subscriptions/s')],
    ['PUT', stream('a/__ds/__ds/subscriptions/s')],
    ['PUT', stream('%5f_ds/a')],
  ])('is no stream: %s %s is 404', async (method, target) => {
    const { send } = await openSubscribed()
    const answer = await send(method, target, { raw: target, ...(method !== 'GET' && { body: '{}' }) })
    expect([answer.status, await codeOf(answer)]).toEqual([404, 'NOT_FOUND'])
  })

  test('is found however it is spelled', async () => {
    const { send, subscribe } = await openSubscribed()
    await subscribe('s', pullFields)
    for (const target of [
      '//v1/stream//%5F_ds/sub%73criptions/s',
      `${subscription('s')}/`,
      `${subscription('s')}?a=b`,
    ]) {
      expect((await send('GET', target, { raw: target })).status).toBe(200)
    }
  })

  test.each([
    ['PUT', subscription('s')],
    ['GET', subscription('s')],
    ['DELETE', subscription('s')],
    ['DELETE', `${action('s', 'streams')}/a%2Fb`],
    ['POST', action('s', 'claim')],
    ['GET', `${control()}jwks.json`],
  ])('is empty without configuration: %s %s is 404', async (method, target) => {
    const { send } = openApp()
    const answer = await send(method, target, method === 'GET' ? {} : { body: JSON.stringify(pullFields) })
    expect([answer.status, await codeOf(answer)]).toEqual([404, 'NOT_FOUND'])
  })

  test('without configuration starts nothing', async () => {
    const { send, world, store } = openApp()
    await send('PUT', stream('a'), { type: ContentType.json, body: '{}' })
    await world.turn(600_000)
    expect(world.timers).toBe(0)
    expect(await store.list('ds/', undefined, 10)).toEqual([])
  })

  test.each([
    ['PATCH', subscription('s'), 'GET, HEAD, PUT, DELETE, OPTIONS'],
    ['POST', subscription('s'), 'GET, HEAD, PUT, DELETE, OPTIONS'],
    ['GET', action('s', 'claim'), 'POST, OPTIONS'],
    ['DELETE', action('s', 'streams'), 'POST, OPTIONS'],
    ['GET', `${action('s', 'streams')}/a`, 'DELETE, OPTIONS'],
    ['PUT', `${control()}jwks.json`, 'GET, HEAD, OPTIONS'],
  ])('[row 46] refuses %s %s with 405', async (method, target, allow) => {
    const { send } = await openSubscribed()
    const answer = await send(method, target)
    expect([answer.status, answer.headers.get('Allow')]).toEqual([405, allow])
  })

  test.each(['a b', 'é', 'x'.repeat(129), '%00', '..%2f'])('has no subscription of the id %j', async id => {
    const { send } = await openSubscribed()
    const target = `${control()}subscriptions/${id}`
    expect((await send('PUT', target, { body: JSON.stringify(pullFields), raw: target })).status).toBe(400)
  })
})

describe('PUT of a subscription', () => {
  test('answers 201 with all there is to know, then 200 with the same', async () => {
    const { subscribe, send } = await openSubscribed()
    const fields = { ...webhookFields, streams: ['x'], lease_ttl_ms: 5_000, description: 'what it is for' }
    const created = await subscribe('s', fields)
    const body = (await created.json()) as object
    expect(created.status).toBe(201)
    expect(body).toEqual({
      id: 's',
      subscription_id: 's',
      service_id: null,
      type: Delivery.webhook,
      pattern: 'events/*',
      streams: [{ path: 'x', link_type: 'explicit', acked_offset: Sentinel.start }],
      webhook: {
        url: hook,
        signing: {
          alg: 'ed25519',
          kid: expect.stringMatching(/^ds_[\w-]{43}$/),
          jwks_url: `${publicUrl}${control()}jwks.json`,
        },
      },
      wake_stream: null,
      lease_ttl_ms: 5_000,
      created_at: '2025-01-01T00:00:00.000Z',
      status: 'active',
      description: 'what it is for',
    })
    const confirmed = await subscribe('s', { ...fields, streams: ['/x/', 'x'], pattern: '/events/*' })
    expect([confirmed.status, await confirmed.json()]).toEqual([200, body])
    expect(await (await send('GET', subscription('s'))).json()).toEqual(body)
    expect(created.headers.get('Cache-Control')).toBe('no-store')
  })

  test.each<[string, Fields]>([
    ['type', pullFields],
    ['pattern', { ...webhookFields, pattern: 'other/*' }],
    ['streams', { ...webhookFields, streams: ['a'] }],
    ['webhook', { ...webhookFields, webhook: { url: `${hook}b` } }],
    ['lease', { ...webhookFields, lease_ttl_ms: 29_999 }],
    ['description', { ...webhookFields, description: '' }],
  ])('with another %s answers 409 and changes nothing', async (_, fields) => {
    const { subscribe } = await openSubscribed()
    await subscribe('s', webhookFields)
    const answer = await subscribe('s', fields)
    expect([answer.status, await codeOf(answer)]).toEqual([409, 'SUBSCRIPTION_ALREADY_EXISTS'])
    expect((await subscribe('s', webhookFields)).status).toBe(200)
  })

  test('is confirmed without asking for the host again', async () => {
    const { subscribe, network } = await openSubscribed()
    await subscribe('s', webhookFields)
    network.addresses = []
    expect((await subscribe('s', webhookFields)).status).toBe(200)
  })

  test.each<[string, unknown]>([
    ['[row 53] neither pattern nor streams', { ...pullFields, pattern: undefined }],
    ['[row 53] an empty list of streams', { ...pullFields, pattern: undefined, streams: [] }],
    ['[row 53] a lease of 999 ms', { ...pullFields, lease_ttl_ms: 999 }],
    ['[row 53] a lease of 600001 ms', { ...pullFields, lease_ttl_ms: 600_001 }],
    ['[row 53] half a millisecond', { ...pullFields, lease_ttl_ms: 1_000.5 }],
    ['[row 53] a lease as text', { ...pullFields, lease_ttl_ms: '30000' }],
    ['no type', { ...pullFields, type: undefined }],
    ['another type', { ...pullFields, type: 'push' }],
    ['an empty pattern', { ...pullFields, pattern: '' }],
    ['a pattern that is no text', { ...pullFields, pattern: 7 }],
    ['a pattern with an asterisk inside', { ...pullFields, pattern: 'events-*' }],
    ['a path with dots', { ...pullFields, streams: ['a/../b'] }],
    ['the reserved segment', { ...pullFields, streams: ['a/__ds/b'] }],
    ['a control character', { ...pullFields, streams: ['a\u0000'] }],
    ['half a surrogate pair', { ...pullFields, streams: ['a\ud800'] }],
    ['an empty path', { ...pullFields, streams: ['/'] }],
    ['a path that is no text', { ...pullFields, streams: [7] }],
    ['a path too long', { ...pullFields, streams: ['x'.repeat(513)] }],
    ['no wake stream', { ...pullFields, wake_stream: undefined }],
    ['its own wake stream', { ...pullFields, streams: ['/wake/pool'] }],
    ['no webhook', { ...webhookFields, webhook: undefined }],
    ['a webhook without URL', { ...webhookFields, webhook: {} }],
    ['a description that is no text', { ...pullFields, description: 7 }],
    ['a list', [pullFields]],
    ['text', 'what'],
    ['null', null],
  ])('with %s answers 400', async (_, fields) => {
    const { json, send } = await openSubscribed()
    const answer = await json('PUT', subscription('s'), fields)
    expect([answer.status, await codeOf(answer)]).toEqual([400, 'INVALID_REQUEST'])
    expect((await send('GET', subscription('s'))).status).toBe(404)
  })

  test.each([1_000, 600_000])('[row 53] with a lease of %i ms answers 201', async lease_ttl_ms => {
    const { subscribe } = await openSubscribed()
    expect((await subscribe('s', { ...pullFields, lease_ttl_ms })).status).toBe(201)
  })

  test.each(['{', '\u00ff', ''])('with the body %j answers 400', async body => {
    const { send } = await openSubscribed()
    expect((await send('PUT', subscription('s'), { body: Buffer.from(body, 'latin1') })).status).toBe(400)
  })

  test.each([
    'http://hooks.example.org/',
    'https://10.0.0.1/',
    'https://169.254.169.254/latest/meta-data',
    'https://[::1]/',
    'https://[::ffff:10.0.0.1]/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://user:pw@hooks.example.org/',
    'http://127.0.0.1:8080/',
    'http://localhost/',
    'not a URL',
  ])('[row 54] with the webhook URL %s answers 400 WEBHOOK_URL_REJECTED', async url => {
    const { subscribe, send } = await openSubscribed()
    const answer = await subscribe('s', { ...webhookFields, webhook: { url } })
    expect([answer.status, await codeOf(answer)]).toEqual([400, 'WEBHOOK_URL_REJECTED'])
    expect((await send('GET', subscription('s'))).status).toBe(404)
  })

  test('[row 54] with a host that resolves to a private address answers 400 WEBHOOK_URL_REJECTED', async () => {
    const { subscribe, network } = await openSubscribed()
    network.addresses = ['93.184.216.34', 'fd00::1']
    expect(await codeOf(await subscribe('s', webhookFields))).toBe('WEBHOOK_URL_REJECTED')
  })

  test('accepts what the operator named', async () => {
    const { subscribe } = await openSubscribed({ subscriptions: { webhookAllow: ['localhost'] } })
    const answer = await subscribe('s', { ...webhookFields, webhook: { url: 'http://localhost:8080/' } })
    expect(answer.status).toBe(201)
  })
})

describe('A subscription', () => {
  test('links what its pattern covers at the tails, page by page', async () => {
    const { send, subscribe, describe } = await openSubscribed()
    const paths = Array.from({ length: 600 }, (_, at) => `events/${at}`)
    const tails = new Map<string, string>()
    for (const path of [...paths, 'event', 'events2/a']) {
      tails.set(path, nextOf(await send('PUT', stream(path), { type: ContentType.json, body: '{}' })))
    }
    await subscribe('s', pullFields)
    const { streams } = await describe('s')
    expect(streams.map(({ path }) => path)).toEqual(paths.toSorted())
    expect(streams.every(({ path, acked_offset }) => acked_offset === tails.get(path))).toBe(true)
  })

  test('[row 1] that is not there is 404', async () => {
    const { send, json } = await openSubscribed()
    expect(await codeOf(await send('GET', subscription('s')))).toBe('SUBSCRIPTION_NOT_FOUND')
    expect((await send('DELETE', subscription('s'))).status).toBe(204)
    for (const [method, target, body] of [
      ['POST', action('s', 'streams'), { streams: ['a'] }],
      ['DELETE', `${action('s', 'streams')}/a`, undefined],
      ['POST', action('s', 'claim'), { worker: 'one' }],
    ] as const) {
      expect(await codeOf(await json(method, target, body ?? {}))).toBe('SUBSCRIPTION_NOT_FOUND')
    }
  })

  test('is one of its service alone', async () => {
    const { subscribe, send } = await openSubscribed()
    expect((await subscribe('s', pullFields, 'a')).status).toBe(201)
    expect((await subscribe('s', { ...pullFields, pattern: 'x' }, 'b')).status).toBe(201)
    expect((await send('GET', subscription('s'))).status).toBe(404)
    expect(await (await send('GET', subscription('s', 'a'))).json()).toMatchObject({ service_id: 'a' })
    await send('DELETE', subscription('s', 'a'))
    expect((await send('GET', subscription('s', 'b'))).status).toBe(200)
  })

  test('is no stream that can be read', async () => {
    const { subscribe, send, store } = await openSubscribed()
    await subscribe('s', pullFields)
    const [name = ''] = await store.list('ds/subscription/', undefined, 10)
    expect(name).not.toBe('')
    for (const target of [stream(name), stream(`../${name}`), `${Path.yjs}${name}`]) {
      expect((await send('GET', target, { raw: target })).status).toBeGreaterThanOrEqual(400)
    }
  })

  test('answers HEAD as GET, without a body', async () => {
    const { subscribe, send } = await openSubscribed()
    await subscribe('s', pullFields)
    const answer = await send('HEAD', subscription('s'))
    expect([answer.status, await answer.text()]).toEqual([200, ''])
  })
})

describe('Explicit streams', () => {
  test('are added at their tails and taken out, slashes encoded or not', async () => {
    const { subscribe, append, json, send, acked } = await openSubscribed()
    await subscribe('s', { ...pullFields, pattern: undefined, streams: ['a'] })
    const tail = await append('b/c')
    expect((await json('POST', action('s', 'streams'), { streams: ['b/c', 'd/e', '/f/'] })).status).toBe(204)
    expect(await acked('s')).toEqual({ a: '-1', 'b/c': tail, 'd/e': '-1', f: '-1' })
    for (const path of ['b%2Fc', 'd/e', 'd%2fe', 'nothing']) {
      const target = `${action('s', 'streams')}/${path}`
      expect((await send('DELETE', target, { raw: target })).status).toBe(204)
    }
    expect(await acked('s')).toEqual({ a: '-1', f: '-1' })
  })

  test('that the pattern covers go back to it, with their cursor', async () => {
    const { subscribe, append, json, send, describe } = await openSubscribed()
    await append('events/a')
    await subscribe('s', pullFields)
    const before = await describe('s')
    await json('POST', action('s', 'streams'), { streams: ['events/a'] })
    expect((await describe('s')).streams).toMatchObject([{ link_type: 'explicit' }])
    await send('DELETE', `${action('s', 'streams')}/events%2Fa`)
    expect(await describe('s')).toEqual(before)
  })

  test.each([undefined, [], 'a', ['..'], ['__ds/a'], [null]])('cannot be %j', async streams => {
    const { subscribe, json } = await openSubscribed()
    await subscribe('s', pullFields)
    expect((await json('POST', action('s', 'streams'), { streams })).status).toBe(400)
  })

  test.each(['..%2fa', '%2e%2e', 'a%2f%2e%2e%2fb', '%ff', '__ds%2fa'])('cannot be named %s', async path => {
    const { subscribe, send } = await openSubscribed()
    await subscribe('s', pullFields)
    const target = `${action('s', 'streams')}/${path}`
    expect((await send('DELETE', target, { raw: target })).status).toBe(400)
  })

  test('[row 70] a slash stays hidden in no other path', async () => {
    const { send } = await openSubscribed()
    for (const target of [
      stream('a%2Fb'),
      stream('__ds/subscriptions/s%2Fstreams'),
      stream('x/subscriptions/s/streams/a%2fb'),
    ]) {
      expect((await send('PUT', target, { type: ContentType.json, raw: target })).status).toBe(400)
    }
  })
})

test('The key set is public, and kept for a while', async () => {
  const { send } = await openSubscribed()
  const answer = await send('GET', `${control('svc')}jwks.json`)
  expect(answer.headers.get('Content-Type')).toBe('application/jwk-set+json')
  expect(answer.headers.get('Cache-Control')).toBe('public, max-age=300')
  expect(await answer.json()).toEqual({
    keys: [
      {
        kty: 'OKP',
        crv: 'Ed25519',
        use: 'sig',
        alg: 'EdDSA',
        kid: expect.stringMatching(/^ds_/),
        x: expect.stringMatching(/^[\w-]{43}$/),
      },
    ],
  })
})
