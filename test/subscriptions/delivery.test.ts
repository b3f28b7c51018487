import { describe, expect, test } from 'vitest'
import { ContentType, LinkType, Sentinel, SubscriptionStatus } from '../../protocol/index.ts'
import { settled } from '../streams/world.ts'
import { answered, silence } from './fake-network.ts'
import {
  ackOf,
  action,
  hook,
  openSubscribed,
  publicUrl,
  stream,
  subscription,
  wakeOf,
  webhookFields,
} from './fixture.ts'

const openWebhook = async (
  ...[opening, fields = webhookFields]: [Parameters<typeof openSubscribed>[0]?, object?]
) => {
  const app = await openSubscribed(opening)
  expect((await app.subscribe('s', { ...fields })).status).toBe(201)
  return app
}

describe('A webhook', () => {
  test('is told of an append to a stream that the pattern covers', async () => {
    const { append, network, world } = await openWebhook()
    const tail = await append('events/a')
    expect(network.sent).toHaveLength(1)
    const { target, call } = network.last
    expect(target.url.href).toBe(hook)
    expect(call).toEqual({
      subscription_id: 's',
      wake_id: expect.stringMatching(/^w_/),
      generation: 1,
      streams: [
        {
          path: 'events/a',
          link_type: LinkType.glob,
          acked_offset: Sentinel.start,
          tail_offset: tail,
          has_pending: true,
        },
      ],
      callback_url: `${publicUrl}${subscription('s')}/callback`,
      callback_token: expect.any(String),
    })
    await world.turn(29_999)
    expect(network.sent).toHaveLength(1)
  })

  test('is not told of other streams, of an empty new one, or of the end of one', async () => {
    const { append, network, send, world } = await openWebhook()
    await append('events/a/b')
    await append('other')
    await send('PUT', stream('events/empty'), { type: ContentType.json })
    await send('POST', stream('events/empty'), { headers: { 'Stream-Closed': 'true' } })
    await world.turn(60_000)
    expect(network.sent).toEqual([])
  })

  test('is told of a last append that ends the stream', async () => {
    const { network, send, world } = await openWebhook()
    await send('PUT', stream('events/a'), { type: ContentType.json })
    const headers = { 'Stream-Closed': 'true' }
    await send('POST', stream('events/a'), { type: ContentType.json, body: '{}', headers })
    await world.turn(0)
    expect(network.sent).toHaveLength(1)
  })

  test('is not told of what was there before the subscription', async () => {
    const app = await openSubscribed()
    const old = await app.append('events/a')
    await app.subscribe('s', webhookFields)
    await app.world.turn(60_000)
    expect(app.network.sent).toEqual([])
    expect(await app.acked('s')).toEqual({ 'events/a': old })
    await app.append('events/a')
    expect(app.network.last.call.streams[0]).toMatchObject({ acked_offset: old })
  })

  test('is told once of a burst', async () => {
    const { network, send, world } = await openWebhook()
    const asked = { type: ContentType.json, body: '{}' }
    await send('PUT', stream('events/a'), { type: ContentType.json })
    await Promise.all(Array.from({ length: 50 }, () => send('POST', stream('events/a'), asked)))
    await Promise.all(['b', 'c'].map(name => send('PUT', stream(`events/${name}`), asked)))
    await world.turn(0)
    expect(network.sent).toHaveLength(1)
    expect(network.last.call.streams.map(({ path }) => path)).toEqual(['events/a', 'events/b', 'events/c'])
  })

  test('that is done at once is told again only of what came meanwhile', async () => {
    const app = await openWebhook()
    const { network, world } = app
    let late: Promise<string> | undefined
    network.respond = () => {
      late ??= app.append('events/a')
      return answered(200, { done: true })
    }
    await app.append('events/a')
    const second = await late
    await world.turn(0)
    expect(network.sent.map(({ call }) => call.generation)).toEqual([1, 2])
    expect(new Set(network.sent.map(({ call }) => call.wake_id)).size).toBe(2)
    expect(network.sent[1]?.call.streams[0]).toMatchObject({
      acked_offset: network.sent[0]?.call.streams[0]?.tail_offset,
      tail_offset: second,
    })
    expect(await app.acked('s')).toEqual({ 'events/a': second })
    await world.turn(600_000)
    expect(network.sent).toHaveLength(2)
  })

  test('that calls back is told of the rest by the next wake', async () => {
    const app = await openWebhook()
    const { network } = app
    const first = await app.append('events/a')
    const second = await app.append('events/a')
    const wake = wakeOf(network.last.call)
    const partial = await app.callback('s', wake, { acks: [ackOf('events/a', first)], done: true })
    expect(await partial.json()).toEqual({ ok: true, next_wake: true })
    expect(network.last.call).toMatchObject({
      generation: 2,
      streams: [{ acked_offset: first, tail_offset: second }],
    })
    const whole = await app.callback('s', wakeOf(network.last.call), {
      acks: [ackOf('events/a', second)],
      done: true,
    })
    expect(await whole.json()).toEqual({ ok: true, next_wake: false })
    expect(network.sent).toHaveLength(2)
  })

  test('that is silent after it was told is told again when its lease is over, each call extending it', async () => {
    const app = await openWebhook()
    const { network, world } = app
    await app.append('events/a')
    const wake = wakeOf(network.last.call)
    await world.turn(29_999)
    expect((await app.callback('s', wake)).status).toBe(200)
    await world.turn(29_999)
    expect(network.sent).toHaveLength(1)
    await world.turn(1)
    expect(network.sent).toHaveLength(2)
    expect(network.last.call.generation).toBe(2)
    expect((await app.callback('s', wake, { done: true })).status).toBe(409)
  })

  test('is told of streams asked for by name, also of one that is created later', async () => {
    const { append, network } = await openWebhook(
      {},
      { ...webhookFields, pattern: null, streams: ['x', 'y/z'] },
    )
    await append('y/z')
    expect(network.last.call.streams).toMatchObject([{ path: 'y/z', link_type: LinkType.explicit }])
    await append('z')
    expect(network.sent).toHaveLength(1)
  })

  test('is told of a stream from when it was added, and not of one that was taken out', async () => {
    const { append, json, network, send, world } = await openWebhook()
    await append('x')
    expect((await json('POST', action('s', 'streams'), { streams: ['x'] })).status).toBe(204)
    await world.turn(0)
    expect(network.sent).toEqual([])
    await append('x')
    expect(network.last.call.streams).toMatchObject([{ path: 'x' }])
    expect((await send('DELETE', `${action('s', 'streams')}/x`)).status).toBe(204)
    await world.turn(30_000)
    await append('x')
    expect(network.sent).toHaveLength(1)
  })

  test('of a service sees that service alone, by its own paths', async () => {
    const app = await openSubscribed()
    await app.subscribe('s', webhookFields, 'svc')
    await app.append('events/a')
    await app.append('other/events/a')
    expect(app.network.sent).toEqual([])
    await app.append('svc/events/a')
    expect(app.network.last.call).toMatchObject({
      streams: [{ path: 'events/a' }],
      callback_url: `${publicUrl}${subscription('s', 'svc')}/callback`,
    })
  })

  test('is told of a stream that was deleted and created again from its beginning', async () => {
    const app = await openWebhook()
    app.network.respond = () => answered(200, { done: true })
    await app.append('events/a')
    expect((await app.send('DELETE', stream('events/a'))).status).toBe(204)
    const tail = await app.append('events/a')
    expect(app.network.last.call.streams).toMatchObject([{ acked_offset: Sentinel.start, tail_offset: tail }])
    expect(app.network.sent).toHaveLength(2)
  })

  test('is told of a fork', async () => {
    const app = await openWebhook()
    await app.append('source')
    const headers = { 'Stream-Forked-From': stream('source') }
    expect((await app.send('PUT', stream('events/fork'), { headers })).status).toBe(201)
    await app.world.turn(0)
    const [told] = app.network.last.call.streams
    expect(told).toMatchObject({ path: 'events/fork', acked_offset: Sentinel.start })
    const wake = wakeOf(app.network.last.call)
    const done = await app.callback('s', wake, {
      acks: [ackOf('events/fork', told?.tail_offset ?? '')],
      done: true,
    })
    expect(await done.json()).toEqual({ ok: true, next_wake: false })
  })

  test('that was removed is told nothing more', async () => {
    const { append, network, send, world } = await openWebhook()
    network.respond = () => answered(500)
    await append('events/a')
    expect((await send('DELETE', subscription('s'))).status).toBe(204)
    await append('events/a')
    await world.turn(600_000)
    expect(network.sent).toHaveLength(1)
    expect(world.timers).toBe(1) // the next look around
  })
})

