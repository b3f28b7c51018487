import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { afterEach, describe, expect, test } from 'vitest'
import { Live, Sentinel } from '../../protocol/index.ts'
import { settled } from '../streams/world.ts'
import { type App, from, openApp, stream } from './fixture.ts'

const s = stream('s')
const name = 'stream/s'
let app: App

/** The far end of a connection that takes what is written when it is told to. */
class Line extends Duplex {
  readonly written: Buffer[] = []
  #held: (() => void)[] = []
  #stopped = false

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(chunk)
    if (this.#stopped) this.#held.push(done)
    else done()
  }

  setNoDelay(): this {
    return this
  }

  /** From now on nothing is taken. */
  stop(): void {
    this.#stopped = true
  }

  goOn(): void {
    this.#stopped = false
    for (const done of this.#held.splice(0)) done()
  }

  get text(): string {
    return Buffer.concat(this.written).toString()
  }
}

/** One request over a line of its own, as the node server hands it to the app. */
const ask = async (target: string, leavesFirst = false) => {
  const incoming = new IncomingMessage(new Socket())
  incoming.url = target
  const outgoing = new ServerResponse(incoming)
  const line = new Line()
  outgoing.assignSocket(line as unknown as Socket)
  line.once('close', () => {
    // What the node server does with the response of a connection that is gone.
    outgoing.destroyed = true
    outgoing.emit('close')
  })
  if (leavesFirst) line.destroy()
  await settled()
  const env = { incoming, outgoing } as unknown as Record<string, unknown>
  const response = await app.app.request(target, {}, env)
  await settled()
  return { line, outgoing, response }
}

const opened = async (opening: Parameters<typeof openApp>[0] = {}) => {
  app = openApp(opening)
  await app.send('PUT', s, { type: 'text/plain', body: 'abc' })
  const post = async (body: string) => {
    await app.send('POST', s, { type: 'text/plain', body })
    await settled()
  }
  return { ...app, post }
}

afterEach(() => {
  expect(app.streams.readers(name)).toBe(0)
  expect(app.world.timers).toBe(0)
})

describe('On a connection of node', () => {
  test('events are written straight to the response, the very same bytes to each', async () => {
    const { post, world } = await opened()
    const readers = await Promise.all([1, 2, 3].map(() => ask(from(s, Sentinel.start, Live.sse))))
    await post('def')
    for (const { line } of readers) {
      expect(line.text).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
      expect(line.text).toMatch(/data:abc\n\nevent: control\ndata:.*data:def\n\nevent: control/s)
    }
    await world.turn(120_000)
    for (const { outgoing } of readers) expect(outgoing.writableEnded).toBe(true)
  })

  test('a client that leaves is forgotten at once', async () => {
    const { streams } = await opened()
    const sse = await ask(from(s, Sentinel.start, Live.sse))
    expect(streams.readers(name)).toBe(1)
    sse.line.destroy()
    await settled()
    expect(streams.readers(name)).toBe(0)
  })

  test('a client that waits on a long-poll and leaves is forgotten at once', async () => {
    const { streams } = await opened()
    const incoming = new IncomingMessage(new Socket())
    const target = from(s, Sentinel.tail, Live.longPoll)
    incoming.url = target
    const outgoing = new ServerResponse(incoming)
    const answering = app.app.request(target, {}, { incoming, outgoing } as unknown as Record<
      string,
      unknown
    >)
    await settled()
    expect(streams.readers(name)).toBe(1)
    outgoing.emit('close')
    await settled()
    expect(streams.readers(name)).toBe(0)
    expect((await answering).status).toBe(204)
  })

  test.each([Live.sse, Live.longPoll])(
    'a client of %s that left before it was looked at holds nothing',
    async live => {
      await opened()
      for (const place of [Sentinel.start, Sentinel.tail]) await ask(from(s, place, live), true)
    },
  )

  test('[row 80] a client that stops reading is queued no more than its backlog, and is cut', async () => {
    const { post, world, streams } = await opened({ limits: { backlogBytes: 1_000, readBytes: 400 } })
    const slow = await ask(from(s, Sentinel.start, Live.sse))
    slow.line.stop()
    for (let at = 0; at < 100; at++) await post(`${at}.`.padEnd(300, '-'))
    expect(slow.outgoing.writableLength).toBeLessThan(1_000 + 2 * 500)
    expect(streams.readers(name)).toBe(1)
    await world.turn(30_000)
    expect([slow.outgoing.destroyed, streams.readers(name)]).toEqual([true, 0])
  })

  test('[row 80] a client that goes on in time gets everything, in order and once', async () => {
    const { post, world } = await opened({ limits: { backlogBytes: 1_000, readBytes: 400 } })
    const slow = await ask(from(s, Sentinel.start, Live.sse))
    slow.line.stop()
    const bodies = Array.from({ length: 30 }, (_, at) => `${at}.`.padEnd(300, '-'))
    for (const body of bodies) await post(body)
    await world.turn(10_000)
    slow.line.goOn()
    await world.turn(1_000)
    const data = [...slow.line.text.matchAll(/event: data\ndata:(.*)\n/g)].map(([, text]) => text)
    expect(data).toEqual(['abc', ...bodies])
    slow.line.destroy()
    await settled()
  })

  test('[row 80] a client that does not even take the end is cut', async () => {
    const { post, world, streams, limits } = await opened()
    const slow = await ask(from(s, Sentinel.start, Live.sse))
    slow.line.stop()
    await post('d')
    await post('e')
    await world.turn(limits.sseMs * 1.1)
    expect(slow.outgoing.writableEnded).toBe(true)
    await world.turn(limits.stallMs)
    expect([slow.outgoing.destroyed, streams.readers(name)]).toEqual([true, 0])
  })
})
