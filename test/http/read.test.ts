import { describe, expect, test } from 'vitest'
import { ContentType, ErrorCode, formatOffset, Header, Live, Query, Sentinel } from '../../protocol/index.ts'
import { at, closing, codeOf, from, nextOf, openApp, stream } from './fixture.ts'

const s = stream('s')
const text = { type: 'text/plain' }
const { tail, start } = Sentinel

const opened = async (content = '', opening = {}) => {
  const app = openApp(opening)
  await app.send('PUT', s, { ...text, body: content })
  const get = (query: Record<string, string>, headers = {}) => app.send('GET', at(s, query), { headers })
  const post = (body: string, headers = {}) => app.send('POST', s, { ...text, body, headers })
  return { ...app, get, post }
}

const cursorOf = (answer: Response) => answer.headers.get(Header.cursor)
const cachingOf = (answer: Response) => answer.headers.get('Cache-Control')
const tagOf = (answer: Response) => answer.headers.get('ETag') ?? ''

describe('Catching up', () => {
  test('answers everything from the beginning, with or without saying so', async () => {
    const { send, get } = await opened('abc')
    for (const answer of [await send('GET', s), await get({ [Query.offset]: start })]) {
      expect([answer.status, await answer.text()]).toEqual([200, 'abc'])
      expect(answer.headers.get('Content-Type')).toBe('text/plain')
      expect(answer.headers.get(Header.upToDate)).toBe('true')
      expect(answer.headers.get(Header.closed)).toBeNull()
    }
  })

  test('goes on from where the last answer ended, in parts of whole appends', async () => {
    const { get, post } = await opened('', { limits: { readBytes: 5 } })
    for (const body of ['ab', 'cd', 'e', 'f']) await post(body)
    const parts: string[] = []
    let offset: string = start
    for (let turn = 0; turn < 2; turn++) {
      const answer = await get({ [Query.offset]: offset })
      parts.push(`${await answer.text()} ${answer.headers.get(Header.upToDate)}`)
      expect(nextOf(answer) > offset).toBe(true)
      offset = nextOf(answer)
    }
    expect(parts).toEqual(['abcde null', 'f true'])
    const atTail = await get({ [Query.offset]: offset })
    expect([atTail.status, await atTail.text(), nextOf(atTail)]).toEqual([200, '', offset])
    expect(atTail.headers.get(Header.upToDate)).toBe('true')
  })

  test('says that a closed stream ends, where it ends and not before', async () => {
    const { get, post } = await opened('', { limits: { readBytes: 2 } })
    await post('ab')
    await post('cd', closing)
    const first = await get({})
    const last = await get({ [Query.offset]: nextOf(first) })
    const beyond = await get({ [Query.offset]: nextOf(last) })
    expect([first, last, beyond].map(answer => answer.headers.get(Header.closed))).toEqual([
      null,
      'true',
      'true',
    ])
    expect([beyond.status, await beyond.text()]).toEqual([200, ''])
  })

  test('[row 31] with an empty offset, or two, is 400', async () => {
    const { send, get } = await opened('abc')
    expect((await get({ [Query.offset]: '' })).status).toBe(400)
    const twice = await send('GET', `${s}?offset=-1&offset=-1`)
    expect([twice.status, await codeOf(twice)]).toEqual([400, ErrorCode.invalidRequest])
  })

  test.each([
    'a,b',
    'a b',
    'a/b',
    '../1',
    '\0',
    '1\r\nX: y',
    '0',
    'NOW',
    '-2',
    'snapshot',
    'x'.repeat(5_000),
  ])('[row 32] from %j, which is no token of this server, is 400', async offset => {
    const { get } = await opened('abc')
    for (const live of [undefined, Live.longPoll, Live.sse]) {
      const answer = await get({ [Query.offset]: offset, ...(live && { [Query.live]: live }) })
      expect([answer.status, await codeOf(answer)]).toEqual([400, ErrorCode.invalidRequest])
    }
  })

  test('[row 32] from inside an append, which never was an offset, is 400 in every mode', async () => {
    const { get, post, streams } = await opened('abc')
    await post('def')
    const generation = (await streams.load('stream/s'))?.generation ?? 0
    const offset = formatOffset({ generation, position: 4 })
    for (const live of [undefined, Live.longPoll, Live.sse]) {
      const answer = await get({ [Query.offset]: offset, ...(live && { [Query.live]: live }) })
      expect([answer.status, await codeOf(answer)]).toEqual([400, ErrorCode.invalidRequest])
    }
    expect(streams.readers('stream/s')).toBe(0)
  })

  test('[row 33] from before what is kept is 410 in every mode', async () => {
    const { get, post, streams } = await opened('abc')
    const kept = nextOf(await get({}))
    await post('def')
    const state = await streams.load('stream/s')
    await streams.trim('stream/s', state?.generation ?? 0, 3)
    for (const offset of [start, formatOffset({ generation: state?.generation ?? 0, position: 0 })]) {
      for (const live of [undefined, Live.longPoll, Live.sse]) {
        const answer = await get({ [Query.offset]: offset, ...(live && { [Query.live]: live }) })
        expect([answer.status, await codeOf(answer)]).toEqual([410, ErrorCode.offsetExpired])
      }
    }
    expect((await get({})).status).toBe(410)
    expect(await (await get({ [Query.offset]: kept })).text()).toBe('def')
    expect(streams.readers('stream/s')).toBe(0)
  })

  test('[row 34] from beyond the tail is 400 in every mode', async () => {
    const { get, streams } = await opened('abc')
    const generation = (await streams.load('stream/s'))?.generation ?? 0
    for (const place of [
      { generation, position: 4 },
      { generation: generation + 1, position: 0 },
    ]) {
      for (const live of [undefined, Live.longPoll, Live.sse]) {
        const answer = await get({ [Query.offset]: formatOffset(place), ...(live && { [Query.live]: live }) })
        expect([answer.status, answer.headers.get(Header.nextOffset)]).toEqual([400, null])
      }
    }
  })

  test('[row 35] live without an offset is 400', async () => {
    const { get } = await opened('abc')
    for (const live of [Live.longPoll, Live.sse, Live.serverPicks]) {
      expect((await get({ [Query.live]: live })).status).toBe(400)
    }
  })

  test.each(['foo', 'SSE', '', 'longpoll', '0'])('[row 36] live=%j is 400', async live => {
    const { get } = await opened('abc')
    const answer = await get({ [Query.offset]: start, [Query.live]: live })
    expect([answer.status, await codeOf(answer)]).toEqual([400, ErrorCode.invalidRequest])
  })

  test('[row 37] with parameters nobody knows is answered as without', async () => {
    const { get } = await opened('abc')
    const answer = await get({ [Query.offset]: start, foo: 'bar', timeout: '1', Offset: 'x' })
    expect([answer.status, await answer.text()]).toEqual([200, 'abc'])
  })

  test('[row 77] with a Range is answered whole', async () => {
    const { get } = await opened('abc')
    const answer = await get({}, { Range: 'bytes=0-1' })
    expect([answer.status, await answer.text()]).toEqual([200, 'abc'])
    expect(answer.headers.get('Content-Range')).toBeNull()
  })
})

