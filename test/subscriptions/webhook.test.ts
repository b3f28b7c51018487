import { createPublicKey, verify } from 'node:crypto'
import { createServer, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Header } from '../../protocol/index.ts'
import { openMemoryStore } from '../../server/store/memory.ts'
import { Streams } from '../../server/streams/streams.ts'
import { parseAllowed } from '../../server/subscriptions/address.ts'
import { Keys } from '../../server/subscriptions/keys.ts'
import { type Network, networkOver, realNetwork } from '../../server/subscriptions/network.ts'
import { Webhooks } from '../../server/subscriptions/webhook.ts'
import { FakeWorld, settled } from '../streams/world.ts'
import { answered, FakeNetwork, publicAddress, silence } from './fake-network.ts'
import { openReceiver } from './receiver.ts'

const url = 'https://hooks.example.org/a'
const never = new AbortController().signal

const openWebhooks = (network: Network = new FakeNetwork(), allow: readonly string[] = []) => {
  const world = new FakeWorld()
  const keys = new Keys(new Streams({ store: openMemoryStore(), world, readBytes: 1 << 20 }), world, 1e12)
  const webhooks = new Webhooks({
    network,
    world,
    keys,
    allowed: allow.map(parseAllowed),
    timeoutMs: 5_000,
    answerBytes: 1_000,
    urlLength: 200,
  })
  return { world, keys, webhooks }
}

/** Where the real network really goes: names have a public address, which leads to this machine. */
const detour = (): Network & { asked: number } => {
  const network = {
    asked: 0,
    resolve: async () => {
      network.asked++
      return [publicAddress]
    },
    post: ((target, ...rest) =>
      realNetwork.post({ ...target, addresses: ['127.0.0.1'] }, ...rest)) satisfies Network['post'],
  }
  return network
}

describe('A webhook URL', () => {
  test('[D1] is accepted when its host has public addresses, and nothing is sent', async () => {
    const network = new FakeNetwork()
    expect(await openWebhooks(network).webhooks.check(url)).toMatchObject({ addresses: [publicAddress] })
    expect(network.sent).toEqual([])
  })

  test.each([
    ['has a private address', async () => [publicAddress, '10.0.0.1']],
    ['has no address', async () => []],
    ['is unknown', () => Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }))],
  ])('[D1] is rejected when its host %s', async (_, resolve) => {
    const { webhooks } = openWebhooks({ ...new FakeNetwork(), resolve })
    expect(await webhooks.check(url)).toHaveProperty('rejected')
  })

  test('[D1] is rejected when its host takes too long to be found', async () => {
    const { webhooks, world } = openWebhooks({
      ...new FakeNetwork(),
      resolve: () => new Promise(() => undefined),
    })
    const checked = webhooks.check(url)
    await world.turn(5_000)
    expect(await checked).toEqual({ rejected: expect.stringContaining('5000 ms') })
    expect(world.timers).toBe(0)
  })
})