describe('A delivery that fails', () => {
  test('is made again after 1 s, then twice as long up to a minute, as the same wake while its lease lasts', async () => {
    const { append, network, world, describe } = await openWebhook(
      {},
      { ...webhookFields, lease_ttl_ms: 600_000 },
    )
    network.respond = () => answered(503)
    const times: number[] = []
    const began = world.now()
    await append('events/a')
    while (times.length < 9) {
      times.push(world.now() - began)
      const count = network.sent.length
      while (network.sent.length === count) await world.turn(100)
    }
    const waits = times.slice(1).map((time, at) => time - (times[at] ?? 0))
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
    expect(new Set(network.sent.map(({ call }) => call.wake_id)).size).toBe(1)
    expect(await describe('s')).toMatchObject({
      status: SubscriptionStatus.failed,
      failure: 'it answered 503',
    })
    network.respond = () => answered(200, { done: true })
    await world.turn(60_000)
    expect(await describe('s')).toMatchObject({ status: SubscriptionStatus.active })
    expect(await describe('s')).not.toHaveProperty('failure')
  })

  test('keeps its schedule beyond the lease, and counts as the next wake then', async () => {
    const { append, network, world } = await openWebhook({}, { ...webhookFields, lease_ttl_ms: 1_000 })
    network.respond = () => answered(503)
    await append('events/a')
    await world.turn(31_000)
    expect(network.sent.map(({ call }) => call.generation)).toEqual([1, 2, 3, 4, 5, 6])
  })

  test('is signed and told anew each time, with the tails of its wake', async () => {
    const app = await openWebhook()
    const { network, world } = app
    network.respond = () => answered(503)
    const tail = await app.append('events/a')
    await app.append('events/a')
    await world.turn(1_000)
    expect(network.sent.map(({ call }) => call.streams[0]?.tail_offset)).toEqual([tail, tail])
    expect(network.sent[0]?.headers).not.toEqual(network.sent[1]?.headers)
  })

  test('[row 55] because its host moved to a private address is counted, and made when it is back', async () => {
    const { append, network, world, describe } = await openWebhook()
    network.addresses = ['10.0.0.1']
    await append('events/a')
    await world.turn(2_999)
    expect(network.sent).toEqual([])
    expect(await describe('s')).toMatchObject({ status: SubscriptionStatus.failed })
    network.addresses = ['93.184.216.34']
    await world.turn(4_001)
    expect(network.sent).toHaveLength(1)
  })

  test('[row 55] because it answered with a redirect is counted', async () => {
    const { append, network, describe } = await openWebhook()
    network.respond = () => answered(307)
    await append('events/a')
    expect(await describe('s')).toMatchObject({
      status: SubscriptionStatus.failed,
      failure: 'it answered 307',
    })
  })

  test('for want of an answer does not hold up other targets', async () => {
    const app = await openSubscribed({ limits: { webhooksAtOnce: 2, webhooksPerTarget: 1 } })
    const { network, world } = app
    const to = (host: string) => ({ ...webhookFields, webhook: { url: `https://${host}.example.org/` } })
    for (const [id, host] of [
      ['1', 'slow'],
      ['2', 'slow'],
      ['3', 'quick'],
    ] as const)
      await app.subscribe(id, to(host))
    network.respond = ({ target }) => (target.url.host.startsWith('slow') ? silence() : answered(200))
    await app.append('events/a')
    const told = () => network.sent.map(({ call }) => call.subscription_id).toSorted()
    expect(told()).toEqual(['1', '3'])
    await world.turn(5_000)
    expect(told()).toEqual(['1', '2', '3'])
  })
})

test('No token, body or address of a webhook is written to the log', async () => {
  const app = await openWebhook()
  app.network.respond = () => answered(503)
  await app.append('events/a')
  const { callback_token: token } = app.network.last.call
  await app.callback('s', { ...wakeOf(app.network.last.call), wake_id: 'w_other' })
  await app.world.turn(1_000)
  await settled()
  const text = JSON.stringify(app.logged)
  expect(text).toContain('a worker could not be told')
  expect(text).not.toContain(token)
  expect(text).not.toContain('hooks.example.org')
})
