import { once } from 'node:events'
import { request } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { ErrorCode, Live, Sentinel } from '../../protocol/index.ts'
import type { ServerOptions } from '../../server/server.ts'
import { realWorld } from '../../server/world.ts'
import { from, stream } from './fixture.ts'
import { Client } from './http2-client.ts'
import {
  Flag,
  frame,
  Kind,
  RawSession,
  Reason,
  requestBlock,
  roomFrame,
  Setting,
  settingsFrame,
} from './http2-frames.ts'
import { openPort, type Port } from './http2-port.ts'

vi.setConfig({ testTimeout: 30_000 })
const s = stream('s')
const text = { 'content-type': 'text/plain' }
const patience = { timeout: 20_000, interval: 5 }
const opened: Port[] = []

const open = async (options: ServerOptions = {}): Promise<Port> => {
  const port = await openPort(options)
  opened.push(port)
  return port
}

const create = async ({ url }: Port, body = ''): Promise<void> => {
  const client = await Client.open(url)
  await client.ask(s, { method: 'PUT', headers: text, body }).answer()
  await client.close()
}

/** Another client is served as if nothing had happened. */
const isWell = async ({ url }: Port): Promise<void> => {
  const client = await Client.open(url)
  expect((await client.ask('/healthz').answer()).text).toBe('alive\n')
  await client.close()
}

afterEach(async () => {
  for (const port of opened.splice(0)) {
    await port.end()
    expect(port.logged.filter(({ level }) => level >= 40)).toEqual([])
  }
})

describe('A handshake', () => {
  test.each<[string, readonly number[]]>([
    ['never begins', []],
    ['dribbles in', [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0, 0, 0]],
  ])('[limit handshakeMs] that %s ends with its connection after so long', async (_, bytes) => {
    const { url } = await open({ limits: { handshakeMs: 300 } })
    const socket = connectTcp(Number(new URL(url).port), '127.0.0.1')
    await once(socket, 'connect')
    const rest = [...bytes]
    const dribble = () => {
      const byte = rest.shift()
      if (byte !== undefined && socket.writable) socket.write(Buffer.from([byte]))
      cancel = realWorld.after(50, dribble)
    }
    let cancel = realWorld.after(0, dribble)
    socket.on('error', () => undefined).resume()
    await once(socket, 'close')
    cancel()
  })

  test('that is none, such as a plain HTTP request, ends with its connection', async () => {
    const { url } = await open()
    const socket = connectTcp(Number(new URL(url).port), '127.0.0.1')
    socket.on('error', () => undefined).resume()
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await once(socket, 'close')
  })

  test('is at least of TLS 1.2', async () => {
    const { url } = await open()
    const connect = async (version: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3') => {
      const socket = connectTls({
        host: '127.0.0.1',
        port: Number(new URL(url).port),
        minVersion: version,
        maxVersion: version,
        ciphers: 'DEFAULT@SECLEVEL=0',
        rejectUnauthorized: false,
      })
      const spoken = await once(socket, 'secureConnect').then(
        () => socket.getProtocol(),
        () => 'refused',
      )
      socket.destroy()
      return spoken
    }
    expect([await connect('TLSv1.1'), await connect('TLSv1.2'), await connect('TLSv1.3')]).toEqual([
      'refused',
      'TLSv1.2',
      'TLSv1.3',
    ])
  })
})

describe('HTTP/1.1 over TLS', () => {
  const ask = async ({ url }: Port) => {
    const asking = request(`${url}/healthz`, { rejectUnauthorized: false, agent: false }).end()
    const [answer] = await once(asking, 'response')
    let body = ''
    for await (const chunk of answer.setEncoding('utf8')) body += chunk
    return { version: answer.httpVersion, body, connection: answer.headers.connection }
  }

  test('is spoken with clients that want no other', async () => {
    expect(await ask(await open())).toMatchObject({ version: '1.1', body: 'alive\n' })
  })

  test('has the bounds that it has without: a head that dribbles in is answered 408', async () => {
    const { url } = await open({ limits: { headersMs: 300 } })
    const port = Number(new URL(url).port)
    const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false })
    let heard = ''
    socket.setEncoding('utf8').on('data', chunk => {
      heard += chunk
    })
    socket.write('GET / HTTP/1.1\r\nHo')
    await once(socket, 'end')
    expect(heard).toMatch(/^HTTP\/1\.1 408 /)
    expect(heard).toContain(ErrorCode.requestTimeout)
    socket.destroy()
  })
})

