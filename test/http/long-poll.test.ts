import { afterEach, describe, expect, test } from 'vitest'
import { ErrorCode, Header, Live, Sentinel } from '../../protocol/index.ts'
import { openMemoryStore } from '../../server/store/memory.ts'
import { gate } from '../streams/gates.ts'
import { settled } from '../streams/world.ts'
import { type App, closing, codeOf, from, nextOf, openApp, stream } from './fixture.ts'

const s = stream('s')
const text = { type: 'text/plain' }
let app: App

const opened = async (content = '', opening: Parameters<typeof openApp>[0] = {}) => {
  app = openApp(opening)
  await app.send('PUT', s, { ...text, body: content })
  const offset = nextOf(await app.send('HEAD', s))
  const poll = (place: string = offset, asked = {}) => app.send('GET', from(s, place, Live.longPoll), asked)
  const post = (body: string, headers = {}) => app.send('POST', s, { ...text, body, headers })
  return { ...app, offset, poll, post }
}

/** Whether a promise is settled by now. */
const isOver = async (promise: Promise<unknown>): Promise<boolean> => {
  let over = false
  void promise.finally(() => {
    over = true
  })
  await settled()
  return over
}

afterEach(() => {
  expect(app.streams.readers('stream/s')).toBe(0)
  expect(app.world.timers).toBe(0)
})

