import { afterEach, describe, expect, test } from 'vitest'
import { ContentType, Header, Live, Query, Sentinel } from '../../protocol/index.ts'
import { openMemoryStore } from '../../server/store/memory.ts'
import { gate } from '../streams/gates.ts'
import { settled } from '../streams/world.ts'
import { Events } from './events.ts'
import { type App, at, closing, from, nextOf, openApp, stream } from './fixture.ts'

const s = stream('s')
let app: App

const opened = async (type = 'text/plain', content = '', opening: Parameters<typeof openApp>[0] = {}) => {
  app = openApp(opening)
  await app.send('PUT', s, { type, body: content })
  const follow = async (place: string = Sentinel.start, asked = {}) => {
    const response = await app.send('GET', from(s, place, Live.sse), asked)
    expect(response.status).toBe(200)
    const events = new Events(response)
    await settled()
    return events
  }
  const post = async (body: string | Uint8Array, headers = {}) => {
    const answer = await app.send('POST', s, { type, body, headers })
    await settled()
    return answer
  }
  return { ...app, follow, post }
}

afterEach(() => {
  expect(app.streams.readers('stream/s')).toBe(0)
  expect(app.world.timers).toBe(0)
})

describe('An SSE answer', () => {
  test('is an event stream that no proxy holds back', async () => {
    await opened('text/plain', 'abc')
    const response = await app.send('GET', from(s, Sentinel.start, Live.sse))
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': ContentType.eventStream,
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no',
    })
    expect(response.headers.get(Header.sseEncoding)).toBeNull()
    expect(response.headers.get('Content-Length')).toBeNull()
    await new Events(response).leave()
  })

  test('brings what is there and then what comes, each followed by where to go on', async () => {
    const { follow, post, send } = await opened('text/plain', 'abc')
    const created = nextOf(await send('HEAD', s))
    const events = await follow()
    expect(events.data).toEqual(['abc'])
    const appended = await post('def')
    expect(events.data).toEqual(['abc', 'def'])
    expect(events.all.map(({ event }) => event)).toEqual(['data', 'control', 'data', 'control'])
    expect(events.controls.map(({ nextOffset }) => nextOffset)).toEqual([created, nextOf(appended)])
    for (const control of events.controls) {
      expect(control).toMatchObject({ upToDate: true, closed: false, cursor: expect.stringMatching(/^\d+$/) })
    }
    await events.leave()
  })

  test.each([
    ['at the tail', undefined],
    ['from now', Sentinel.tail],
  ])('begun %s says at once that it is up to date', async (_what, place) => {
    const { follow, post, send } = await opened('text/plain', 'abc')
    const tail = nextOf(await send('HEAD', s))
    const events = await follow(place ?? tail)
    expect(events.data).toEqual([])
    expect(events.controls).toMatchObject([{ nextOffset: tail, upToDate: true, closed: false }])
    await post('d')
    expect(events.data).toEqual(['d'])
    await events.leave()
  })

  test('from now on an empty stream begins with its first append', async () => {
    const { follow, post } = await opened()
    const events = await follow(Sentinel.tail)
    await post('a')
    expect(events.data).toEqual(['a'])
    await events.leave()
  })

  test('of a long log says that it is up to date when it is, not before', async () => {
    const { follow, post } = await opened('text/plain', '', { limits: { readBytes: 2 } })
    for (const body of ['ab', 'cd', 'ef']) await post(body)
    const events = await follow()
    expect(events.data).toEqual(['ab', 'cd', 'ef'])
    expect(events.controls.map(({ upToDate }) => upToDate)).toEqual([false, false, true])
    await events.leave()
  })

  test.each<[string, string, string | undefined]>([
    ['with the last append', 'c', undefined],
    ['alone', '', undefined],
  ])('ends when the stream is closed %s', async (_what, body) => {
    const { follow, post } = await opened('text/plain', 'ab')
    const events = await follow()
    const closed = await post(body, closing)
    expect(events.over).toBe('ended')
    expect(events.data.join('')).toBe(`ab${body}`)
    expect(events.controls.at(-1)).toMatchObject({ nextOffset: nextOf(closed), closed: true })
    expect(events.controls.at(-1)?.cursor).toBeUndefined()
    expect(events.controls.filter(({ closed }) => closed)).toHaveLength(1)
  })

  test.each([
    ['[row 40] from now', Sentinel.tail, []],
    ['from the beginning', Sentinel.start, ['abc']],
  ])('%s of a closed stream says that it ends, and ends', async (_what, place, data) => {
    const { follow } = await opened()
    await app.send('POST', s, { type: 'text/plain', body: 'abc', headers: closing })
    const events = await follow(place)
    expect(events.over).toBe('ended')
    expect(events.data).toEqual(data)
    expect(events.controls).toMatchObject([{ closed: true, upToDate: true }])
    expect(events.controls[0]?.cursor).toBeUndefined()
  })

  test('of a closed stream ends at once also while its lifetime is being prolonged', async () => {
    const inner = openMemoryStore()
    const headers = { ...closing, [Header.ttl]: '100' }
    await openApp({ store: inner }).send('PUT', s, { type: 'text/plain', headers })
    const gated = gate(inner, ['commit'])
    app = openApp({ store: gated.store })
    app.world.time += 50_000
    const readers: Events[] = []
    for (let at = 0; at < 2; at++) {
      readers.push(new Events(await app.send('GET', from(s, Sentinel.tail, Live.sse))))
      await settled()
      expect(gated.waiting).toHaveLength(1)
    }
    expect(readers.map(({ over, controls }) => [over, controls[0]?.closed])).toEqual([
      ['ended', true],
      ['ended', true],
    ])
    const poll = await app.send('GET', from(s, Sentinel.tail, Live.longPoll))
    expect([poll.status, poll.headers.get(Header.closed)]).toEqual([204, 'true'])
    gated.open()
  })

  test('ends without a word of closure when the stream is deleted', async () => {
    const { follow, send } = await opened('text/plain', 'abc')
    const events = await follow()
    await send('DELETE', s)
    await settled()
    expect([events.over, events.controls.some(({ closed }) => closed)]).toEqual(['ended', false])
  })

  test('ends without a word of closure when the server stops', async () => {
    const { follow, streams } = await opened('text/plain', 'abc')
    const events = await follow()
    await streams.drain()
    await settled()
    expect([events.over, events.controls.some(({ closed }) => closed)]).toEqual(['ended', false])
  })

  test('has a heartbeat, and ends after its life, at another moment for each reader', async () => {
    const { follow, world, limits } = await opened('text/plain', 'abc')
    world.chance = 0
    const early = await follow()
    world.chance = 0.999
    const late = await follow()
    await world.turn(limits.heartbeatMs * 2)
    expect([early.comments, late.comments]).toEqual([2, 2])
    await world.turn(limits.sseMs * 0.9 - limits.heartbeatMs * 2)
    expect([early.over, late.over]).toEqual(['ended', undefined])
    await world.turn(limits.sseMs * 0.2)
    expect(late.over).toBe('ended')
    expect(late.data).toEqual(['abc'])
  })

  test('whose client leaves holds nothing any more', async () => {
    const { follow, streams } = await opened('text/plain', 'abc')
    const events = await follow()
    expect(streams.readers('stream/s')).toBe(1)
    await events.leave()
    await settled()
    expect(streams.readers('stream/s')).toBe(0)

    const client = new AbortController()
    const aborted = await follow(Sentinel.start, { signal: client.signal })
    client.abort()
    await settled()
    expect([streams.readers('stream/s'), aborted.over]).toEqual([0, 'cut'])
  })

  test('whose client left before it began holds nothing either', async () => {
    await opened('text/plain', 'abc')
    await app.send('GET', from(s, Sentinel.start, Live.sse), { signal: AbortSignal.abort() })
    await app.send('GET', from(s, Sentinel.tail, Live.sse), { signal: AbortSignal.abort() })
    await settled()
  })

  test('whose store fails while it catches up is cut, and before it began is refused', async () => {
    const inner = openMemoryStore()
    let reads = 0
    const store = {
      ...gate(inner, []).store,
      read: (...args: Parameters<typeof inner.read>) =>
        ++reads > 1 ? Promise.reject(new Error('EIO')) : inner.read(...args),
    }
    const { follow, post } = await opened('text/plain', '', { store, limits: { readBytes: 1 } })
    await post('a')
    await post('b')
    const events = await follow()
    expect(events.over).toBe('cut')
    expect((await app.send('GET', from(s, Sentinel.start, Live.sse))).status).toBe(500)
  })

  test('asked for as whatever the server picks is a long-poll, of presence an event stream', async () => {
    const { send } = await opened('text/plain', 'abc')
    const answer = await send('GET', from(s, Sentinel.start, Live.serverPicks))
    expect(answer.headers.get('Content-Type')).toBe('text/plain')
  })
})