describe('An HTTP/2 connection', () => {
  test.each<[string, (url: string) => Promise<RawSession>]>([
    ['says nothing', RawSession.connect],
    ['only introduces itself', url => RawSession.open(url)],
    [
      'keeps its first head half said',
      async url => {
        const raw = await RawSession.open(url)
        raw.send(frame(Kind.headers, Flag.endStream, 1, requestBlock('GET', s).subarray(0, 20)))
        return raw
      },
    ],
  ])('that %s is closed after headersMs', async (_, begin) => {
    const { url, world } = await open({ limits: { headersMs: 10_000 } })
    const raw = await begin(url)
    // It has what was sent before it reads what comes later on another connection.
    await isWell({ url } as Port)
    await world.turn(9_999)
    expect(raw.frames.filter(({ kind }) => kind === Kind.goaway)).toEqual([])
    await world.turn(1)
    expect(await raw.goaway()).toBe(Reason.none)
    await world.turn(500)
    await raw.closed
  })

  test('with nothing under way is closed after keepAliveMs, and each request begins that anew', async () => {
    const port = await open()
    await create(port)
    const raw = await RawSession.open(port.url)
    const isLeft = () => raw.frames.some(({ kind }) => kind === Kind.goaway)
    raw.ask(1, 'GET', from(s, Sentinel.tail, Live.sse))
    await raw.until(({ kind }) => kind === Kind.headers)
    await port.world.turn(60_000)
    await vi.waitFor(() => expect(raw.isWhole(1)).toBe(true), patience)
    for (const id of [3, 5]) {
      await raw.roundTrip()
      await port.world.turn(60_000)
      expect(isLeft()).toBe(false)
      raw.ask(id, 'GET', '/healthz')
      await vi.waitFor(() => expect(raw.isWhole(id)).toBe(true), patience)
    }
    await raw.roundTrip()
    await port.world.turn(65_000)
    expect(await raw.goaway()).toBe(Reason.none)
    await raw.closed
  })

  test('that is told to go and stays is cut', async () => {
    const { url, world } = await open()
    const raw = await RawSession.open(url)
    raw.socket.allowHalfOpen = true
    await raw.roundTrip()
    await world.turn(10_000)
    await raw.goaway()
    await world.turn(500)
    await vi.waitFor(() => {
      raw.send(frame(Kind.ping, 0, 0, Buffer.alloc(8)))
      expect(raw.socket.closed).toBe(true)
    }, patience)
  })

  test('[limit sessionStreams] has at most so many requests under way; the next is refused, and served when one is over', async () => {
    const port = await open({ limits: { sessionStreams: 8 } })
    await create(port)
    const raw = await RawSession.open(port.url)
    const told = await raw.until(({ kind, flags }) => kind === Kind.settings && flags !== Flag.ack)
    expect(told.payload.toString('hex')).toContain('000300000008')
    const ids = Array.from({ length: 8 }, (_, at) => 2 * at + 1)
    for (const id of ids) raw.ask(id, 'GET', from(s, Sentinel.tail, Live.sse))
    raw.ask(17, 'GET', '/healthz')
    expect(await raw.resetOf(17)).toBe(Reason.refused)
    for (const id of ids) await raw.until(({ kind, stream: of }) => kind === Kind.headers && of === id)
    raw.send(frame(Kind.reset, 0, 1, Buffer.from([0, 0, 0, Reason.cancel])))
    await raw.roundTrip()
    raw.ask(19, 'GET', '/healthz')
    await vi.waitFor(() => expect(raw.textOf(19)).toBe('alive\n'), patience)
    raw.close()
  })

  test('[limit sessionMb] holds about so much of answers that nobody takes; more is refused until some of it was taken', async () => {
    const port = await open({ limits: { sessionMb: 1 } })
    await create(port, 'x'.repeat(300_000))
    const raw = await RawSession.open(port.url, [Setting.initialWindow, 0])
    const ids = Array.from({ length: 8 }, (_, at) => 2 * at + 1)
    for (const id of ids) {
      raw.ask(id, 'GET', from(s, Sentinel.start))
      await raw.until(({ kind, stream: of }) => of === id && (kind === Kind.headers || kind === Kind.reset))
    }
    const refused = ids.filter(id =>
      raw.frames.some(({ kind, stream: of }) => kind === Kind.reset && of === id),
    )
    expect(refused).toEqual(ids.slice(-refused.length))
    expect(ids.length - refused.length).toBeGreaterThanOrEqual(3)
    expect(ids.length - refused.length).toBeLessThanOrEqual(4)
    raw.send(roomFrame(0, 1 << 30), roomFrame(1, 1 << 20), roomFrame(3, 1 << 20))
    await vi.waitFor(() => expect([raw.isWhole(1), raw.isWhole(3)]).toEqual([true, true]), patience)
    raw.ask(17, 'GET', '/healthz')
    await raw.until(({ kind, stream: of }) => kind === Kind.headers && of === 17)
    raw.close()
  })
})