describe('A long-poll', () => {
  test('is answered at once with what is there', async () => {
    const { poll } = await opened('abc')
    const answer = await poll(Sentinel.start)
    expect([answer.status, await answer.text()]).toEqual([200, 'abc'])
    expect(answer.headers.get(Header.upToDate)).toBe('true')
    expect(answer.headers.get(Header.cursor)).toMatch(/^\d+$/)
    expect(answer.headers.get('Content-Type')).toBe('text/plain')
  })

  test.each([
    ['the tail', undefined],
    ['now', Sentinel.tail],
  ])('from %s waits for the next append', async (_what, place) => {
    const { poll, post } = await opened('abc')
    const polling = poll(place)
    expect(await isOver(polling)).toBe(false)
    const appended = await post('d')
    const answer = await polling
    expect([answer.status, await answer.text()]).toEqual([200, 'd'])
    expect(nextOf(answer)).toBe(nextOf(appended))
  })

  test('[row 41] at the tail where nothing happens is 204 with everything to go on', async () => {
    const { poll, world, offset, limits } = await opened('abc')
    const polling = poll()
    await world.turn(limits.longPollMs - 1)
    expect(await isOver(polling)).toBe(false)
    await world.turn(1)
    const answer = await polling
    expect([answer.status, await answer.text()]).toEqual([204, ''])
    expect(nextOf(answer)).toBe(offset)
    expect(answer.headers.get(Header.upToDate)).toBe('true')
    expect(answer.headers.get(Header.cursor)).toMatch(/^\d+$/)
    expect(answer.headers.get(Header.closed)).toBeNull()
  })

  test('is told at once that the stream is closed, without a cursor', async () => {
    const { poll, post } = await opened()
    const closed = await post('d', closing)
    const answer = await poll(nextOf(closed))
    expect([answer.status, answer.headers.get(Header.closed)]).toEqual([204, 'true'])
    expect(answer.headers.get(Header.upToDate)).toBe('true')
    expect(answer.headers.get(Header.cursor)).toBeNull()
  })

  test('is woken by closure alone, and by a last append that closes', async () => {
    const { poll, send } = await opened('abc')
    const polling = poll()
    await settled()
    await send('POST', s, { headers: closing })
    const answer = await polling
    expect([answer.status, answer.headers.get(Header.closed)]).toEqual([204, 'true'])

    const other = await opened('abc')
    const last = other.poll()
    await settled()
    await other.post('d', closing)
    const answered = await last
    expect([answered.status, await answered.text()]).toEqual([200, 'd'])
    expect(answered.headers.get(Header.closed)).toBe('true')
  })

  test('is told 404 when the stream is deleted meanwhile', async () => {
    const { poll, send } = await opened('abc')
    const polling = poll()
    await settled()
    await send('DELETE', s)
    const answer = await polling
    expect([answer.status, await codeOf(answer)]).toEqual([404, ErrorCode.streamNotFound])
  })

  test('is told 410 when the stream is deleted and made again meanwhile', async () => {
    const inner = openMemoryStore()
    const other = openApp({ store: inner })
    let loads = Number.NaN
    const store = {
      ...gate(inner, []).store,
      load: async (...args: Parameters<typeof inner.load>) => {
        // The first load is the deletion's own, the second looks at what became of the stream.
        if (loads++ === 1) await other.send('PUT', s, text)
        return inner.load(...args)
      },
    }
    const { poll, send } = await opened('abc', { store })
    const polling = poll()
    await settled()
    loads = 0
    await send('DELETE', s)
    const answer = await polling
    expect([answer.status, await codeOf(answer)]).toEqual([410, ErrorCode.offsetExpired])
  })

  test('is released when the server stops, with what it needs to go on elsewhere', async () => {
    const { poll, streams, offset } = await opened('abc')
    const polling = poll()
    await settled()
    await streams.drain()
    const answer = await polling
    expect([answer.status, nextOf(answer)]).toEqual([204, offset])
  })

  test('whose client leaves is over at once', async () => {
    const { poll, streams } = await opened('abc')
    const client = new AbortController()
    const polling = poll(undefined, { signal: client.signal })
    await settled()
    expect(streams.readers('stream/s')).toBe(1)
    client.abort()
    await settled()
    expect(streams.readers('stream/s')).toBe(0)
    await polling
  })

  test('whose client left before it was looked at is over at once', async () => {
    const { poll } = await opened('abc')
    await poll(undefined, { signal: AbortSignal.abort() })
  })

  test('that fails to load leaves nothing behind', async () => {
    const inner = openMemoryStore()
    const gated = gate(inner, [])
    let broken = false
    const store = {
      ...gated.store,
      read: (...args: Parameters<typeof inner.read>) =>
        broken ? Promise.reject(new Error('EIO')) : inner.read(...args),
    }
    const { poll } = await opened('abc', { store })
    broken = true
    expect((await poll(Sentinel.start)).status).toBe(500)
  })

  test('wakes everybody who waits, and nobody who waits elsewhere', async () => {
    const { poll, post, send, world } = await opened('abc')
    await send('PUT', stream('t'), text)
    const polls = [poll(), poll(), poll()]
    const elsewhere = app.send('GET', from(stream('t'), Sentinel.tail, Live.longPoll))
    await settled()
    await post('d')
    for (const polling of polls) expect(await (await polling).text()).toBe('d')
    expect(await isOver(elsewhere)).toBe(false)
    await world.turn(60_000)
    expect((await elsewhere).status).toBe(204)
  })

  test('beyond the readers one stream may have is 503 with a time to come back', async () => {
    const { poll, post } = await opened('', { limits: { readersPerStream: 2 } })
    const polls = [poll(), poll()]
    await settled()
    for (const live of [Live.longPoll, Live.sse]) {
      const refused = await app.send('GET', from(s, Sentinel.start, live))
      expect([refused.status, await codeOf(refused)]).toEqual([503, ErrorCode.tooManyReaders])
      expect(refused.headers.get('Retry-After')).toMatch(/^\d+$/)
    }
    expect((await app.send('GET', s)).status).toBe(200)
    await post('d')
    await Promise.all(polls)
    expect((await poll()).status).toBe(200)
  })

  test('asked for as whatever the server picks is a long-poll on a stream', async () => {
    const { send } = await opened('abc')
    const answer = await send('GET', from(s, Sentinel.start, Live.serverPicks))
    expect([answer.headers.get('Content-Type'), await answer.text()]).toEqual(['text/plain', 'abc'])
  })
})
