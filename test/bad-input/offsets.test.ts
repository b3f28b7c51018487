import { expect, test } from 'vitest'
import { ContentType, ErrorCode, Header, Live, Query, Sentinel } from '../../protocol/index.ts'
import { closing, from } from '../http/fixture.ts'
import { framed, typing } from '../yjs/fixture.ts'
import { entry, presenceOf } from '../yjs/presence-fixture.ts'
import { and, header, useArena, verdictOf } from './arena.ts'

const arena = useArena({
  limits: { longPollMs: 50, awarenessBytes: 1_000, readBytes: 100 },
})
const text = { type: 'text/plain' }
const invalid = [400, ErrorCode.invalidRequest]
const lives = [Live.longPoll, Live.sse]

/** A stream, a document and an awareness stream, each with something in it. */
const targets = async (): Promise<readonly string[]> => {
  const here = arena()
  const log = await here.document(framed(...typing(2)))
  const awareness = `${log}?awareness=default`
  await here.ask('POST', awareness, { type: ContentType.binary, body: 'abc' })
  return [await here.stream('abc'), log, awareness]
}

const get = (target: string, query: Record<string, string>) => arena().ask('GET', and(target, query))
const nextOf = async (target: string): Promise<string> =>
  header(await get(target, { [Query.offset]: Sentinel.tail }), Header.nextOffset) ?? ''

test.each(['offset=', 'offset=-1&offset=-1', 'offset=-1&offset=now', 'offset=&offset=-1'])(
  '[row 31] ?%s is 400',
  async query => {
    const here = arena()
    for (const target of await targets()) {
      const answer = await here.ask('GET', `${target}${target.includes('?') ? '&' : '?'}${query}`)
      expect(verdictOf(answer)).toEqual(invalid)
    }
  },
)

test.each([
  '0,0',
  '0%2C0',
  '0%200',
  '0+0',
  'a/b',
  '..%2F..%2Fetc',
  '../1',
  '%00',
  '%0d%0aSet-Cookie:%20a=b',
  '-2',
  '0',
  '00',
  'abc',
  '1_1',
  '0000000000000001_0000000000000000_0',
  '0000000000000001-0000000000000000',
  '0x00000000000001_0000000000000000',
  '9'.repeat(33),
  '%F0%9F%92%A9',
  '%ff',
  'Now',
  'null',
])('[row 32] ?offset=%s is 400', async offset => {
  const here = arena()
  for (const target of await targets()) {
    for (const mode of ['', ...lives.map(live => `&live=${live}`)]) {
      const answer = await here.ask(
        'GET',
        `${target}${target.includes('?') ? '&' : '?'}offset=${offset}${mode}`,
      )
      expect(verdictOf(answer)).toEqual(invalid)
      expect(Object.keys(answer.headers)).not.toContain('set-cookie')
    }
  }
})

test('[row 33] an offset whose bytes are not kept any more is 410', async () => {
  const here = arena()
  const target = `${await here.document()}?awareness=default`
  const old = await nextOf(target)
  for (let at = 0; at < 40; at++) {
    const body = presenceOf(entry(1, at, { name: 'x'.repeat(60) }))
    await here.ask('POST', target, { type: ContentType.binary, body })
  }
  for (const live of [undefined, ...lives]) {
    const answer = await get(target, { [Query.offset]: old, ...(live && { [Query.live]: live }) })
    expect(verdictOf(answer)).toEqual([410, ErrorCode.offsetExpired])
  }
})

test('[row 33] an offset of an earlier life is 410', async () => {
  const here = arena()
  const target = await here.stream('abc')
  const old = await nextOf(target)
  await here.ask('DELETE', target)
  await here.ask('PUT', target, { ...text, body: 'another' })
  for (const live of [undefined, ...lives]) {
    const answer = await get(target, { [Query.offset]: old, ...(live && { [Query.live]: live }) })
    expect(verdictOf(answer)).toEqual([410, ErrorCode.offsetExpired])
  }
})

test('[row 34] an offset beyond the tail, or inside an append, is 400', async () => {
  for (const target of await targets()) {
    const tail = await nextOf(target)
    const [generation = '', position = ''] = tail.split('_')
    const place = (by: number) => `${generation}_${`${Number(position) + by}`.padStart(position.length, '0')}`
    for (const offset of [place(1), place(1_000_000), place(-1)]) {
      for (const live of [undefined, ...lives]) {
        const answer = await get(target, { [Query.offset]: offset, ...(live && { [Query.live]: live }) })
        expect(verdictOf(answer)).toEqual(invalid)
      }
    }
  }
})

test.each(lives)('[row 35] live=%s without an offset is 400', async live => {
  for (const target of await targets()) {
    expect(verdictOf(await get(target, { [Query.live]: live }))).toEqual(invalid)
  }
})

test.each(['foo', '', 'SSE', 'sse,long-poll', '1', 'false', 'websocket'])(
  '[row 36] live=%j is 400',
  async live => {
    for (const target of await targets()) {
      const answer = await get(target, { [Query.offset]: Sentinel.start, [Query.live]: live })
      expect(verdictOf(answer)).toEqual(invalid)
    }
  },
)