describe('A request over HTTP/2', () => {
  test('[row 79] whose body dribbles in is reset after requestMs and not stored; others of its connection go on', async () => {
    const port = await open()
    await create(port)
    const raw = await RawSession.open(port.url)
    raw.ask(1, 'POST', s, text, true)
    raw.ask(3, 'GET', from(s, Sentinel.tail, Live.sse))
    await raw.until(({ kind }) => kind === Kind.headers)
    for (let second = 0; second < 29; second++) {
      raw.send(frame(Kind.data, 0, 1, Buffer.from('x')))
      await raw.roundTrip()
      await port.world.turn(1_000)
    }
    await port.world.turn(999)
    await raw.roundTrip()
    expect(raw.frames.filter(({ kind }) => kind === Kind.reset)).toEqual([])
    await port.world.turn(1)
    expect(await raw.resetOf(1)).toBe(Reason.cancel)
    raw.ask(5, 'GET', from(s, Sentinel.start))
    await vi.waitFor(() => expect(raw.isWhole(5)).toBe(true), patience)
    expect([raw.textOf(5), raw.isWhole(3)]).toEqual(['', false])
    raw.close()
  })

  test('whose body was whole in time is not bounded by requestMs, however long its answer takes', async () => {
    let allow: () => void = () => undefined
    const asked = new Promise<void>(resolve => {
      allow = resolve
    })
    const port = await open({ authorize: () => asked.then(() => 'allow') })
    const raw = await RawSession.open(port.url)
    raw.ask(1, 'PUT', s, text, true)
    raw.send(frame(Kind.data, Flag.endStream, 1, Buffer.from('abc')))
    await raw.roundTrip()
    await port.world.turn(4_000)
    allow()
    await raw.until(({ kind, stream: of }) => kind === Kind.headers && of === 1)
    raw.ask(3, 'GET', from(s, Sentinel.start, Live.sse), text, true)
    raw.send(frame(Kind.data, Flag.endStream, 3, Buffer.from('nobody reads this')))
    await raw.until(({ kind, stream: of }) => kind === Kind.headers && of === 3)
    await port.world.turn(31_000)
    await raw.roundTrip()
    expect(raw.frames.filter(({ kind }) => kind === Kind.reset)).toEqual([])
    raw.close()
  })

  const overhead = (headers: Readonly<Record<string, string>>) =>
    Object.entries(headers).reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0)
  const head = { ':method': 'GET', ':scheme': 'https', ':authority': 'localhost', ':path': '/healthz' }

  test.each([true, false])(
    '[row 78] has at most headerBytes of head, also when our settings are acknowledged: %s',
    async isAcknowledged => {
      const { url } = await open()
      const raw = await RawSession.open(url)
      await raw.until(({ kind }) => kind === Kind.settings)
      if (isAcknowledged) raw.send(frame(Kind.settings, Flag.ack, 0))
      const room = (16 << 10) - overhead({ ...head, x: '' })
      for (const [id, size] of [
        [1, room - 1],
        [3, room],
      ] as const) {
        raw.ask(id, 'GET', '/healthz', { x: 'y'.repeat(size) })
        await vi.waitFor(() => expect(raw.textOf(id)).toBe('alive\n'), patience)
      }
      raw.ask(5, 'GET', '/healthz', { x: 'y'.repeat(room + 1) })
      expect(await raw.resetOf(5)).toBe(Reason.calm)
      raw.close()
    },
  )

  test('[row 78] has at most headerCount headers', async () => {
    const { url } = await open()
    const client = await Client.open(url)
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`h${at}`, 'v']))
    expect(await client.ask('/healthz', { headers: many(63) }).status()).toBe(200)
    expect(await client.ask('/healthz', { headers: many(64) }).status()).toBe(200)
    const refused = await client.ask('/healthz', { headers: many(65) }).answer()
    expect([refused.status, refused.text]).toEqual([431, expect.stringContaining(ErrorCode.headTooLarge)])
    expect(await client.ask('/healthz', { headers: many(66) }).over).toBe(Reason.calm)
    expect(await client.ask('/healthz').status()).toBe(200)
    await client.close()
  })
})

