import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import {
  ContentType,
  DefaultAwareness,
  decodeFrames,
  ErrorCode,
  Header,
  Live,
  Path,
  Query,
  Sentinel,
} from '../../protocol/index.ts'
import { Events } from '../http/events.ts'
import { at, closing, codeOf, document, from, nextOf, openApp, producer } from '../http/fixture.ts'
import { settled } from '../streams/world.ts'
import { binary, d, docOf, framed, joined, post, typing } from './fixture.ts'

const created = async (opening: Parameters<typeof openApp>[0] = {}) => {
  const app = openApp(opening)
  expect((await app.send('PUT', d)).status).toBe(201)
  return app
}

describe('A document', () => {
  test('is created empty, or with its first updates, and its default presence with it', async () => {
    const { send } = await created()
    const head = await send('HEAD', d)
    expect(head.headers.get('Content-Type')).toBe(ContentType.binary)
    expect((await send('PUT', d)).status).toBe(200)
    expect((await send('HEAD', at(d, { [Query.awareness]: DefaultAwareness }))).status).toBe(200)
    const updates = typing(2)
    expect((await send('PUT', document('with'), { ...binary, body: framed(...updates) })).status).toBe(201)
    const answer = await send('GET', document('with'))
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(framed(...updates))
  })

  test('is binary and nothing else', async () => {
    const { send } = openApp()
    expect((await send('PUT', d, { type: 'text/plain' })).status).toBe(400)
    expect((await send('HEAD', d)).status).toBe(404)
    expect((await send('PUT', d, { type: 'Application/Octet-Stream' })).status).toBe(201)
  })

  test('gives back exactly the frames it got, in their order', async () => {
    const app = await created()
    const updates = typing(5)
    await post(app, ...updates.slice(0, 2))
    await post(app, ...updates.slice(2))
    const answer = await app.send('GET', from(d, Sentinel.start))
    expect(decodeFrames(new Uint8Array(await answer.arrayBuffer()))).toEqual(updates)
    expect((await joined(app)).doc.getText('text').toString()).toBe(
      docOf(...updates)
        .getText('text')
        .toString(),
    )
  })

  test('reaches its live readers as base64', async () => {
    const app = await created()
    const [first, second] = typing(2)
    if (!first || !second) throw new Error('there are two')
    await post(app, first)
    const answer = await app.send('GET', from(d, Sentinel.start, Live.sse))
    expect(answer.headers.get(Header.sseEncoding)).toBe('base64')
    const events = new Events(answer)
    await settled()
    await post(app, second)
    expect(new Uint8Array(events.bytes)).toEqual(framed(first, second))
    await events.leave()
    expect(app.streams.readers('document/svc/d')).toBe(0)
  })

  test('takes each batch of a producer once', async () => {
    const app = await created()
    const body = framed(...typing(1))
    const asked = { ...binary, body, headers: producer(0, 0) }
    expect((await app.send('POST', d, asked)).status).toBe(200)
    expect((await app.send('POST', d, asked)).status).toBe(204)
    expect((await (await app.send('GET', d)).arrayBuffer()).byteLength).toBe(body.length)
  })

  test('may be closed', async () => {
    const app = await created()
    expect((await app.send('POST', d, { headers: closing })).status).toBe(204)
    const refused = await app.send('POST', d, { ...binary, body: framed(...typing(1)) })
    expect([refused.status, refused.headers.get(Header.closed)]).toEqual([409, 'true'])
  })

  test('is not closed by a producer that closes itself, with or without a last update', async () => {
    const app = await created()
    const headers = { ...producer(0, 0), ...closing }
    const alone = await app.send('POST', d, { headers })
    expect([alone.status, await codeOf(alone)]).toEqual([400, ErrorCode.invalidRequest])
    const last = await app.send('POST', d, { ...binary, headers, body: framed(...typing(1)) })
    expect([last.status, last.headers.get(Header.closed)]).toEqual([200, null])
    expect((await app.send('HEAD', d)).headers.get(Header.closed)).toBeNull()
  })

  test('goes with its snapshots and all its presence', async () => {
    const app = await created({ compactBytes: 1 })
    await post(app, ...typing(3))
    await app.send('POST', at(d, { [Query.awareness]: 'other' }), { ...binary, body: 'x' })
    await app.compactor.settled()
    expect(await app.store.list('snapshot/', undefined, 10)).toHaveLength(1)
    expect((await app.send('DELETE', d)).status).toBe(204)
    expect(await app.store.list('', undefined, 10)).toEqual([])
    expect(await app.documents.presence.streams.list('', undefined, 10)).toEqual([])
    expect((await app.send('DELETE', d)).status).toBe(404)
    await app.world.turn(60_000)
    expect(await app.store.list('', undefined, 10)).toEqual([])
  })

  test('whose time is over goes with its snapshots and its presence, asked for or not', async () => {
    for (const touched of [true, false]) {
      const app = openApp({ compactBytes: 1 })
      await app.send('PUT', d, { headers: { [Header.ttl]: '60' } })
      await post(app, ...typing(3))
      await app.compactor.settled()
      expect(await app.store.list('snapshot/', undefined, 10)).toHaveLength(1)
      await app.world.turn(120_000)
      if (touched) expect((await app.send('GET', d)).status).toBe(404)
      else await app.streams.sweep(10)
      await settled()
      expect(await app.store.list('', undefined, 10)).toEqual([])
      expect(await app.documents.presence.streams.list('', undefined, 10)).toEqual([])
    }
  })

  test('whose neighbours have names like its own leaves them alone when it goes', async () => {
    const app = await created({ compactBytes: 1 })
    const neighbours = ['d2', 'd/e', 'D', 'd_1', '0'].map(document)
    for (const target of neighbours) {
      await app.send('PUT', target)
      await app.send('POST', target, { ...binary, body: framed(...typing(2)) })
    }
    await app.compactor.settled()
    await app.send('DELETE', d)
    for (const target of neighbours) {
      expect((await joined(app, target)).from).toBeDefined()
      expect((await app.send('HEAD', at(target, { [Query.awareness]: DefaultAwareness }))).status).toBe(200)
    }
  })

  test.each([
    ['GET', d],
    ['HEAD', d],
    ['POST', d],
    ['DELETE', d],
    ['GET', from(d, Sentinel.snapshot)],
    ['GET', from(d, Sentinel.tail, Live.sse)],
    ['GET', from(d, Sentinel.tail, Live.longPoll)],
    ['GET', from(d, '0000000000000001_0000000000000001_snapshot')],
    ['GET', at(d, { [Query.awareness]: DefaultAwareness })],
  ])('[row 1] unknown is 404 to %s %s', async (method, target) => {
    const { send } = openApp()
    const answer = await send(
      method,
      target,
      method === 'POST' ? { ...binary, body: framed(...typing(1)) } : {},
    )
    expect(answer.status).toBe(404)
    if (method !== 'HEAD') expect(await codeOf(answer)).toBe(ErrorCode.documentNotFound)
  })

  test('[row 4] gets another content type than its own as 409', async () => {
    const { send } = await created()
    const answer = await send('POST', d, { type: 'text/plain', body: framed(...typing(1)) })
    expect([answer.status, await codeOf(answer)]).toEqual([409, ErrorCode.contentTypeMismatch])
    expect((await send('POST', d, { body: framed(...typing(1)) })).status).toBe(400)
    expect((await send('POST', d, binary)).status).toBe(400)
  })

  test('[row 83] deleted and made again is another: no old byte, offset, tag or snapshot of it is left', async () => {
    const app = await created({ compactBytes: 1 })
    const appended = await post(app, ...typing(2))
    await app.compactor.settled()
    const before = await app.send('GET', d)
    const snapshot = (await joined(app)).from ?? ''
    await app.send('DELETE', d)
    expect((await app.send('PUT', d)).status).toBe(201)
    const fresh = await app.send('GET', d, { headers: { 'If-None-Match': before.headers.get('ETag') ?? '' } })
    expect([fresh.status, (await fresh.arrayBuffer()).byteLength]).toEqual([200, 0])
    const old = await app.send('GET', from(d, nextOf(appended)))
    expect([old.status, await codeOf(old)]).toEqual([410, ErrorCode.offsetExpired])
    const oldSnapshot = await app.send('GET', from(d, snapshot))
    expect([oldSnapshot.status, await codeOf(oldSnapshot)]).toEqual([404, ErrorCode.snapshotNotFound])
    expect((await joined(app)).from).toBeUndefined()
  })
})

