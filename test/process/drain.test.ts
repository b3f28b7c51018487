import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { DurableStream } from '../../client/index.ts'
import {
  ContentType,
  Control,
  ErrorCode,
  encodeFrames,
  Header,
  Live,
  Path,
  Present,
  Query,
  Sentinel,
} from '../../protocol/index.ts'
import { folder, isStopping, type Served, serve } from './launch.ts'
import { answerOf, openPost, RawConnection, request } from './raw.ts'

const streamAt = ({ url }: Served, name: string): DurableStream =>
  new DurableStream({ url: `${url}${Path.streams}${name}`, contentType: ContentType.binary })

const read = async (stream: DurableStream): Promise<string> =>
  new TextDecoder().decode((await stream.read()).bytes)

/** Whatever was sent before has been taken in when this resolves: the server answers in turn. */
const roundTrips = async ({ url }: Served): Promise<void> => {
  for (let times = 0; times < 3; times++) await (await fetch(`${url}/healthz`)).text()
}

/** Resolves when nobody can connect any more. Who was in line when the door closed is reset, once. */
const refused = async ({ url }: Served): Promise<void> => {
  for (;;) {
    const connection = await RawConnection.open(url).catch((error: NodeJS.ErrnoException) => error)
    if (connection instanceof RawConnection) connection.close()
    else if (connection.code === 'ECONNREFUSED') return
    else expect(connection.code).toBe('ECONNRESET')
  }
}

