import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { ErrorCode, Live, Sentinel } from '../../protocol/index.ts'
import { from, stream } from './fixture.ts'
import { Client } from './http2-client.ts'
import { frame, Kind, RawSession, Reason, resetFrame, roomFrame, Setting } from './http2-frames.ts'
import { openPort, type Port } from './http2-port.ts'

const s = stream('s')
const text = { 'content-type': 'text/plain' }
const patience = { timeout: 20_000, interval: 5 }
const sseMs = 600_000
const warnings: Error[] = []
const warned = (warning: Error) => void warnings.push(warning)
vi.setConfig({ testTimeout: 30_000 })
let port: Port
let client: Client
/** Requests are let in when this resolves. */
let asked = Promise.resolve()

beforeAll(() => void process.on('warning', warned))
afterAll(() => void process.off('warning', warned))
beforeEach(async () => {
  asked = Promise.resolve()
  const limits = { backlogBytes: 1_000, readBytes: 400, bodyBytes: 100_000, readersPerStream: 2, sseMs }
  port = await openPort({ limits, authorize: () => asked.then(() => 'allow') })
  client = await Client.open(port.url)
  await client.ask(s, { method: 'PUT', headers: text }).answer()
})
afterEach(async () => {
  await client.close()
  await port.end()
  expect(port.logged.filter(({ level }) => level >= 40)).toEqual([])
  expect(warnings).toEqual([])
})

const post = async (body: string): Promise<void> => {
  expect(await client.ask(s, { body, headers: text }).status()).toBe(204)
}
const stored = async (): Promise<string> => (await client.ask(from(s, Sentinel.start)).answer()).text
const follow = () => client.ask(from(s, Sentinel.start, Live.sse))
const part = (at: number) => `${at}.`.padEnd(300, '-')
const dataOf = (said: string): string[] =>
  [...said.matchAll(/event: data\ndata:(.*)\n/g)].map(([, data]) => data ?? '')

/** Resolves when the stream has no live reader any more. The limit on them is how one sees it from outside. */
const allGone = () =>
  vi.waitFor(async () => {
    const readers = [follow(), follow()]
    const statuses = await Promise.all(readers.map(reader => reader.status()))
    for (const reader of readers) reader.stream.close(Reason.cancel)
    expect(statuses).toEqual([200, 200])
  }, patience)

describe('A live read over HTTP/2', () => {
  test('gets events as they come, beside other requests on the same connection, and ends properly', async () => {
    const readers = [follow(), follow()]
    await post('abc')
    for (const reader of readers) await reader.until('data:abc')
    expect(await follow().status()).toBe(503)
    await port.world.turn(sseMs * 1.1)
    for (const reader of readers) expect(await reader.over).toBe(0)
    expect(client.session.closed).toBe(false)
  })

  test.each([Live.sse, Live.longPoll])('of %s is forgotten at once when its stream is reset', async live => {
    const readers = [1, 2].map(() => client.ask(from(s, Sentinel.tail, live)))
    await vi.waitFor(async () => expect(await follow().status()).toBe(503), patience)
    for (const reader of readers) reader.stream.close(Reason.cancel)
    await allGone()
  })

  test.each([Live.sse, Live.longPoll])(
    'of %s that was reset before it was looked at holds nothing',
    async live => {
      const raw = await RawSession.open(port.url)
      let ask: () => void = () => undefined
      asked = new Promise<void>(resolve => {
        ask = resolve
      })
      for (const id of [1, 3, 5, 7]) {
        raw.ask(id, 'GET', from(s, id > 3 ? Sentinel.start : Sentinel.tail, live))
        raw.send(resetFrame(id, Reason.cancel))
      }
      await raw.roundTrip()
      ask()
      await allGone()
      raw.close()
    },
  )

  test('is forgotten at once when its connection is gone', async () => {
    const other = await Client.open(port.url)
    await Promise.all([1, 2].map(() => other.ask(from(s, Sentinel.start, Live.sse)).head))
    expect(await follow().status()).toBe(503)
    await other.close()
    await allGone()
  })

  test('that waits on a long-poll is answered', async () => {
    const poll = client.ask(from(s, Sentinel.tail, Live.longPoll))
    await client.ask('/healthz').answer()
    await post('abc')
    expect(await poll.answer()).toMatchObject({ status: 200, text: 'abc' })
  })
})