describe('A document POST', () => {
  const update = typing(1)[0] ?? new Uint8Array()
  const v2 = Y.encodeStateAsUpdateV2(docOf(update))

  const refuses = async (body: Uint8Array) => {
    const app = await created()
    const answer = await app.send('POST', d, { ...binary, body })
    const { error } = (await answer.clone().json()) as { error: Record<string, unknown> }
    expect((await (await app.send('GET', d)).arrayBuffer()).byteLength).toBe(0)
    const put = await app.send('PUT', document('new'), { ...binary, body })
    expect([put.status, await codeOf(put)]).toEqual([answer.status, error['code']])
    expect((await app.send('HEAD', document('new'))).status).toBe(404)
    return { status: answer.status, code: error['code'], frame: error['frame'] }
  }

  test.each([
    ['bytes without frames', new Uint8Array([200, 1, 2, 3])],
    ['a frame cut short', framed(update).subarray(0, -1)],
    ['a whole frame and half of another', new Uint8Array([...framed(update), 5, 1])],
    ['a length that never ends', new Uint8Array(20).fill(255)],
    ['a length beyond all bytes', new Uint8Array([255, 255, 255, 255, 15, 0])],
  ])('[row 62] of %s is 400 and stores nothing', async (_what, body) => {
    expect(await refuses(body)).toMatchObject({ status: 400, code: ErrorCode.invalidRequest })
  })

  test.each([
    ['alone', new Uint8Array([0])],
    ['among others', framed(update, new Uint8Array(), update)],
  ])('[row 63] of an empty frame, %s, is 400 and stores nothing', async (_what, body) => {
    expect(await refuses(body)).toMatchObject({ status: 400, code: ErrorCode.invalidRequest })
  })

  test.each([
    ['cut short', update.subarray(0, -1), 0],
    ['with bytes behind', new Uint8Array([...update, 0]), 0],
    ['in the V2 encoding', v2, 0],
    ['of nonsense', new Uint8Array([1, 2, 3]), 0],
    ['with a client count no body could hold', new Uint8Array([255, 255, 255, 255, 15, 0]), 0],
    [
      'with a delete range above the cap',
      new Uint8Array([0, 1, 1, 1, 0, 255, 255, 255, 255, 255, 255, 255, 31]),
      0,
    ],
  ])('[row 64] of an update %s is 400 and names the frame', async (_what, bad, frame) => {
    expect(await refuses(framed(bad))).toEqual({ status: 400, code: ErrorCode.malformedUpdate, frame })
  })

  test('[row 64] of good updates and one that is not stores none of them, and names the one', async () => {
    const updates = typing(4)
    const mixed = framed(...updates.slice(0, 3), new Uint8Array([1, 2, 3]), ...updates.slice(3))
    expect(await refuses(mixed)).toEqual({ status: 400, code: ErrorCode.malformedUpdate, frame: 3 })
  })

  test('[row 64] of merged updates, of states, and of what is there already is taken', async () => {
    const app = await created()
    const updates = typing(6)
    const state = Y.encodeStateAsUpdate(docOf(...updates))
    await post(
      app,
      Y.mergeUpdates(updates.slice(0, 3)),
      state,
      Y.encodeStateAsUpdate(new Y.Doc()),
      ...updates,
    )
    expect((await joined(app)).doc.getText('text').length).toBe(60)
  })

  test('holds as many frames as the limit and no more', async () => {
    const app = await created({ limits: { framesPerPost: 3 } })
    const updates = typing(4)
    expect((await app.send('POST', d, { ...binary, body: framed(...updates) })).status).toBe(400)
    expect((await app.send('POST', d, { ...binary, body: framed(...updates.slice(0, 3)) })).status).toBe(204)
  })
})