describe('A delivery', () => {
  test('goes to the addresses that were checked, signed', async () => {
    const network = new FakeNetwork()
    const { webhooks, keys } = openWebhooks(network)
    expect(await webhooks.deliver(url, '{"a":1}', never)).toEqual({ kind: 'delivered', done: false })
    const { target, headers, body } = network.last
    expect([target.url.href, target.addresses, body]).toEqual([url, [publicAddress], '{"a":1}'])
    const [, seconds, kid, signature = ''] =
      /^t=(\d+),kid=(.+),ed25519=(.+)$/.exec(headers[Header.webhookSignature] ?? '') ?? []
    const key = (await keys.ring()).published.find(one => one.kid === kid)
    const publicKey = createPublicKey({ key: { ...key }, format: 'jwk' })
    expect(
      verify(null, Buffer.from(`${seconds}.${body}`), publicKey, Buffer.from(signature, 'base64url')),
    ).toBe(true)
  })

  test('[D2] [row 55] is refused when the name has moved to a private address meanwhile', async () => {
    const network = new FakeNetwork()
    const { webhooks } = openWebhooks(network)
    expect(await webhooks.check(url)).not.toHaveProperty('rejected')
    network.addresses = ['169.254.169.254']
    expect(await webhooks.deliver(url, '{}', never)).toMatchObject({
      kind: 'failed',
      reason: expect.stringContaining('refused'),
    })
    expect(network.sent).toEqual([])
  })

  test.each([199, 300, 301, 302, 303, 307, 308, 400, 404, 410, 429, 500, 503])(
    '[D3] %i is a failure',
    async status => {
      const network = new FakeNetwork()
      network.respond = () => answered(status, { done: true })
      expect(await openWebhooks(network).webhooks.deliver(url, '{}', never)).toEqual({
        kind: 'failed',
        reason: `it answered ${status}`,
      })
    },
  )

  test.each([
    ['{"done":true}', true],
    ['{"done":true,"more":1}', true],
    ['{"done":"true"}', false],
    ['{"done":1}', false],
    ['[{"done":true}]', false],
    ['null', false],
    ['true', false],
    ['{"done":tr', false],
    ['', false],
    ['<html>', false],
  ])('[D4] %s says done: %s', async (body, done) => {
    const network = new FakeNetwork()
    network.respond = () => ({ status: 202, body: Buffer.from(body) })
    expect(await openWebhooks(network).webhooks.deliver(url, '{}', never)).toEqual({
      kind: 'delivered',
      done,
    })
  })

  test('[D3] without an answer is given up in time', async () => {
    const network = new FakeNetwork()
    network.respond = silence
    const { webhooks, world } = openWebhooks(network)
    const result = webhooks.deliver(url, '{}', never)
    await world.turn(5_000)
    expect(await result).toEqual({ kind: 'failed', reason: expect.stringContaining('5000 ms') })
    expect(world.timers).toBe(0)
  })

  test('is given up when the server stops', async () => {
    const network = new FakeNetwork()
    network.respond = silence
    const stop = new AbortController()
    const { webhooks, world } = openWebhooks(network)
    const result = webhooks.deliver(url, '{}', stop.signal)
    await settled()
    stop.abort(new Error('the server is stopping'))
    expect(await result).toMatchObject({ kind: 'failed' })
    expect(world.timers).toBe(0)
  })
})