const ended = { code: 0, signal: null }
const body = 'of two halves'
const halves = [body.slice(0, 6), body.slice(6)] as const
const binary = { 'Content-Type': ContentType.binary, 'Content-Length': body.length }

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} lets appends in flight become durable and be answered, releases live readers, and ends with 0`, async () => {
    const data = await folder()
    const server = await serve(['--data', data, '--drain-ms', '20000'])
    const { program, url } = server
    const names = ['a', 'b', 'c', 'd']
    for (const name of names) await streamAt(server, name).create()
    await streamAt(server, 'a').append('before')
    const document = `${Path.yjs}s/${Path.documents}/d`
    await fetch(`${url}${document}`, { method: 'PUT' })

    const path = `${Path.streams}a?${Query.live}`
    const events = await RawConnection.open(url)
    events.send(request(`GET ${path}=${Live.sse}&${Query.offset}=${Sentinel.start}`))
    await events.until(/event: control\ndata:.*\n\n/)
    const poll = await RawConnection.open(url)
    poll.send(request(`GET ${path}=${Live.longPoll}&${Query.offset}=${Sentinel.tail}`))
    const posts = await Promise.all(names.map(name => openPost(url, `${Path.streams}${name}`, binary)))
    for (const post of posts) post.send(halves[0])
    const edits = new Y.Doc()
    edits.getText('body').insert(0, 'typed while it stopped')
    const frames = encodeFrames([Y.encodeStateAsUpdate(edits)])
    const edit = await openPost(url, document, { ...binary, 'Content-Length': frames.length })
    const late = await Promise.all(
      [`POST ${Path.streams}a`, `GET ${document}`, 'GET /readyz', 'GET /healthz'].map(async line => {
        const connection = await RawConnection.open(url)
        connection.send(request(line, { 'Content-Length': 0 }).slice(0, -2))
        return connection
      }),
    )
    await roundTrips(server)

    program.signal(signal)
    await program.logged(isStopping)
    const waited = answerOf(await poll.until(/\r\n\r\n/))
    expect(waited.status).toBe(204)
    expect(waited.head).toContain(`${Header.upToDate}: ${Present}`.toLowerCase())
    const heard = await events.untilEnd()
    expect(heard.end).toBe('ended')
    expect(eventsOf(heard.text)).toEqual({ data: ['before'], next: expect.stringMatching(/^\d+_0*6$/) })

    await refused(server)
    for (const connection of late) connection.send('\r\n')
    const [append, join, ready, health] = await Promise.all(
      late.map(async connection => answerOf((await connection.untilEnd()).text)),
    )
    for (const answer of [append, join]) {
      expect(answer?.status).toBe(503)
      expect(answer?.head).toContain('retry-after: 1')
      expect(JSON.parse(answer?.body ?? '')).toMatchObject({ error: { code: ErrorCode.shuttingDown } })
    }
    expect(ready).toMatchObject({ status: 503, body: 'draining\n' })
    expect(health).toMatchObject({ status: 200, body: 'alive\n' })

    for (const post of posts) post.send(halves[1])
    edit.send(frames)
    for (const post of [...posts, edit]) {
      const answer = answerOf((await post.untilEnd()).text)
      expect(answer.status).toBe(204)
      expect(answer.head).toContain(`${Header.nextOffset}: `.toLowerCase())
    }
    expect(await program.ended).toEqual(ended)
    expect(program.log.at(-1)?.msg).toBe('stopped')

    const again = await serve(['--data', data])
    const stored = await Promise.all(names.map(name => read(streamAt(again, name))))
    expect(stored).toEqual([`before${body}`, body, body, body])
    const { bytes } = await new DurableStream({ url: `${again.url}${document}` }).read()
    expect(Buffer.from(bytes)).toEqual(Buffer.from(frames))
  })
}

/** @throws Error unless the answer is whole, and whole events */
const eventsOf = (text: string): { data: string[]; next: unknown } => {
  expect(text.endsWith('\r\n0\r\n\r\n')).toBe(true)
  const { body: chunked } = answerOf(text)
  const stream = chunked
    .split('\r\n')
    .filter((_, index) => index % 2 === 1)
    .join('')
  expect(stream.endsWith('\n\n')).toBe(true)
  const events = stream
    .slice(0, -2)
    .split('\n\n')
    .map(event => /^event: (\w+)\ndata:(.*)$/.exec(event) ?? [])
  const of = (kind: string) => events.filter(event => event[1] === kind).map(event => event[2] ?? '')
  const controls = of('control').map(json => JSON.parse(json) as Record<string, unknown>)
  return {
    data: of('data').map(text => Buffer.from(text, 'base64').toString()),
    next: controls.at(-1)?.[Control.nextOffset],
  }
}

test('a body that never ends holds the exit no longer than --drain-ms, and nothing of it is stored', async () => {
  const data = await folder()
  const server = await serve(['--data', data, '--drain-ms', '700'])
  await streamAt(server, 'a').create()
  const post = await openPost(server.url, `${Path.streams}a`, binary)
  post.send(halves[0])
  server.program.signal('SIGTERM')
  const { time } = await server.program.logged(isStopping)
  expect(await server.program.ended).toEqual(ended)
  const held = Number(server.program.log.at(-1)?.['time']) - Number(time)
  expect(held).toBeGreaterThanOrEqual(690)
  expect(held).toBeLessThan(3_000)
  expect((await post.untilEnd()).text).not.toContain(' 204 ')
  expect(await read(streamAt(await serve(['--data', data]), 'a'))).toBe('')
})

test('a connection that never asked for anything does not hold the exit', async () => {
  const server = await serve(['--store', 'memory', '--drain-ms', '20000'])
  const silent = await RawConnection.open(server.url)
  await roundTrips(server)
  server.program.signal('SIGTERM')
  const { time } = await server.program.logged(isStopping)
  expect(await server.program.ended).toEqual(ended)
  expect(Number(server.program.log.at(-1)?.['time']) - Number(time)).toBeLessThan(3_000)
  silent.close()
})

test('further signals while it stops do no harm', async () => {
  const server = await serve(['--store', 'memory', '--drain-ms', '20000'])
  await streamAt(server, 'a').create()
  const post = await openPost(server.url, `${Path.streams}a`, binary)
  server.program.signal('SIGTERM')
  await server.program.logged(isStopping)
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGINT', 'SIGTERM'] as const) server.program.signal(signal)
  post.send(body)
  expect(answerOf((await post.untilEnd()).text).status).toBe(204)
  expect(await server.program.ended).toEqual(ended)
  expect(server.program.log.filter(isStopping)).toHaveLength(1)
})

test('a slow reader gets the whole answer that was under way', async () => {
  const server = await serve(['--store', 'memory', '--drain-ms', '20000'])
  const size = 8 << 20
  await streamAt(server, 'a').create({ body: new Uint8Array(size).fill(97) })
  const slow = await RawConnection.open(server.url)
  slow.send(request(`GET ${Path.streams}a`))
  await slow.until(/\r\n\r\na/)
  slow.pause()
  server.program.signal('SIGTERM')
  await server.program.logged(isStopping)
  await refused(server)
  slow.resume()
  const { text, end } = await slow.untilEnd()
  expect(end).toBe('ended')
  expect(answerOf(text).body).toHaveLength(size)
  expect(await server.program.ended).toEqual(ended)
})

test('a server whose log nobody reads any more stops like any other', async () => {
  const server = await serve(['--store', 'memory'])
  await server.program.stopListening()
  server.program.signal('SIGTERM')
  expect(await server.program.ended).toEqual(ended)
})

test('documents that wait for compaction hold the exit no longer than --drain-ms', async () => {
  const data = await folder()
  const limits = ['--drain-ms', '300', '--frames-per-post', '20000', '--compact-bytes', '100000']
  const server = await serve(['--data', data, ...limits])
  const frames = encodeFrames(manyUpdates(20_000))
  const documents = ({ url }: Served) =>
    Array.from(
      { length: 24 },
      (_, index) => new DurableStream({ url: `${url}${Path.yjs}s/${Path.documents}/d${index}` }),
    )
  for (const document of documents(server)) await document.create()
  await Promise.all(documents(server).map(document => document.append(frames)))
  server.program.signal('SIGTERM')
  const { time } = await server.program.logged(isStopping)
  expect(await server.program.ended).toEqual(ended)
  expect(Number(server.program.log.at(-1)?.['time']) - Number(time)).toBeLessThan(1_800)
  expect(server.program.log.filter(({ msg }) => msg === 'compacted').length).toBeLessThan(24)
  expect(server.program.log.filter(({ level }) => level >= 40)).toEqual([])

  const again = await serve(['--data', data])
  for (const document of documents(again)) {
    const { bytes } = await document.read()
    expect(Buffer.from(bytes).equals(frames)).toBe(true)
  }
})

const manyUpdates = (count: number): readonly Uint8Array[] => {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  for (let index = 0; index < count; index++) doc.getText('body').insert(index % 7, 'some words ')
  return updates
}