describe('A document path', () => {
  const put = (path: string, raw = false) => {
    const target = `${Path.yjs}svc/${Path.documents}/${path}`
    return openApp().send('PUT', raw ? d : target, raw ? { raw: target } : {})
  }

  test.each(['a', 'a/b/c', 'A_b-9', 'a'.repeat(128), `${'a'.repeat(127)}/${'b'.repeat(128)}`])(
    '%s is fine',
    async path => {
      expect((await put(path)).status).toBe(201)
    },
  )

  test.each([
    '.',
    '..',
    'a/../b',
    'a/./b',
    '%2e%2e',
    'a/%2E/b',
    '%252e',
    '%252e%252e/b',
    '..%2f',
    'a%2fb',
    'a%5cb',
    '%zz',
    '%',
    '%00',
    'a%00',
    '%0a',
    '%c3%a9',
    'é',
    'a b',
    'a.b',
    'a@b',
    'a~b',
    'a'.repeat(129),
    `${'a'.repeat(128)}/${'b'.repeat(128)}`,
  ])('[row 70] %s is 400', async path => {
    const answer = await put(path, true)
    expect([answer.status, await codeOf(answer)]).toEqual([400, ErrorCode.invalidRequest])
  })

  test.each([
    `${Path.yjs}svc`,
    `${Path.yjs}svc/${Path.documents}`,
    `${Path.yjs}svc/${Path.documents}/`,
    `${Path.yjs}svc/other/d`,
    `${Path.yjs}a.b/${Path.documents}/d`,
    `${Path.yjs}${'a'.repeat(129)}/${Path.documents}/d`,
  ])('[row 70] that is none, %s, is 400', async target => {
    expect((await openApp().send('PUT', target)).status).toBe(400)
  })

  test('[row 71] with runs of slashes is the path without', async () => {
    const app = openApp()
    expect((await app.send('PUT', `${Path.yjs}/svc//${Path.documents}///a//b/`)).status).toBe(201)
    expect((await app.send('HEAD', document('a/b'))).status).toBe(200)
  })

  test('of one service is no path of another', async () => {
    const app = await created()
    expect((await app.send('HEAD', `${Path.yjs}other/${Path.documents}/d`)).status).toBe(404)
  })
})
