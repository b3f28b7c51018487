import { describe, expect, test } from 'vitest'
import { ContentType } from '../../protocol/index.ts'
import { defaultLimits, type Limits } from '../../server/limits.ts'
import { answered, silence } from './fake-network.ts'
import {
  ackOf,
  action,
  codeOf,
  type Fields,
  hook,
  openSubscribed,
  pullFields,
  stream,
  subscription,
  webhookFields,
} from './fixture.ts'
import { openReceiver } from './receiver.ts'

/** What became of one less than the limit, the limit, and one more. */
const around = async <Result>(limit: number, probe: (size: number) => Promise<Result>): Promise<Result[]> => {
  const results: Result[] = []
  for (const size of [limit - 1, limit, limit + 1]) results.push(await probe(size))
  return results
}

/** The statuses of creations. */
const creations = async (limit: number, limits: Partial<Limits>, fieldsOf: (size: number) => Fields) => {
  const { subscribe } = await openSubscribed({ limits })
  return around(limit, async size => (await subscribe(`${size}`, fieldsOf(size))).status)
}

const names = (count: number): string[] => Array.from({ length: count }, (_, at) => `${at}`)

test('[limit subscriptionsPerService] one more is refused until one is gone, in this service', async () => {
  const { subscribe, send } = await openSubscribed({ limits: { subscriptionsPerService: 3 } })
  const put = async (id: string, service = '') => (await subscribe(id, pullFields, service)).status
  expect([await put('1'), await put('2'), await put('3'), await put('4')]).toEqual([201, 201, 201, 409])
  expect(await put('3')).toBe(200)
  expect(await put('1', 'other')).toBe(201)
  expect(await codeOf(await subscribe('5', pullFields))).toBe('SUBSCRIPTION_LIMIT')
  await send('DELETE', subscription('2'))
  expect(await put('4')).toBe(201)
})

describe('[limit streamsPerSubscription]', () => {
  const limits = { streamsPerSubscription: 3 }

  test('[limit streamsPerSubscription] by name', async () => {
    const fields = (count: number) => ({ ...pullFields, pattern: undefined, streams: names(count) })
    expect(await creations(3, limits, fields)).toEqual([201, 201, 409])
  })

  test('[limit streamsPerSubscription] by pattern', async () => {
    const app = await openSubscribed({ limits })
    const statuses = await around(3, async count => {
      for (const name of names(count)) await app.append(`${count}/${name}`)
      return (await app.subscribe(`${count}`, { ...pullFields, pattern: `${count}/*` })).status
    })
    expect(statuses).toEqual([201, 201, 409])
  })

  test('[limit streamsPerSubscription] by adding', async () => {
    const { subscribe, json } = await openSubscribed({ limits })
    await subscribe('s', { ...pullFields, pattern: undefined, streams: ['1'] })
    const add = async (...streams: string[]) =>
      (await json('POST', action('s', 'streams'), { streams })).status
    const statuses = [
      await add('2', '3', '4'),
      await add('2'),
      await add('3'),
      await add('4'),
      await add('1'),
    ]
    expect(statuses).toEqual([409, 204, 204, 409, 204])
  })

  test('[limit streamsPerSubscription] by an append to a new stream: it is left out until there is room', async () => {
    const app = await openSubscribed({ limits })
    app.network.respond = () => answered(200, { done: true })
    await app.subscribe('s', webhookFields)
    const linked = async () => (await app.describe('s')).streams.map(({ path }) => path)
    for (const name of names(4)) await app.append(`events/${name}`)
    expect(await linked()).toEqual(['events/0', 'events/1', 'events/2'])
    const said = () => app.logged.filter(({ limit }) => limit === 3)
    expect(said()).toEqual([expect.objectContaining({ level: 50, left: 1 })])
    await app.append('events/3')
    expect(said()).toHaveLength(1)
    await app.send('DELETE', stream('events/1'))
    await app.world.turn(60_000)
    expect(await linked()).toContain('events/3')
    expect(app.network.last.call.streams).toContainEqual(expect.objectContaining({ path: 'events/3' }))
  })
})

test('[limit subscriptionBodyBytes] a body', async () => {
  const { send } = await openSubscribed({ limits: { subscriptionBodyBytes: 1_000 } })
  const statuses = await around(1_000, async size => {
    const body = JSON.stringify(pullFields).padEnd(size)
    return (await send('PUT', subscription(`${size}`), { type: ContentType.json, body })).status
  })
  expect(statuses).toEqual([201, 201, 413])
})

test('[limit subscriptionBodyBytes] acknowledgements of everything that one wake told fit', async () => {
  const app = await openSubscribed()
  await app.createWakeStream()
  const longest = 'x'.repeat(400)
  await app.subscribe('s', pullFields)
  const count = Math.ceil(defaultLimits.wakeBytes / 500)
  for (let at = 0; at < count; at++) {
    const body = { type: ContentType.json, body: '{}' }
    await app.send('PUT', stream(`events/${longest}${at}`), body)
  }
  await app.world.turn(0)
  const wake = await app.claimed('s')
  const acks = wake.streams.map(one => ackOf(one.path, one.tail_offset))
  expect(JSON.stringify(acks).length).toBeGreaterThan(100_000)
  expect((await app.ack('s', wake, { acks })).status).toBe(200)
})

test('[limit descriptionLength] a description', async () => {
  const fields = (length: number) => ({ ...pullFields, description: 'x'.repeat(length) })
  expect(await creations(1_024, {}, fields)).toEqual([201, 201, 400])
  expect(await creations(10, { descriptionLength: 10 }, fields)).toEqual([201, 201, 400])
})

