import { describe, expect, test } from 'vitest'
import {
  ContentType,
  DefaultAwareness,
  ErrorCode,
  Header,
  Live,
  Query,
  Sentinel,
} from '../../protocol/index.ts'
import { Events } from '../http/events.ts'
import { codeOf, document, nextOf, openApp, producer } from '../http/fixture.ts'
import { settled } from '../streams/world.ts'
import { d, framed, typing } from './fixture.ts'
import { aware, speak, withDocument } from './presence-fixture.ts'

const bytes = new Uint8Array([1, 2, 3])
const binary = { type: ContentType.binary }
const hour = 3_600_000
const live = (mode: string, offset: string = Sentinel.tail) => ({
  [Query.offset]: offset,
  [Query.live]: mode,
})

describe('An awareness stream', () => {
  test('relays to everybody who listens, at once, and is never on the disk', async () => {
    const { app, send, store } = await withDocument()
    const sse = await send('GET', aware(DefaultAwareness, live(Live.sse)))
    expect(sse.headers.get(Header.sseEncoding)).toBe('base64')
    const events = new Events(sse)
    const polling = send('GET', aware(DefaultAwareness, live(Live.longPoll)))
    await settled()
    const answer = await speak(app, bytes)
    expect([answer.status, nextOf(answer) > '']).toEqual([204, true])
    const polled = await polling
    expect(new Uint8Array(await polled.arrayBuffer())).toEqual(bytes)
    await settled()
    expect(new Uint8Array(events.bytes)).toEqual(bytes)
    expect(events.controls.at(-1)).toMatchObject({ nextOffset: nextOf(answer), cursor: expect.any(String) })
    await events.leave()
    expect(app.documents.presence.streams.readers('presence/svc/d@default')).toBe(0)
    expect(await store.list('', undefined, 10)).toEqual(['document/svc/d'])
  })

  test('from now brings nothing of what was', async () => {
    const { app, send } = await withDocument()
    await speak(app, bytes)
    const answer = await send('GET', aware(DefaultAwareness, { [Query.offset]: Sentinel.tail }))
    expect([answer.status, (await answer.arrayBuffer()).byteLength]).toEqual([200, 0])
  })

  test('is kept by no cache, whatever of it is asked for and however', async () => {
    const { app, send } = await withDocument()
    const first = nextOf(await speak(app, bytes))
    await speak(app, bytes)
    for (const offset of [Sentinel.start, Sentinel.tail, Sentinel.snapshot, first]) {
      const answer = await send('GET', aware(DefaultAwareness, { [Query.offset]: offset }))
      expect([answer.status, answer.headers.get('Cache-Control')]).toEqual([200, 'no-store'])
    }
    for (const offset of [Sentinel.start, first]) {
      const answer = await send('GET', aware(DefaultAwareness, live(Live.longPoll, offset)))
      expect([answer.status, answer.headers.get('Cache-Control')]).toEqual([200, 'no-store'])
    }
  })

  test('asked for as whatever the server picks is an event stream', async () => {
    const { send } = await withDocument()
    const answer = await send('GET', aware(DefaultAwareness, live(Live.serverPicks)))
    expect(answer.headers.get('Content-Type')).toBe(ContentType.eventStream)
    await new Events(answer).leave()
  })

  test('is its document’s and its name’s alone', async () => {
    const { app, send } = await withDocument()
    await send('PUT', document('d2'))
    await speak(app, bytes)
    await speak(app, new Uint8Array([9]), 'other')
    for (const [target, content] of [
      [aware(), [1, 2, 3]],
      [aware('other'), [9]],
      [aware(DefaultAwareness, {}, document('d2')), []],
    ] as const) {
      expect([...new Uint8Array(await (await send('GET', target)).arrayBuffer())]).toEqual(content)
    }
  })

  test('is created by PUT, once, and described by HEAD', async () => {
    const { send } = await withDocument()
    const first = await send('PUT', aware('admin'))
    expect([first.status, first.headers.get('Content-Type')]).toEqual([201, ContentType.binary])
    expect((await send('PUT', aware('admin'))).status).toBe(200)
    const head = await send('HEAD', aware('admin'))
    expect([head.status, head.headers.get(Header.ttl)]).toEqual([200, '3600'])
    expect((await send('DELETE', aware('admin'))).status).toBe(204)
    expect((await send('HEAD', aware('admin'))).status).toBe(404)
  })

  test('takes a POST without a content type, but neither another one nor nothing nor too much', async () => {
    const { app, send } = await withDocument({ limits: { awarenessBodyBytes: 3 } })
    expect((await send('POST', aware(), { body: bytes })).status).toBe(204)
    expect((await send('POST', aware(), { type: 'text/plain', body: 'x' })).status).toBe(409)
    expect((await speak(app, '')).status).toBe(400)
    expect((await speak(app, 'four')).status).toBe(413)
  })

  test('is nobody’s to count batches of: what a producer sends is relayed whenever it comes, and 204', async () => {
    const { send } = await withDocument()
    for (const seq of [0, 0, 7]) {
      const answer = await send('POST', aware(), { ...binary, body: `${seq}`, headers: producer(0, seq) })
      expect([answer.status, answer.headers.has(Header.producerSeq)]).toEqual([204, false])
    }
    expect(await (await send('GET', aware())).text()).toBe('007')
  })

  test('takes no method it does not know', async () => {
    const { send } = await withDocument()
    expect((await send('PATCH', aware())).status).toBe(405)
  })

  test.each([
    ['three bytes', bytes],
    ['one byte', new Uint8Array([0])],
    ['a frame cut short', new Uint8Array([200, 1, 2])],
    ['a document update', framed(...typing(1))],
    ['text', new TextEncoder().encode('{"not": "awareness"}')],
    ['a frame of nonsense', framed(new Uint8Array(40).fill(255))],
  ])('[row 65] takes %s and passes them on as they are', async (_what, body) => {
    const { app, send } = await withDocument()
    expect((await speak(app, body)).status).toBe(204)
    const answer = await send('GET', aware())
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(body)
  })

  test('[row 66] of a document that is missing or deleted is 404, and neither is made by it', async () => {
    const { app, send, documents } = await withDocument()
    await speak(app, bytes)
    await send('DELETE', d)
    for (const target of [aware(), aware('other'), aware(DefaultAwareness, {}, document('never'))]) {
      for (const method of ['PUT', 'POST', 'GET']) {
        const answer = await send(method, target, method === 'POST' ? { ...binary, body: bytes } : {})
        expect([answer.status, await codeOf(answer)]).toEqual([404, ErrorCode.documentNotFound])
      }
      expect((await send('GET', aware(DefaultAwareness, { [Query.offset]: Sentinel.snapshot }))).status).toBe(
        404,
      )
    }
    expect((await send('HEAD', d)).status).toBe(404)
    expect(await documents.presence.streams.list('', undefined, 10)).toEqual([])
  })

  test.each([
    ['that expired', DefaultAwareness],
    ['nobody made', 'fresh'],
  ])('[row 67] %s is made by a POST, also by two at once', async (_what, awareness) => {
    const { app, send, world } = await withDocument()
    world.time += hour
    const answers = await Promise.all([1, 2, 3].map(byte => speak(app, new Uint8Array([byte]), awareness)))
    expect(answers.map(({ status }) => status)).toEqual([204, 204, 204])
    const answer = await send('GET', aware(awareness))
    expect([...new Uint8Array(await answer.arrayBuffer())].toSorted()).toEqual([1, 2, 3])
  })

  test('[row 68] that nobody made, or that expired, is 404 to who reads or deletes it', async () => {
    const { send, world } = await withDocument()
    await send('PUT', aware('made'))
    for (const method of ['GET', 'DELETE'] as const) {
      const answer = await send(method, aware('unknown'))
      expect([answer.status, await codeOf(answer)]).toEqual([404, ErrorCode.streamNotFound])
    }
    for (const mode of [Live.sse, Live.longPoll]) {
      expect((await send('GET', aware('unknown', live(mode)))).status).toBe(404)
    }
    world.time += hour
    expect((await send('GET', aware('made'))).status).toBe(404)
  })

  test('[row 68] of every document is there to who reads it, also after a restart or an hour, and none other', async () => {
    const { app, send, store, world } = await withDocument()
    world.time += hour
    expect((await send('DELETE', aware())).status).toBe(404)
    expect((await send('GET', aware())).status).toBe(200)
    const restarted = openApp({ store, world })
    for (const offset of [Sentinel.tail, Sentinel.start]) {
      expect((await restarted.send('GET', aware(DefaultAwareness, { [Query.offset]: offset }))).status).toBe(
        200,
      )
    }
    expect((await restarted.send('GET', aware('other'))).status).toBe(404)
    await app.send('DELETE', d)
    expect((await openApp({ store, world }).send('GET', aware())).status).toBe(404)
  })

  test('lives an hour past its last use, reading and waiting included', async () => {
    const { app, send, world } = await withDocument()
    for (const use of [
      () => speak(app, bytes),
      () => send('GET', aware(DefaultAwareness, { [Query.offset]: Sentinel.tail })),
      async () => new Events(await send('GET', aware(DefaultAwareness, live(Live.sse)))).leave(),
      () => send('GET', aware(DefaultAwareness, { [Query.offset]: Sentinel.snapshot })),
    ]) {
      world.time += hour - 1
      await use()
      await settled()
    }
    world.time += hour - 1
    expect((await send('HEAD', aware())).status).toBe(200)
    world.time += 60_001
    expect((await send('HEAD', aware())).status).toBe(404)
  })

  test.each([
    '',
    'a'.repeat(65),
    'a/b',
    'a.b',
    '.',
    '..',
    '.hidden',
    'a%',
    '%2e%2e',
    '%252e',
    'a\0',
    'a\n',
    'é',
    'a b',
    '@',
  ])('[row 69] named %j is 400, and nothing is made', async awareness => {
    const { send, documents } = await withDocument()
    for (const method of ['PUT', 'POST', 'GET', 'HEAD', 'DELETE']) {
      const answer = await send(method, aware(awareness), method === 'POST' ? { ...binary, body: bytes } : {})
      expect(answer.status).toBe(400)
      if (method !== 'HEAD') expect(await codeOf(answer)).toBe(ErrorCode.invalidRequest)
    }
    expect(await documents.presence.streams.list('', undefined, 10)).toEqual(['presence/svc/d@default'])
  })

  test('may have any name of 1 to 64 plain characters', async () => {
    const { send } = await withDocument()
    for (const awareness of ['a', 'A_b-9', 'a'.repeat(64)]) {
      expect((await send('PUT', aware(awareness))).status).toBe(201)
    }
  })

  test('is one of sixteen that a document may have, however they come to be', async () => {
    const { app, send } = await withDocument()
    for (let at = 1; at < 16; at++) expect((await speak(app, bytes, `n${at}`)).status).toBe(204)
    for (const answer of [
      await send('PUT', aware('one-more')),
      await speak(app, bytes, 'one-more'),
      await send('GET', aware('one-more', { [Query.offset]: Sentinel.snapshot })),
    ]) {
      expect([answer.status, await codeOf(answer)]).toEqual([409, ErrorCode.configMismatch])
    }
    expect((await speak(app, bytes, 'n1')).status).toBe(204)
    await send('DELETE', aware('n1'))
    expect((await speak(app, bytes, 'one-more')).status).toBe(204)
  })

  test('of a document with a name like another’s does not count for it', async () => {
    const { app, send } = await withDocument({ limits: { awarenessPerDocument: 2 } })
    for (const path of ['d2', 'd/e']) {
      await send('PUT', document(path))
      await send('PUT', aware('x', {}, document(path)))
    }
    expect((await speak(app, bytes, 'x')).status).toBe(204)
  })

  test('all go with their document, however many races made', async () => {
    const { app, send, documents } = await withDocument({ limits: { awarenessPerDocument: 2 } })
    await Promise.all(['a', 'b', 'c', 'd', 'e'].map(awareness => speak(app, bytes, awareness)))
    await send('DELETE', d)
    expect(await documents.presence.streams.list('', undefined, 20)).toEqual([])
  })

  test('of one document made again knows nothing of the one before', async () => {
    const { app, send } = await withDocument()
    const old = nextOf(await speak(app, bytes))
    await send('DELETE', d)
    await send('PUT', d)
    expect((await (await send('GET', aware())).arrayBuffer()).byteLength).toBe(0)
    expect((await send('GET', aware(DefaultAwareness, { [Query.offset]: old }))).status).toBe(410)
  })

  test('after a restart is a new one, and offsets of the old one have expired', async () => {
    const before = await withDocument()
    const old = nextOf(await speak(before.app, bytes))
    before.world.time += 1_000
    const restarted = openApp({ store: before.store, world: before.world })
    expect((await speak(restarted, bytes)).status).toBe(204)
    const answer = await restarted.send('GET', aware(DefaultAwareness, { [Query.offset]: old }))
    expect([answer.status, await codeOf(answer)]).toEqual([410, ErrorCode.offsetExpired])
  })
})
