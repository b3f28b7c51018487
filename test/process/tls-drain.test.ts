import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { ContentType, Header, Live, Path, Query, Sentinel } from '../../protocol/index.ts'
import { makeCertificate } from '../certificate.ts'
import { Client } from '../http/http2-client.ts'
import { frame, Kind, RawSession } from '../http/http2-frames.ts'
import { folder, isStopping, type LogLine, type Served, serve } from './launch.ts'
import { request } from './raw.ts'

const patience = { timeout: 20_000, interval: 10 }
const ended = { code: 0, signal: null }
const body = 'of two halves'
const halves = [body.slice(0, 6), body.slice(6)] as const
const binary = { 'content-type': ContentType.binary }
const a = `${Path.streams}a`
const live = (mode: string, offset: string) => `${a}?${Query.live}=${mode}&${Query.offset}=${offset}`
let tls: readonly string[]

beforeAll(async () => {
  const [cert, key] = [join(await folder(), 'cert.pem'), join(await folder(), 'key.pem')]
  const made = await makeCertificate()
  await Promise.all([writeFile(cert, made.cert), writeFile(key, made.key)])
  tls = ['--tls-cert', cert, '--tls-key', key]
})

const start = (...args: readonly string[]): Promise<Served> => serve([...tls, ...args])

/** Signals, and resolves to how long the process took to end. */
const stop = async ({ program }: Served): Promise<number> => {
  program.signal('SIGTERM')
  const { time } = await program.logged(isStopping)
  expect(await program.ended).toEqual(ended)
  const last: LogLine | undefined = program.log.at(-1)
  expect(last?.msg).toBe('stopped')
  return Number(last?.['time']) - Number(time)
}

const stored = async ({ url }: Served): Promise<string> => {
  const client = await Client.open(url)
  const { text } = await client.ask(a).answer()
  await client.close()
  return text
}