test('[limit webhookUrlLength] a URL', async () => {
  const fields = (length: number) => ({ ...webhookFields, webhook: { url: hook.padEnd(length, 'x') } })
  expect(await creations(2_048, {}, fields)).toEqual([201, 201, 400])
  expect(await creations(100, { webhookUrlLength: 100 }, fields)).toEqual([201, 201, 400])
})

test('[limit workerLength] the name of a worker', async () => {
  const app = await openSubscribed({ limits: { workerLength: 20 } })
  await app.createWakeStream()
  await app.subscribe('s', pullFields)
  const statuses = await around(20, async length => {
    await app.append('events/a')
    const answer = await app.claim('s', 'x'.repeat(length))
    if (answer.status === 200)
      await app.release('s', (await answer.json()) as Parameters<typeof app.release>[1])
    return answer.status
  })
  expect(statuses).toEqual([200, 200, 400])
})

test('[limit nameBytes] a path, service and slash counted', async () => {
  const { subscribe } = await openSubscribed()
  const statuses = await around(512, async length => {
    const streams = ['x'.repeat(length - 'svc/'.length)]
    return (await subscribe(`${length}`, { ...pullFields, streams }, 'svc')).status
  })
  expect(statuses).toEqual([201, 201, 400])
})

test('[limit wakeBytes] a list that just fits is whole, one byte more leaves a stream to the next wake', async () => {
  const listed = await around(8_192, async size => {
    const app = await openSubscribed({ limits: { wakeBytes: 8_192 } })
    await app.subscribe('s', webhookFields)
    // Each stream counts 192 bytes and its path.
    const paths = Array.from(
      { length: 25 },
      (_, at) => `events/${'x'.repeat(100)}${`${at}`.padStart(2, '0')}`,
    )
    const rest = size - paths.reduce((sum, path) => sum + 192 + path.length, 0) - 192
    paths.push(`events/${'y'.repeat(rest - 'events/'.length)}`)
    for (const path of paths) {
      await app.send('PUT', stream(path), { type: ContentType.json, body: '{}' })
    }
    await app.world.turn(0)
    app.network.respond = () => answered(200, { done: true })
    await app.world.turn(30_000)
    return app.network.sent.map(({ call }) => call.streams.filter(one => one.has_pending).length)
  })
  expect(listed.map(([first]) => first)).toEqual([26, 26, 25])
})

test('[limit webhookMs] an answer', async () => {
  const results = await around(2_000, async ms => {
    const app = await openSubscribed({ limits: { webhookMs: 2_000 } })
    app.network.respond = () =>
      new Promise(resolve => app.world.after(ms, () => resolve(answered(200, { done: true }))))
    await app.subscribe('s', webhookFields)
    await app.append('events/a')
    await app.world.turn(ms)
    return (await app.describe('s')).status
  })
  // The time is up before an answer of the same moment.
  expect(results).toEqual(['active', 'failed', 'failed'])
})

test('[limit webhookAnswerBytes] an answer over a real socket', async () => {
  const results = await around(1_000, async size => {
    const { port } = await openReceiver(response => response.end('{"done":true}'.padEnd(size)))
    const app = await openSubscribed({
      limits: { webhookAnswerBytes: 1_000 },
      subscriptions: { webhookAllow: ['127.0.0.1'] },
      realNetwork: true,
    })
    await app.subscribe('s', { ...webhookFields, webhook: { url: `http://127.0.0.1:${port}/` } })
    const tail = await app.append('events/a')
    const outcome = async () => {
      await app.world.turn(0)
      const { status, streams } = await app.describe('s')
      return status === 'failed' ? 'failed' : streams[0]?.acked_offset === tail ? 'done' : 'under way'
    }
    await expect.poll(outcome, { timeout: 20_000, interval: 5 }).not.toBe('under way')
    return outcome()
  })
  expect(results).toEqual(['done', 'done', 'failed'])
})

describe('Deliveries under way', () => {
  const told = async (limits: Partial<Limits>, hosts: readonly string[]) => {
    const app = await openSubscribed({ limits })
    app.network.respond = silence
    for (const [at, host] of hosts.entries()) {
      await app.subscribe(`${at}`, { ...webhookFields, webhook: { url: `https://${host}/` } })
    }
    await app.append('events/a')
    const first = app.network.sent.length
    await app.world.turn(5_000)
    return [first, app.network.sent.length]
  }

  test('[limit webhooksAtOnce] the next one waits for its turn', async () => {
    const hosts = (count: number) => names(count).map(name => `${name}.example.org`)
    const limits = { webhooksAtOnce: 3 }
    expect(await around(3, count => told(limits, hosts(count)))).toEqual([
      [2, 2],
      [3, 3],
      [3, 4],
    ])
  })

  test('[limit webhooksPerTarget] the next one to that host waits for its turn', async () => {
    const limits = { webhooksPerTarget: 3 }
    const hosts = (count: number) => names(count).map(() => 'slow.example.org')
    expect(await around(3, count => told(limits, hosts(count)))).toEqual([
      [2, 2],
      [3, 3],
      [3, 4],
    ])
  })
})

test('[limit subscriptionRescanMs] what another process left is found by the next look, not before', async () => {
  const found = await around(1_000, async ms => {
    const app = await openSubscribed({ limits: { subscriptionRescanMs: 1_000 } })
    const other = await openSubscribed({ store: app.store, world: app.world, network: app.network })
    await other.subscribe('s', webhookFields)
    await other.subscriptions?.close(0)
    await other.append('events/a')
    await app.world.turn(ms)
    return app.network.sent.length
  })
  expect(found).toEqual([0, 1, 1])
})