describe('A flood', () => {
  const resets = (count: number) => (raw: RawSession) => {
    const asked = requestBlock('GET', from(s, Sentinel.tail, Live.sse))
    for (let id = 1; id < 2 * count; id += 2) {
      raw.send(
        frame(Kind.headers, Flag.endHeaders | Flag.endStream, id, asked),
        frame(Kind.reset, 0, id, Buffer.from([0, 0, 0, Reason.cancel])),
      )
    }
  }
  const unread = (one: Buffer) => (raw: RawSession) => {
    raw.socket.pause()
    const thousand = Buffer.concat(Array.from({ length: 1_000 }, () => one))
    for (let times = 0; times < 300; times++) raw.send(thousand)
    raw.socket.resume()
  }

  test.each<[string, (raw: RawSession) => void]>([
    ['requests that are reset at once', resets(1_500)],
    ['pings', unread(frame(Kind.ping, 0, 0, Buffer.alloc(8)))],
    ['settings', unread(settingsFrame())],
    [
      'settings in one frame',
      raw => raw.send(settingsFrame(...Array.from({ length: 33 }, (_, at) => [8, at] as const))),
    ],
    [
      'continuations of one head',
      raw => {
        raw.send(frame(Kind.headers, Flag.endStream, 1, requestBlock('GET', s)))
        for (let at = 0; at < 50; at++) raw.send(frame(Kind.continuation, 0, 1))
      },
    ],
    [
      'empty pieces of a body',
      raw => {
        raw.ask(1, 'POST', s, text, true)
        unread(frame(Kind.data, 0, 1))(raw)
      },
    ],
    [
      'requests that the server must reset',
      raw => {
        const asked = requestBlock('GET', from(s, Sentinel.tail, Live.sse))
        for (let id = 1; id < 600; id += 2) {
          raw.send(
            frame(Kind.headers, Flag.endHeaders | Flag.endStream, id, asked),
            roomFrame(id, 0x7fffffff),
          )
        }
      },
    ],
  ])('of %s ends its connection and nothing else', async (_, flood) => {
    const port = await open()
    await create(port)
    const raw = await RawSession.open(port.url)
    await raw.until(({ kind }) => kind === Kind.settings)
    flood(raw)
    const over = raw.closed.then(() => 'closed' as const)
    expect(await Promise.race([over, raw.goaway()])).not.toBe(Reason.none)
    raw.ask(2_999, 'GET', '/healthz')
    await isWell(port)
    expect(raw.textOf(2_999)).toBe('')
    await port.world.turn(70_000)
    await raw.closed
  })
})