describe('offset=now', () => {
  test.each([
    ['text/plain', 'abc', ''],
    [ContentType.json, '[1,2]', '[]'],
  ])(
    '[row 39] of a stream of %s is its tail and nothing else, never to be cached',
    async (type, content, empty) => {
      const { send } = openApp()
      const created = await send('PUT', s, { type, body: content })
      const answer = await send('GET', from(s, tail))
      expect([answer.status, await answer.text()]).toEqual([200, empty])
      expect(nextOf(answer)).toBe(nextOf(created))
      expect(answer.headers.get(Header.upToDate)).toBe('true')
      expect(answer.headers.get(Header.closed)).toBeNull()
      expect(answer.headers.get('ETag')).toBeNull()
      expect(cachingOf(answer)).toBe('no-store')
      expect(answer.headers.get('Content-Type')).toBe(type)
    },
  )

  test('[row 40] of a closed stream says so at once', async () => {
    const { get, post } = await opened('abc')
    const closed = await post('d', closing)
    const answer = await get({ [Query.offset]: tail })
    expect([answer.status, await answer.text()]).toEqual([200, ''])
    expect(answer.headers.get(Header.closed)).toBe('true')
    expect(answer.headers.get(Header.upToDate)).toBe('true')
    expect(nextOf(answer)).toBe(nextOf(closed))
    const poll = await get({ [Query.offset]: tail, [Query.live]: Live.longPoll })
    expect([poll.status, poll.headers.get(Header.closed), nextOf(poll)]).toEqual([
      204,
      'true',
      nextOf(closed),
    ])
    expect(poll.headers.get(Header.upToDate)).toBe('true')
  })
})

describe('A cursor', () => {
  test.each(['abc', '-5', '1.5', '', '9'.repeat(40), '1e9', '٣'])(
    '[row 38] of %j is answered as none, with a decimal one',
    async cursor => {
      const { get } = await opened('abc')
      const query = { [Query.offset]: start, [Query.live]: Live.longPoll }
      const plain = await get(query)
      const answer = await get({ ...query, [Query.cursor]: cursor })
      expect([answer.status, await answer.text()]).toEqual([200, 'abc'])
      expect(cursorOf(answer)).toMatch(/^\d+$/)
      expect(cursorOf(answer)).toBe(cursorOf(plain))
    },
  )

  test('[row 38] that is not behind the clock is answered with a greater one, however often', async () => {
    const { get, world } = await opened('abc')
    const query = { [Query.offset]: start, [Query.live]: Live.longPoll }
    let cursor = Number(cursorOf(await get(query)))
    for (const chance of [0, 0.5, 0.999, 0]) {
      world.chance = chance
      const next = Number(cursorOf(await get({ ...query, [Query.cursor]: `${cursor}` })))
      expect(next).toBeGreaterThan(cursor)
      cursor = next
    }
    const old = await get({ ...query, [Query.cursor]: '7' })
    expect(cursorOf(old)).toBe(cursorOf(await get(query)))
  })
})

