import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { ErrorCode, Live, Sentinel } from '../../protocol/index.ts'
import type { Authorize } from '../../server/access/question.ts'
import { type Server, startServer } from '../../server/index.ts'
import type { Limits } from '../../server/limits.ts'
import { Events } from '../http/events.ts'
import { codeOf, from, openApp, stream } from '../http/fixture.ts'
import { settled } from '../streams/world.ts'

const s = stream('acme/s')
const plain = { type: 'text/plain' }
const by = (caller: string) => ({ headers: { Authorization: caller } })
const via = (address: string) => ({ headers: { 'X-Forwarded-For': address } })

/** Callers are who they say they are; nobody may do nothing. */
const authorize: Authorize = ({ request }) => {
  const caller = request.headers.get('Authorization')
  return caller === null ? 'deny' : { verdict: 'allow', caller }
}
const opened = (limits: Partial<Limits>, opening: Parameters<typeof openApp>[0] = { authorize }) => {
  const app = openApp({ ...opening, limits })
  const statuses = async (count: number, asked: object) => {
    const found: number[] = []
    for (let at = 0; at < count; at++) found.push((await app.send('HEAD', s, asked)).status)
    return found
  }
  return { ...app, statuses }
}

describe('[row 45] A caller’s requests', () => {
  test('beyond a second’s worth are refused until there is room again', async () => {
    const { send, statuses, world } = opened({ requestsPerSecond: 3 })
    await send('PUT', s, by('owner'))
    expect(await statuses(4, by('ada'))).toEqual([200, 200, 200, 429])
    const refused = await send('GET', s, by('ada'))
    expect([refused.status, refused.headers.get('Retry-After')]).toEqual([429, '1'])
    expect(await codeOf(refused)).toBe(ErrorCode.rateLimited)
    await world.turn(334)
    expect(await statuses(2, by('ada'))).toEqual([200, 429])
  })

  test('are nobody else’s: neither another caller’s nor an address’s', async () => {
    const { send, statuses } = opened({ requestsPerSecond: 2 }, { authorize, trustProxy: 1 })
    const from = (caller: string) => ({ headers: { ...by(caller).headers, ...via('192.0.2.1').headers } })
    await send('PUT', s, from('owner'))
    expect(await statuses(3, from('ada'))).toEqual([200, 200, 429])
    expect(await statuses(3, from('bob'))).toEqual([200, 200, 429])
    expect(await statuses(2, via('192.0.2.1'))).toEqual([401, 401])
  })

  test('that do nothing but fail count against their address, and then nobody is asked about them', async () => {
    let asked = 0
    const counting: Authorize = question => {
      asked++
      return authorize(question)
    }
    const { statuses } = opened({ requestsPerSecond: 3 }, { authorize: counting, trustProxy: 1 })
    expect(await statuses(6, via('192.0.2.1'))).toEqual([401, 401, 401, 429, 429, 429])
    expect(asked).toBe(3)
    expect(await statuses(1, via('192.0.2.2'))).toEqual([401])
  })

  test('are an address’s where nobody is named, and an IPv6 address is a network', async () => {
    const { send, statuses } = opened({ requestsPerSecond: 2 }, { trustProxy: 1 })
    await send('PUT', s, via('192.0.2.9'))
    expect(await statuses(3, via('192.0.2.1'))).toEqual([200, 200, 429])
    expect(await statuses(1, via('spoofed, 192.0.2.1'))).toEqual([429])
    expect(await statuses(2, via('2001:db8::1'))).toEqual([200, 200])
    expect(await statuses(1, via('2001:db8::ffff:2'))).toEqual([429])
  })

  test('from behind a proxy that is not trusted are all the proxy’s', async () => {
    const { send, statuses } = opened({ requestsPerSecond: 2 }, {})
    await send('PUT', s, via('192.0.2.1'))
    expect(await statuses(1, via('192.0.2.2'))).toEqual([200])
    expect(await statuses(1, via('192.0.2.3'))).toEqual([429])
  })

  test('to health are never refused', async () => {
    const { send, statuses } = opened({ requestsPerSecond: 1 }, {})
    expect(await statuses(2, {})).toEqual([404, 429])
    expect((await send('GET', '/healthz')).status).toBe(200)
    expect((await send('OPTIONS', s)).status).toBe(204)
  })
})