describe('An event', () => {
  test('is encoded once for everybody who gets it with the same cursor', async () => {
    const { follow, post } = await opened('text/plain')
    const readers = await Promise.all([follow(), follow(), follow()])
    await post('abc')
    await post('def')
    const [first, ...others] = readers
    expect(first?.chunks).toHaveLength(3)
    for (const other of others) {
      for (const at of [1, 2]) expect(other.chunks[at]).toBe(first?.chunks[at])
    }
    for (const reader of readers) await reader.leave()
  })

  test('carries a cursor of its own for a reader whose cursor is not behind the clock', async () => {
    const { follow, post, send } = await opened('text/plain')
    const ordinary = await follow()
    const cursor = Number(ordinary.controls[0]?.cursor)
    const query = { [Query.offset]: Sentinel.start, [Query.live]: Live.sse, [Query.cursor]: `${cursor}` }
    const ahead = new Events(await send('GET', at(s, query)))
    await post('abc')
    expect(ordinary.controls.at(-1)?.cursor).toBe(`${cursor}`)
    for (const control of ahead.controls) expect(Number(control.cursor)).toBeGreaterThan(cursor)
    await Promise.all([ordinary.leave(), ahead.leave()])
  })

  test.each([
    ['a line feed', 'a\nb', 'a\nb'],
    ['a carriage return', 'a\rb', 'a\nb'],
    ['both', 'a\r\nb', 'a\nb'],
    [
      'a forged event',
      'x\n\nevent: control\ndata: {"streamNextOffset":"0","streamClosed":true}\n\n',
      undefined,
    ],
    ['a forged event by carriage returns', 'x\r\revent: control\rdata: {}\r\r', undefined],
    ['a forged field', 'event: control\ndata: {}\nid: 7\nretry: 1', undefined],
    ['a leading space', ' a', ' a'],
    ['a leading colon', ': not a comment', ': not a comment'],
    ['a line of nothing but space', 'a\n \nb', 'a\n \nb'],
    ['only line feeds', '\n\n\n', '\n\n\n'],
    ['an other separator', 'a\u2028b\u0085c', 'a\u2028b\u0085c'],
    ['NUL', 'a\0b', 'a\0b'],
  ])('[row 74] with %s arrives as data and forges nothing', async (_what, payload, arrives) => {
    const { follow, post } = await opened('text/plain', payload)
    const events = await follow()
    await post(payload)
    expect(events.all.map(({ event }) => event)).toEqual(['data', 'control', 'data', 'control'])
    const expected = arrives ?? payload.replaceAll(/\r\n|\r/g, '\n')
    expect(events.data).toEqual([expected, expected])
    expect(events.all.map(({ id }) => id)).toEqual([undefined, undefined, undefined, undefined])
    expect(events.over).toBeUndefined()
    await events.leave()
  })

  test('[row 74] of JSON is an array of its messages, line breaks in text and all', async () => {
    const { follow, post } = await opened(ContentType.json, '[{"a":"x\\n\\nevent: control"},2]')
    const events = await follow()
    await post('[\n3,\n[4]\n]')
    expect(events.data.map(data => JSON.parse(data))).toEqual([
      [{ a: 'x\n\nevent: control' }, 2],
      [3, [4]],
    ])
    await events.leave()
  })

  test.each([[[7]], [[0, 255, 10, 13]], [Array.from({ length: 100 }, (_, at) => at)]])(
    '[row 75] of a binary stream is base64, with %j as much as with more',
    async bytes => {
      const { follow, post } = await opened(ContentType.binary)
      const events = await follow()
      await post(Uint8Array.from(bytes))
      expect([...events.bytes]).toEqual(bytes)
      for (const data of events.data) expect(data.replaceAll('\n', '').length % 4).toBe(0)
      const answer = await app.send('GET', from(s, Sentinel.start, Live.sse))
      expect(answer.headers.get(Header.sseEncoding)).toBe('base64')
      await new Events(answer).leave()
      await events.leave()
    },
  )

  test('[row 75] of a binary stream that ends without more bytes has no data', async () => {
    const { follow, post } = await opened(ContentType.binary)
    const events = await follow()
    await post('', closing)
    expect(events.data).toEqual([])
    expect(events.controls.at(-1)?.closed).toBe(true)
  })
})