describe('Over a real socket a delivery', () => {
  test('arrives whole, with the host of its URL', async () => {
    const { received, port } = await openReceiver()
    const { webhooks } = openWebhooks(detour(), ['hooks.example.org'])
    const body = JSON.stringify({ text: 'é'.repeat(50_000) })
    expect(await webhooks.deliver(`http://hooks.example.org:${port}/`, body, never)).toMatchObject({
      kind: 'delivered',
    })
    expect(received[0]?.body).toBe(body)
    expect(received[0]?.headers.host).toBe(`hooks.example.org:${port}`)
    expect(received[0]?.headers['content-type']).toBe('application/json')
  })

  test('[D2] [row 55] asks for the name once, and connects to what was checked: it cannot move in between', async () => {
    const { received, port } = await openReceiver()
    const network = detour()
    const { webhooks } = openWebhooks(network, ['hooks.example.org'])
    // No resolver knows this name: without the checked address there would be no connection.
    await webhooks.deliver(`http://hooks.example.org:${port}/`, '{}', never)
    expect([network.asked, received.length]).toEqual([1, 1])
    await webhooks.deliver(`http://hooks.example.org:${port}/`, '{}', never)
    expect([network.asked, received.length]).toEqual([2, 2])
  })

  test.each([301, 302, 303, 307, 308])(
    '[D3] [row 55] does not follow a redirect, %i, to this machine',
    async status => {
      const inner = await openReceiver()
      const outer = await openReceiver(response => {
        response.writeHead(status, { Location: `http://127.0.0.1:${inner.port}/` }).end()
      })
      const { webhooks } = openWebhooks(detour(), ['hooks.example.org'])
      const result = await webhooks.deliver(`http://hooks.example.org:${outer.port}/`, '{}', never)
      expect(result).toEqual({ kind: 'failed', reason: `it answered ${status}` })
      expect([outer.received.length, inner.received.length]).toEqual([1, 0])
    },
  )

  test.each([
    [999, 'delivered'],
    [1_000, 'delivered'],
    [1_001, 'failed'],
  ])('[D3] that is answered with %i bytes of 1000 has %s', async (size, kind) => {
    const { port } = await openReceiver(response => response.end('x'.repeat(size)))
    const { webhooks } = openWebhooks(detour(), ['hooks.example.org'])
    expect((await webhooks.deliver(`http://hooks.example.org:${port}/`, '{}', never)).kind).toBe(kind)
  })

  test('[D3] that is answered without end has failed, and the connection is cut', async () => {
    let cut: () => void = () => undefined
    const closed = new Promise<void>(resolve => {
      cut = resolve
    })
    const { port } = await openReceiver(response => {
      response.once('close', cut)
      const more = () => {
        if (!response.destroyed) response.write('x'.repeat(500), () => setImmediate(more))
      }
      more()
    })
    const { webhooks } = openWebhooks(detour(), ['hooks.example.org'])
    expect(await webhooks.deliver(`http://hooks.example.org:${port}/`, '{}', never)).toMatchObject({
      kind: 'failed',
      reason: expect.stringContaining('1000 bytes'),
    })
    await closed
  })

  test('[D3] that is not answered in time is cut', async () => {
    let arrived: () => void = () => undefined
    const arrival = new Promise<void>(resolve => {
      arrived = resolve
    })
    let cut: () => void = () => undefined
    const closed = new Promise<void>(resolve => {
      cut = resolve
    })
    const { port } = await openReceiver(response => {
      response.once('close', cut)
      response.write('{')
      arrived()
    })
    const { webhooks, world } = openWebhooks(detour(), ['hooks.example.org'])
    const result = webhooks.deliver(`http://hooks.example.org:${port}/`, '{}', never)
    await arrival
    await world.turn(5_000)
    expect(await result).toMatchObject({ kind: 'failed' })
    await closed
  })

  test('[D3] by https to a receiver that speaks plain http has failed', async () => {
    const { webhooks } = openWebhooks(detour(), ['hooks.example.org'])
    const { port } = await openReceiver()
    const result = await webhooks.deliver(`https://hooks.example.org:${port}/`, '{}', never)
    expect(result).toMatchObject({ kind: 'failed' })
  })

  test('[D3] that is answered by a change of protocol has failed at once', async () => {
    const { port } = await openReceiver(response => {
      response.socket?.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')
    })
    const { webhooks } = openWebhooks(detour(), ['hooks.example.org'])
    expect(await webhooks.deliver(`http://hooks.example.org:${port}/`, '{}', never)).toMatchObject({
      kind: 'failed',
    })
  })

  test('by https begins with TLS for the name in the URL', async () => {
    let hello: (bytes: Buffer) => void = () => undefined
    const greeted = new Promise<Buffer>(resolve => {
      hello = resolve
    })
    const server = createServer((socket: Socket) => {
      socket.once('data', bytes => {
        hello(bytes)
        socket.destroy()
      })
      socket.on('error', () => undefined)
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const { webhooks } = openWebhooks(detour())
    expect(await webhooks.deliver(`https://hooks.example.org:${port}/`, '{}', never)).toMatchObject({
      kind: 'failed',
    })
    const bytes = await greeted
    expect(bytes[0]).toBe(0x16)
    expect(bytes.includes('hooks.example.org')).toBe(true)
  })
})

describe('A host name', () => {
  const unknown = () => Promise.reject(Object.assign(new Error('no such name'), { code: 'ENODATA' }))
  const answer = (...addresses: string[]) => (async () => addresses) as never

  test('has the addresses of both kinds', async () => {
    const network = networkOver({ resolve4: answer('93.184.216.34'), resolve6: answer('2606:2800::1') })
    expect(await network.resolve('hooks.example.org', false)).toEqual(['93.184.216.34', '2606:2800::1'])
  })

  test('may have one kind alone, but not none', async () => {
    const four = networkOver({ resolve4: answer('93.184.216.34'), resolve6: unknown })
    expect(await four.resolve('hooks.example.org', false)).toEqual(['93.184.216.34'])
    const six = networkOver({ resolve4: unknown, resolve6: answer('2606:2800::1') })
    expect(await six.resolve('hooks.example.org', false)).toEqual(['2606:2800::1'])
    const none = networkOver({ resolve4: unknown, resolve6: unknown })
    await expect(none.resolve('hooks.example.org', false)).rejects.toThrow('no such name')
  })

  test('that the operator named is what this machine says', async () => {
    const network = networkOver({ resolve4: unknown, resolve6: unknown })
    for (const address of await network.resolve('localhost', true))
      expect(['127.0.0.1', '::1']).toContain(address)
    const { received, port } = await openReceiver()
    const { webhooks } = openWebhooks(network, ['localhost', '127.0.0.0/8', '::1'])
    expect(await webhooks.deliver(`http://localhost:${port}/`, '{}', never)).toMatchObject({
      kind: 'delivered',
    })
    expect(received).toHaveLength(1)
  })
})