describe('[row 80] A live reader whose stream has no room', () => {
  /** Room for the head and little more; the connection itself has room for all. */
  const open = async (): Promise<RawSession> => {
    const slow = await RawSession.open(port.url, [Setting.initialWindow, 200])
    slow.ask(1, 'GET', from(s, Sentinel.start, Live.sse))
    await slow.until(({ kind }) => kind === Kind.headers)
    return slow
  }

  test('is cut alone: a second reader on the same connection gets everything and goes on', async () => {
    const slow = await open()
    slow.ask(3, 'GET', from(s, Sentinel.start, Live.sse))
    slow.send(roomFrame(3, 1 << 20))
    const bodies = Array.from({ length: 10 }, (_, at) => part(at))
    for (const body of bodies) await post(body)
    await vi.waitFor(() => expect(dataOf(slow.textOf(3))).toEqual(bodies), patience)
    await port.world.turn(30_000)
    expect(await slow.resetOf(1)).toBe(Reason.cancel)
    await post('after')
    await vi.waitFor(() => expect(dataOf(slow.textOf(3)).at(-1)).toBe('after'), patience)
    expect(slow.frames.filter(({ kind }) => kind === Kind.reset || kind === Kind.goaway)).toHaveLength(1)
    expect(slow.textOf(1).length).toBeLessThanOrEqual(200)
    slow.close()
  })

  test('is forgotten at once when it is cut, also where nothing gets through to it', async () => {
    await post('x'.repeat(90_000))
    const slow = await RawSession.open(port.url, [Setting.initialWindow, 1 << 20])
    slow.send(roomFrame(0, 1 << 30))
    for (const id of [1, 3]) slow.ask(id, 'GET', from(s, Sentinel.tail, Live.sse))
    await slow.until(({ kind, stream: id }) => kind === Kind.headers && id === 3)
    slow.socket.pause()
    for (let id = 5; id < 405; id += 2) slow.ask(id, 'GET', from(s, Sentinel.start))
    for (let at = 0; at < 10; at++) await post(part(at))
    expect(await follow().status()).toBe(503)
    await port.world.turn(30_000)
    await allGone()
    slow.close()
  })

  test('but gets it in time, gets everything, in order and once', async () => {
    const slow = await open()
    const bodies = Array.from({ length: 40 }, (_, at) => part(at))
    for (const body of bodies) await post(body)
    await port.world.turn(20_000)
    slow.send(roomFrame(1, 1 << 20))
    await vi.waitFor(() => expect(dataOf(slow.textOf(1))).toEqual(bodies), patience)
    await post('after')
    await vi.waitFor(() => expect(dataOf(slow.textOf(1)).at(-1)).toBe('after'), patience)
    await port.world.turn(60_000)
    expect(slow.frames.filter(({ kind }) => kind === Kind.reset)).toEqual([])
    slow.close()
  })

  test('is cut when it does not even take the end', async () => {
    const slow = await open()
    await post('d'.repeat(300))
    await port.world.turn(sseMs * 1.1)
    expect(slow.isWhole(1)).toBe(false)
    await port.world.turn(30_000)
    expect(await slow.resetOf(1)).toBe(Reason.cancel)
    slow.close()
  })
})

test('[row 80] A live reader whose stream has no room is queued no more than its backlog', async () => {
  const short = await openPort({ limits: { backlogBytes: 1_000, readBytes: 400, sseMs: 10_000 } })
  const other = await Client.open(short.url)
  await other.ask(s, { method: 'PUT', headers: text }).answer()
  const slow = await RawSession.open(short.url, [Setting.initialWindow, 0])
  slow.ask(1, 'GET', from(s, Sentinel.start, Live.sse))
  await slow.until(({ kind }) => kind === Kind.headers)
  for (let at = 0; at < 100; at++) await other.ask(s, { body: part(at), headers: text }).answer()
  // Its life ends first: what it was given before it counted as slow can still be taken, and is all there is.
  await short.world.turn(11_000)
  slow.send(roomFrame(1, 1 << 20))
  await vi.waitFor(() => expect(slow.isWhole(1)).toBe(true), patience)
  const { length } = slow.textOf(1)
  expect(length).toBeGreaterThan(500)
  expect(length).toBeLessThan(1_000 + 2 * 500)
  slow.close()
  await other.close()
  await short.end()
})

describe('A request body over HTTP/2', () => {
  const half = async (): Promise<RawSession> => {
    const raw = await RawSession.open(port.url)
    raw.ask(1, 'POST', s, text, true)
    raw.send(frame(Kind.data, 0, 1, Buffer.from('half')))
    await raw.roundTrip()
    return raw
  }

  test.each<[string, (raw: RawSession) => void]>([
    ['reset', raw => raw.send(resetFrame(1, Reason.cancel))],
    ['reset without an error', raw => raw.send(resetFrame(1, Reason.none))],
    ['left with its connection', raw => raw.close()],
    ['left with the connection ended properly', raw => raw.socket.end()],
  ])('that is %s before it is whole is not stored', async (_, leave) => {
    const raw = await half()
    leave(raw)
    await post('after')
    expect(await stored()).toBe('after')
    raw.close()
  })

  test('[row 44] above the limit is answered 413, its stream is over and its connection goes on', async () => {
    const raw = await RawSession.open(port.url)
    raw.ask(1, 'POST', s, text, true)
    for (let sent = 0; sent <= 100_000; sent += 10_000) {
      raw.send(frame(Kind.data, 0, 1, Buffer.alloc(10_000, 'x')))
      await raw.roundTrip()
    }
    await vi.waitFor(() => expect(raw.textOf(1)).toContain(ErrorCode.bodyTooLarge), patience)
    await vi.waitFor(() => expect(raw.isWhole(1)).toBe(true), patience)
    raw.ask(3, 'GET', '/healthz')
    await vi.waitFor(() => expect(raw.textOf(3)).toBe('alive\n'), patience)
    expect(await stored()).toBe('')
    const announced = client.begin(s, { headers: { ...text, 'content-length': '100001' } })
    const { status, headers } = await announced.answer()
    expect([status, headers['connection']]).toEqual([413, undefined])
    expect(client.session.closed).toBe(false)
    raw.close()
  })
})
