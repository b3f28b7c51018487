import { describe, expect, test } from 'vitest'
import { ContentType, Sentinel, SubscriptionStatus } from '../../protocol/index.ts'
import { ackOf, codeOf, openSubscribed, pullFields, stream, wakeStream } from './fixture.ts'

const openPull = async (fields = pullFields) => {
  const app = await openSubscribed()
  await app.createWakeStream()
  expect((await app.subscribe('s', fields)).status).toBe(201)
  return app
}

describe('A wake event', () => {
  test('is written once for pending work, and names a stream', async () => {
    const { append, wakeEvents, world } = await openPull()
    await append('events/a')
    await append('events/b')
    await world.turn(600_000)
    const [event, ...more] = await wakeEvents()
    expect(event).toEqual({
      type: 'wake',
      subscription_id: 's',
      stream: 'events/a',
      generation: 1,
      ts: expect.any(Number),
    })
    expect(more).toEqual([])
  })

  test('is written again after release, after "done" with work left, and after the lease', async () => {
    const { append, wakeEvents, claimed, release, ack, world } = await openPull()
    await append('events/a')
    expect((await release('s', await claimed('s'))).status).toBe(204)
    expect(await wakeEvents()).toHaveLength(2)
    expect(await (await ack('s', await claimed('s'), { done: true })).json()).toEqual({
      ok: true,
      next_wake: true,
    })
    expect(await wakeEvents()).toHaveLength(3)
    await claimed('s')
    await world.turn(30_000)
    expect((await wakeEvents()).map(event => event['generation'])).toEqual([1, 2, 3, 4])
  })

  test('is new after one that somebody asked for in vain', async () => {
    const { append, wakeEvents, claim, send } = await openPull()
    await append('events/a')
    await send('DELETE', stream('events/a'))
    expect(await codeOf(await claim('s'))).toBe('NO_PENDING_WORK')
    await append('events/a')
    expect((await wakeEvents()).map(event => event['generation'])).toEqual([1, 2])
  })

  test('is not work for its own subscription', async () => {
    const { append, wakeEvents, world, describe } = await openPull({ ...pullFields, pattern: '**' })
    await append('events/a')
    await world.turn(600_000)
    expect(await wakeEvents()).toHaveLength(1)
    expect((await describe('s')).streams.map(({ path }) => path)).toEqual(['events/a'])
  })

  test.each([
    ['is not there', undefined],
    ['is not application/json', { type: ContentType.binary }],
    ['is closed', { type: ContentType.json, headers: { 'Stream-Closed': 'true' } }],
  ])('waits for a wake stream that %s', async (reason, asked) => {
    const { append, wakeEvents, describe, send, subscribe, world } = await openSubscribed()
    if (asked) await send('PUT', stream(wakeStream), asked)
    await subscribe('s', pullFields)
    await append('events/a')
    await world.turn(10_000)
    expect(await describe('s')).toMatchObject({
      status: SubscriptionStatus.failed,
      failure: `the wake stream ${reason}`,
    })
    if (asked) await send('DELETE', stream(wakeStream))
    await send('PUT', stream(wakeStream), { type: ContentType.json })
    await world.turn(60_000)
    expect(await wakeEvents()).toHaveLength(1)
    expect(await describe('s')).toMatchObject({ status: SubscriptionStatus.active })
  })

  test('of a subscription that was made anew is written as well', async () => {
    const { append, wakeEvents, send, subscribe, release, claimed } = await openPull()
    await append('events/a')
    await release('s', await claimed('s'))
    await send('DELETE', stream('__ds/subscriptions/s'))
    await subscribe('s', pullFields)
    await append('events/a')
    expect((await wakeEvents()).map(event => event['generation'])).toEqual([1, 2, 1])
  })
})

describe('A worker', () => {
  test('gets what is pending now, and reads on from the offset it acknowledged', async () => {
    const { append, claimed, ack, acked, send } = await openPull()
    await append('events/a', { n: 1 })
    const tail = await append('events/a', { n: 2 })
    const first = await claimed('s')
    expect(first).toMatchObject({
      generation: 1,
      lease_ttl_ms: 30_000,
      streams: [{ path: 'events/a', acked_offset: Sentinel.start, tail_offset: tail, has_pending: true }],
    })
    await ack('s', first, { acks: [ackOf('events/a', tail)], done: true })
    await append('events/a', { n: 3 })
    const [told] = (await claimed('s')).streams
    const rest = await send('GET', `${stream('events/a')}?offset=${told?.acked_offset}`)
    expect(await rest.json()).toEqual([{ n: 3 }])
    expect(await acked('s')).toEqual({ 'events/a': tail })
  })

  test('keeps the lease by acknowledging, step by step', async () => {
    const { append, claimed, claim, ack, acked, world } = await openPull({
      ...pullFields,
      lease_ttl_ms: 1_000,
    })
    const tails = [await append('events/a'), await append('events/a'), await append('events/a')]
    const wake = await claimed('s')
    for (const tail of tails) {
      await world.turn(999)
      expect((await ack('s', wake, { acks: [ackOf('events/a', tail)] })).status).toBe(200)
      expect(await acked('s')).toEqual({ 'events/a': tail })
      expect(await codeOf(await claim('s', 'two'))).toBe('ALREADY_CLAIMED')
    }
    await world.turn(1_000)
    expect(await codeOf(await claim('s', 'two'))).toBe('NO_PENDING_WORK')
  })

  test('of a long list gets the rest with the next wake, whoever is busy', async () => {
    const app = await openSubscribed({ limits: { wakeBytes: 8 << 10 } })
    await app.createWakeStream()
    await app.subscribe('s', pullFields)
    const paths = Array.from({ length: 100 }, (_, at) => `events/${at}`)
    for (const path of paths) await app.append(path)
    const seen = new Set<string>()
    for (let wakes = 0; seen.size < paths.length; wakes++) {
      expect(wakes).toBeLessThan(4)
      const wake = await app.claimed('s')
      const pending = wake.streams.filter(one => one.has_pending)
      for (const { path } of pending) seen.add(path)
      await app.append('events/0')
      const acks = pending.map(one => ackOf(one.path, one.tail_offset))
      await app.ack('s', wake, { acks, done: true })
    }
    expect(seen.size).toBe(paths.length)
  })
})