describe('An answer that is taken slowly', () => {
  test('is whole also when its connection is told to go in the meantime, as long as that may take', async () => {
    const size = 16 << 20
    const port = await open({ limits: { bodyBytes: size, drainMs: 60_000 } })
    await create(port, 'x'.repeat(size))
    const raw = await RawSession.open(port.url, [Setting.initialWindow, 2 * size])
    raw.send(roomFrame(0, 2 * size))
    raw.ask(1, 'GET', from(s, Sentinel.start))
    await raw.until(({ kind }) => kind === Kind.headers)
    raw.socket.pause()
    const closed = port.server.close()
    await port.world.turn(30_000)
    raw.socket.resume()
    await vi.waitFor(() => expect(raw.isWhole(1)).toBe(true), patience)
    expect(raw.textOf(1)).toHaveLength(size)
    await raw.closed
    await closed
  })

  test('is not waited for longer than drainMs', async () => {
    const size = 16 << 20
    const port = await open({ limits: { bodyBytes: size, drainMs: 60_000 } })
    await create(port, 'x'.repeat(size))
    const raw = await RawSession.open(port.url, [Setting.initialWindow, 2 * size])
    raw.send(roomFrame(0, 2 * size))
    raw.ask(1, 'GET', from(s, Sentinel.start))
    await raw.until(({ kind }) => kind === Kind.headers)
    raw.socket.pause()
    const closed = port.server.close()
    await port.world.turn(60_000)
    await closed
    raw.close()
  })
})

describe('An answer that nobody takes', () => {
  test('[limit answerRate] is dropped after stallMs and the time it takes at this rate, and its connection goes on', async () => {
    const port = await open({ limits: { answerRate: 1_000, stallMs: 30_000 } })
    await create(port, 'x'.repeat(10_000))
    const raw = await RawSession.open(port.url, [Setting.initialWindow, 0])
    for (const id of [1, 3]) {
      raw.ask(id, 'GET', from(s, Sentinel.start))
      await raw.until(({ kind, stream: of }) => kind === Kind.headers && of === id)
    }
    await raw.roundTrip()
    await port.world.turn(39_999)
    raw.send(roomFrame(3, 10_000))
    await vi.waitFor(() => expect(raw.textOf(3)).toHaveLength(10_000), patience)
    expect(raw.frames.filter(({ kind }) => kind === Kind.reset)).toEqual([])
    await port.world.turn(1)
    expect(await raw.resetOf(1)).toBe(Reason.cancel)
    raw.ask(5, 'GET', '/healthz')
    await raw.until(({ kind, stream: of }) => kind === Kind.headers && of === 5)
    raw.close()
  })

  test('over HTTP/1.1 is dropped with its connection', async () => {
    const port = await open({ limits: { bodyBytes: 32 << 20, answerRate: 1 << 20, stallMs: 1_000 } })
    await create(port, 'x'.repeat(24 << 20))
    const { port: number } = new URL(port.url)
    const slow = connectTls({ host: '127.0.0.1', port: Number(number), rejectUnauthorized: false })
    await once(slow, 'secureConnect')
    slow.write(`GET ${from(s, Sentinel.start)} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    await once(slow, 'readable')
    await port.world.turn(26_000)
    let taken = 0
    slow
      .on('error', () => undefined)
      .on('data', chunk => {
        taken += chunk.length
      })
    await once(slow, 'close')
    expect(taken).toBeLessThan(24 << 20)
  })
})