describe('Caching', () => {
  test('[row 42] the same bytes have the same tag, and are not sent again to who has them', async () => {
    const { get } = await opened('abc')
    const tag = tagOf(await get({}))
    expect(tag).toMatch(/^"[^"]+"$/)
    for (const field of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
      const answer = await get({}, { 'If-None-Match': field })
      expect([answer.status, await answer.text()]).toEqual([304, ''])
      expect(tagOf(answer)).toBe(tag)
      expect(nextOf(answer)).toBeDefined()
    }
    for (const field of ['"other"', tag.slice(1, -1), '']) {
      expect((await get({}, { 'If-None-Match': field })).status).toBe(200)
    }
  })

  test('[row 42] more bytes, or closure alone, change the tag', async () => {
    const { get, post, send } = await opened('abc')
    const tags = [tagOf(await get({}))]
    await post('d')
    tags.push(tagOf(await get({})))
    await send('POST', s, { headers: closing })
    const closed = await get({}, { 'If-None-Match': tags.join(', ') })
    expect([closed.status, closed.headers.get(Header.closed)]).toEqual([200, 'true'])
    tags.push(tagOf(closed))
    expect(new Set(tags).size).toBe(3)
    const atTail = await get({ [Query.offset]: nextOf(closed) })
    expect(tags).not.toContain(tagOf(atTail))
  })

  test('[row 83] a stream deleted and made again shares no tag and no offset with its earlier life', async () => {
    const { get, send } = await opened('abc')
    const before = await get({})
    await send('DELETE', s)
    expect((await send('PUT', s, { ...text, body: 'abc' })).status).toBe(201)
    const after = await get({}, { 'If-None-Match': tagOf(before) })
    expect(after.status).toBe(200)
    expect(tagOf(after)).not.toBe(tagOf(before))
    expect(nextOf(after) > nextOf(before)).toBe(true)
    expect((await get({ [Query.offset]: nextOf(before) })).status).toBe(410)
  })

  test('what can never change may be kept, what ends at the tail or begins at a sentinel is asked for again', async () => {
    const { get, post } = await opened('', { limits: { readBytes: 2 } })
    for (const body of ['ab', 'cd', 'ef']) await post(body)
    const first = await get({ [Query.offset]: start })
    const second = await get({ [Query.offset]: nextOf(first) })
    const last = await get({ [Query.offset]: nextOf(second) })
    expect([await get({}), first, second, last].map(cachingOf)).toEqual([
      'no-cache',
      'no-cache',
      'public, max-age=60, stale-while-revalidate=300',
      'no-cache',
    ])
  })

  test('of a long-poll, what follows a token may be kept, what follows a sentinel or nothing may not', async () => {
    const { get, post, world } = await opened('abc')
    const offset = nextOf(await get({ [Query.offset]: tail }))
    const poll = (from: string) => get({ [Query.offset]: from, [Query.live]: Live.longPoll })
    const waiting = poll(tail)
    const timeOver = poll(offset)
    await world.turn(0)
    await post('d')
    const fresh = await waiting
    expect([fresh.status, await fresh.text()]).toEqual([200, 'd'])
    expect([cachingOf(fresh), fresh.headers.get('ETag')]).toEqual(['no-store', null])
    expect(cachingOf(await timeOver)).toBe('public, max-age=60, stale-while-revalidate=300')
    expect(tagOf(await poll(offset))).toBe(tagOf(await timeOver))
    const begun = await poll(start)
    expect([cachingOf(begun), tagOf(begun) !== '']).toEqual(['no-cache', true])
  })

  test('of a wait that ended without bytes, one at a token is for those who shared it, and no other is kept', async () => {
    const { get, world } = await opened('')
    const offset = nextOf(await get({}))
    const waits = [offset, start, tail].map(from =>
      get({ [Query.offset]: from, [Query.live]: Live.longPoll }),
    )
    await world.turn(30_000)
    const answers = await Promise.all(waits)
    expect(answers.map(answer => answer.status)).toEqual([204, 204, 204])
    expect(answers.map(cachingOf)).toEqual(['public, max-age=0, s-maxage=2', 'no-store', 'no-store'])
  })
})