describe('SIGTERM over HTTP/2', () => {
  test('lets appends in flight become durable and be answered, tells clients to go, releases live readers, and ends with 0', async () => {
    const data = await folder()
    const server = await start('--data', data, '--drain-ms', '20000')
    const client = await Client.open(server.url)
    const left = once(client.session, 'goaway')
    await client.ask(a, { method: 'PUT', headers: binary }).answer()
    await client.ask(a, { body: 'before' }).answer()
    const events = client.ask(live(Live.sse, Sentinel.start))
    await events.until(/event: control\ndata:.*\n\n/)
    const poll = client.ask(live(Live.longPoll, Sentinel.tail))
    const post = client.begin(a, { headers: { 'content-length': `${body.length}` } })
    post.stream.write(halves[0])
    await client.ask('/healthz').answer()

    server.program.signal('SIGTERM')
    await server.program.logged(isStopping)
    expect((await left)[0]).toBe(0)
    expect(await poll.answer()).toMatchObject({ status: 204 })
    expect(await events.over).toBe(0)
    expect(events.text).toContain(`data:${Buffer.from('before').toString('base64')}\n`)
    expect(events.text.endsWith('\n\n')).toBe(true)
    await vi.waitFor(() => expect(Client.open(server.url)).rejects.toThrow('ECONNREFUSED'), patience)

    post.stream.end(halves[1])
    const { status, headers } = await post.answer()
    expect([status, headers[Header.nextOffset.toLowerCase()]]).toEqual([204, expect.any(String)])
    expect(await server.program.ended).toEqual(ended)
    const again = await start('--data', data)
    expect(await stored(again)).toBe(`before${body}`)
    await stop(again)
  })

  test('waits for a body that never ends no longer than --drain-ms, and stores nothing of it', async () => {
    const data = await folder()
    const server = await start('--data', data, '--drain-ms', '700')
    const client = await Client.open(server.url)
    await client.ask(a, { method: 'PUT', headers: binary }).answer()
    const post = client.begin(a)
    post.stream.write(halves[0])
    await client.ask('/healthz').answer()
    const held = await stop(server)
    expect(held).toBeGreaterThanOrEqual(690)
    expect(held).toBeLessThan(3_000)
    await expect(post.head).rejects.toThrow('reset without an answer')
    const again = await start('--data', data)
    expect(await stored(again)).toBe('')
    await stop(again)
  })

  test('does not wait for connections on which nothing is under way, whatever they have got to', async () => {
    const server = await start('--store', 'memory', '--drain-ms', '20000')
    const { port } = new URL(server.url)
    const tcp = connectTcp(Number(port), '127.0.0.1')
    const shaking = connectTcp(Number(port), '127.0.0.1')
    const http1 = connectTls({ host: '127.0.0.1', port: Number(port), rejectUnauthorized: false })
    await Promise.all([once(tcp, 'connect'), once(shaking, 'connect'), once(http1, 'secureConnect')])
    for (const socket of [tcp, shaking, http1]) socket.on('error', () => undefined).resume()
    shaking.write(Buffer.from([0x16, 3, 1, 2, 0, 1]))
    const silent = await RawSession.connect(server.url)
    const idle = await Client.open(server.url)
    await idle.ask('/healthz').answer()
    const stubborn = await RawSession.open(server.url)
    stubborn.socket.allowHalfOpen = true
    await stubborn.roundTrip()
    expect(await stop(server)).toBeLessThan(5_000)
    await idle.closed
    silent.close()
    stubborn.close()
  })

  test('lets a slow reader have the whole answer that was under way', async () => {
    const server = await start('--store', 'memory', '--drain-ms', '20000')
    const client = await Client.open(server.url)
    const size = 8 << 20
    await client.ask(a, { method: 'PUT', headers: binary, body: Buffer.alloc(size, 97) }).answer()
    const slow = client.ask(a)
    await slow.until('a')
    slow.stream.pause()
    server.program.signal('SIGTERM')
    await server.program.logged(isStopping)
    slow.stream.resume()
    const { status, text } = await slow.answer()
    expect([status, text.length, slow.stream.rstCode]).toEqual([200, size, 0])
    expect(await server.program.ended).toEqual(ended)
  })

  test('resets nothing that a client begins after it was told: it is not answered, and may be sent elsewhere', async () => {
    const server = await start('--store', 'memory', '--drain-ms', '20000')
    const raw = await RawSession.open(server.url)
    raw.ask(1, 'PUT', a, binary, true)
    await raw.roundTrip()
    server.program.signal('SIGTERM')
    const goaway = await raw.until(({ kind }) => kind === Kind.goaway)
    expect(goaway.payload.readUInt32BE(0)).toBe(1)
    raw.ask(3, 'GET', '/healthz')
    await raw.roundTrip()
    raw.send(frame(Kind.data, 1, 1, Buffer.from('abc')))
    await vi.waitFor(() => expect(raw.isWhole(1)).toBe(true), patience)
    expect(raw.frames.filter(({ stream }) => stream === 3)).toEqual([])
    expect(await server.program.ended).toEqual(ended)
  })
})

test('SIGTERM lets a slow reader of HTTP/1.1 over TLS have the whole answer that was under way', async () => {
  const server = await start('--store', 'memory', '--drain-ms', '20000')
  const client = await Client.open(server.url)
  const size = 8 << 20
  await client.ask(a, { method: 'PUT', headers: binary, body: Buffer.alloc(size, 97) }).answer()
  await client.close()
  const slow: TLSSocket = connectTls({
    host: '127.0.0.1',
    port: Number(new URL(server.url).port),
    rejectUnauthorized: false,
  })
  let heard = 0
  slow.on('data', chunk => {
    heard += chunk.length
  })
  slow.write(request(`GET ${a}`))
  await vi.waitFor(() => expect(heard).toBeGreaterThan(0), patience)
  slow.pause()
  server.program.signal('SIGTERM')
  await server.program.logged(isStopping)
  slow.resume()
  await once(slow, 'end')
  expect(heard).toBeGreaterThan(size)
  expect(await server.program.ended).toEqual(ended)
})