test('[row 37] parameters nobody knows change nothing', async () => {
  const [target = '', log = ''] = await targets()
  for (const where of [target, log]) {
    const plain = await get(where, { [Query.offset]: Sentinel.start })
    const odd = await get(where, {
      [Query.offset]: Sentinel.start,
      foo: 'bar',
      __proto__: 'x',
      'offset[]': '0',
      Offset: 'abc',
      limit: '-1',
    })
    expect([odd.status, odd.text]).toEqual([200, plain.text])
  }
})

test.each(['abc', '-1', '1e9', '', '999999999999999999999999', '9007199254740993', 'NaN', '0x1', '1 '])(
  '[row 38] cursor=%j is answered as usual, with a cursor that is a number',
  async cursor => {
    const [target = ''] = await targets()
    const tail = await nextOf(target)
    for (const offset of [Sentinel.start, tail]) {
      const answer = await get(target, {
        [Query.offset]: offset,
        [Query.live]: Live.longPoll,
        [Query.cursor]: cursor,
      })
      expect(answer.status).toBe(offset === tail ? 204 : 200)
      expect(header(answer, Header.cursor)).toMatch(/^\d+$/)
    }
  },
)

test('[row 38] a cursor at or ahead of the server’s is answered with a greater one', async () => {
  const [target = ''] = await targets()
  const ask = async (cursor: string) =>
    header(
      await get(target, {
        [Query.offset]: Sentinel.start,
        [Query.live]: Live.longPoll,
        [Query.cursor]: cursor,
      }),
      Header.cursor,
    )
  const first = Number(await ask('0'))
  for (const cursor of [first, first + 1_000, 2 ** 40]) {
    expect(Number(await ask(`${cursor}`))).toBeGreaterThan(cursor)
  }
})

test('[row 39] offset=now is an empty answer that no cache keeps', async () => {
  const here = arena()
  for (const [type, body, empty] of [
    ['text/plain', 'abc', ''],
    [ContentType.json, '[1,2]', '[]'],
  ] as const) {
    const target = await here.stream(body, { type })
    const head = await here.ask('HEAD', target)
    const answer = await get(target, { [Query.offset]: Sentinel.tail })
    expect([answer.status, answer.text]).toEqual([200, empty])
    expect(header(answer, Header.nextOffset)).toBe(header(head, Header.nextOffset))
    expect(header(answer, Header.upToDate)).toBe('true')
    expect(header(answer, 'Cache-Control')).toBe('no-store')
    expect(header(answer, 'ETag')).toBeUndefined()
  }
})

test('[row 40] offset=now on a closed stream ends at once, in every mode', async () => {
  const here = arena()
  const target = await here.stream('abc', { headers: closing })
  const plain = await get(target, { [Query.offset]: Sentinel.tail })
  expect([plain.status, plain.text, header(plain, Header.closed)]).toEqual([200, '', 'true'])
  const polled = await get(target, { [Query.offset]: Sentinel.tail, [Query.live]: Live.longPoll })
  expect([polled.status, header(polled, Header.closed)]).toEqual([204, 'true'])
  const events = await get(target, { [Query.offset]: Sentinel.tail, [Query.live]: Live.sse })
  expect(events.text.match(/^event: /gm)).toEqual(['event: '])
  expect(events.text).toContain('"streamClosed":true')
})

test('[row 41] a long-poll at the tail is 204 when nothing came', async () => {
  for (const target of await targets()) {
    const tail = await nextOf(target)
    const answer = await arena().ask(
      'GET',
      from(target.split('?')[0] ?? '', tail, Live.longPoll) +
        (target.includes('?') ? '&awareness=default' : ''),
    )
    expect([answer.status, answer.body.length]).toEqual([204, 0])
    expect(header(answer, Header.nextOffset)).toBe(tail)
    expect(header(answer, Header.upToDate)).toBe('true')
    expect(header(answer, Header.cursor)).toMatch(/^\d+$/)
  }
})

test('[row 42] what did not change is 304 without a body, until the stream is closed', async () => {
  const here = arena()
  const target = await here.stream('abc')
  const whole = and(target, { [Query.offset]: Sentinel.start })
  const tag = header(await here.ask('GET', whole), 'ETag') ?? ''
  const again = () => here.ask('GET', whole, { headers: { 'If-None-Match': tag } })
  const same = await again()
  expect([same.status, same.body.length, header(same, 'ETag')]).toEqual([304, 0, tag])
  await here.ask('POST', target, { headers: closing })
  const changed = await again()
  expect([changed.status, changed.text, header(changed, Header.closed)]).toEqual([200, 'abc', 'true'])
  expect(header(changed, 'ETag')).not.toBe(tag)
})

test.each(['bytes=0-1', 'bytes=1-', 'bytes=9-1', 'nonsense'])(
  '[row 77] Range: %s is ignored',
  async range => {
    const here = arena()
    const target = await here.stream('abc')
    const answer = await here.ask('GET', target, { headers: { Range: range } })
    expect([answer.status, answer.text, header(answer, 'Content-Range')]).toEqual([200, 'abc', undefined])
  },
)