describe('[row 45] A caller’s bytes', () => {
  const size = 100
  const body = 'x'.repeat(size)
  const chunked = () =>
    new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(new TextEncoder().encode(body))
        controller.close()
      },
    })

  test('that are announced, beyond a second’s worth, are refused and not stored', async () => {
    const { send, world } = opened({ writtenBytesPerSecond: 2 * size }, {})
    await send('PUT', s, plain)
    const post = () => send('POST', s, { ...plain, body, headers: { 'Content-Length': `${size}` } })
    expect([(await post()).status, (await post()).status]).toEqual([204, 204])
    const refused = await post()
    expect([refused.status, refused.headers.get('Retry-After')]).toEqual([429, '1'])
    expect(await codeOf(refused)).toBe(ErrorCode.rateLimited)
    expect(await (await send('GET', s)).text()).toHaveLength(2 * size)
    await world.turn(500)
    expect((await post()).status).toBe(204)
  })

  test('that are not announced are counted as they come, and owed when they were too many', async () => {
    const { send, world } = opened({ writtenBytesPerSecond: 2 * size }, {})
    await send('PUT', s, plain)
    const post = async () => (await send('POST', s, { ...plain, body: chunked() })).status
    expect([await post(), await post(), await post(), await post()]).toEqual([204, 204, 204, 429])
    expect(await (await send('GET', s)).text()).toHaveLength(3 * size)
    await world.turn(499)
    expect(await post()).toBe(429)
    await world.turn(1)
    expect(await post()).toBe(204)
  })

  test('of one body larger than a second’s worth are owed', async () => {
    const { send, world } = opened({ writtenBytesPerSecond: size / 2 }, {})
    await send('PUT', s, plain)
    const headers = { 'Content-Length': `${size}` }
    const post = async () => (await send('POST', s, { ...plain, body, headers })).status
    expect(await post()).toBe(204)
    await world.turn(1_999)
    expect(await post()).toBe(429)
    await world.turn(1)
    expect(await post()).toBe(204)
  })

  test('are no reason to refuse a reading', async () => {
    const { send } = opened({ writtenBytesPerSecond: 1 }, {})
    await send('PUT', s, { ...plain, body, headers: { 'Content-Length': `${size}` } })
    expect((await send('POST', s, { ...plain, body })).status).toBe(429)
    expect((await send('GET', s)).status).toBe(200)
  })
})

describe('[row 45] A caller’s live readers', () => {
  test('beyond so many are refused until one leaves', async () => {
    const { send, streams, world } = opened({ readersPerCaller: 2 })
    await send('PUT', s, by('ada'))
    const events = async () => send('GET', from(s, Sentinel.start, Live.sse), by('ada'))
    const first = new Events(await events())
    const waiting = send('GET', from(s, Sentinel.tail, Live.longPoll), by('ada'))
    await settled()
    const refused = await events()
    expect([refused.status, refused.headers.get('Retry-After')]).toEqual([429, '5'])
    expect(await codeOf(refused)).toBe(ErrorCode.rateLimited)
    const his = new Events(await send('GET', from(s, Sentinel.start, Live.sse), by('bob')))
    await first.leave()
    await settled()
    const second = new Events(await events())
    await world.turn(120_000)
    expect([(await waiting).status, second.over, his.over]).toEqual([204, 'ended', 'ended'])
    for (let at = 0; at < 3; at++) {
      expect((await send('GET', from(stream('none'), Sentinel.start, Live.sse), by('ada'))).status).toBe(404)
      expect((await send('GET', from(s, 'x', Live.sse), by('ada'))).status).toBe(400)
    }
    const last = await Promise.all([events(), events()])
    expect(last.map(({ status }) => status)).toEqual([200, 200])
    await world.turn(120_000)
    expect([streams.readers('stream/acme/s'), world.timers]).toEqual([0, 0])
  })
})

describe('An address’s connections', () => {
  let server: Server | undefined
  afterEach(() => server?.close())

  test('beyond so many are closed, until one is given up', async () => {
    server = await startServer({ port: 0, store: 'memory', limits: { connectionsPerAddress: 2 } })
    const port = Number(new URL(server.url).port)
    const open = async () => {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => undefined)
      await once(socket, 'connect')
      return socket
    }
    const [first, second] = [await open(), await open()]
    const third = await open()
    third.resume()
    await once(third, 'close')
    second.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
    expect(String((await once(second, 'data'))[0])).toMatch(/^HTTP\/1\.1 200/)
    first.destroy()
    for (;;) {
      const next = await open()
      next.write('GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
      let text = ''
      next.on('data', chunk => {
        text += chunk
      })
      await once(next, 'close')
      if (text.startsWith('HTTP/1.1 200')) break
    }
    second.destroy()
  })
})
