import { describe, expect, test } from 'vitest'
import { ContentType, ErrorCode, Header, Live, Path, Present, Sentinel } from '../../protocol/index.ts'
import { openMemoryStore } from '../../server/store/memory.ts'
import { settled } from '../streams/world.ts'
import { Events } from './events.ts'
import { type App, closing, codeOf, document, from, nextOf, openApp, stream } from './fixture.ts'

const source = stream('source')
const fork = stream('fork')
const type = 'text/plain'
const zero = `${'0'.repeat(16)}_${'0'.repeat(16)}`

const forkOf = (path: string, offset?: string, subOffset?: string): Record<string, string> => ({
  [Header.forkedFrom]: path,
  ...(offset !== undefined && { [Header.forkOffset]: offset }),
  ...(subOffset !== undefined && { [Header.forkSubOffset]: subOffset }),
})

/** A source of these appends; answers the offsets behind them. */
const written = async ({ send }: App, target: string, ...bodies: readonly string[]): Promise<string[]> => {
  await send('PUT', target, { type })
  const offsets: string[] = []
  for (const body of bodies) offsets.push(nextOf(await send('POST', target, { type, body })))
  return offsets
}

const refused = async (answer: Response): Promise<[number, unknown]> => [answer.status, await codeOf(answer)]
const invalid = [400, ErrorCode.invalidRequest]

describe('A fork', () => {
  test('answers as a creation does, with the type and the tail it has from its source', async () => {
    const app = openApp()
    const [, second] = await written(app, source, 'aa', 'bb')
    const answer = await app.send('PUT', fork, { headers: forkOf(source) })
    expect(answer.status).toBe(201)
    expect(answer.headers.get('Content-Type')).toBe(type)
    expect(new URL(answer.headers.get('Location') ?? '').pathname).toBe(fork)
    expect(nextOf(answer)).toBe(second)
    expect(answer.headers.get(Header.forkedFrom)).toBeNull()
    const read = await app.send('GET', fork)
    expect([await read.text(), nextOf(read), read.headers.get(Header.upToDate)]).toEqual([
      'aabb',
      second,
      Present,
    ])
    expect(nextOf(await app.send('HEAD', fork))).toBe(second)
  })

  test('goes its own way: what is appended to one is not in the other, and its offsets sort', async () => {
    const app = openApp()
    const [first] = await written(app, source, 'aa', 'bb')
    await app.send('PUT', fork, { headers: forkOf(source, first), body: 'xx' })
    const next = nextOf(await app.send('POST', fork, { type, body: 'yy' }))
    await app.send('POST', source, { type, body: 'cc' })
    expect(await (await app.send('GET', fork)).text()).toBe('aaxxyy')
    expect(await (await app.send('GET', source)).text()).toBe('aabbcc')
    expect(await (await app.send('GET', from(fork, first ?? ''))).text()).toBe('xxyy')
    expect(next > (first ?? '')).toBe(true)
  })

  test.each([
    ['-1', ''],
    [zero, ''],
    ['now', 'aabb'],
  ])('at the offset %s begins with %j, and is the same when asked for again', async (offset, inherited) => {
    const app = openApp()
    await written(app, source, 'aa', 'bb')
    const headers = forkOf(source, offset)
    for (const status of [201, 200]) {
      expect((await app.send('PUT', fork, { headers })).status).toBe(status)
    }
    expect(await (await app.send('GET', fork)).text()).toBe(inherited)
  })

  test('of a closed stream is open; asked for closed it is closed', async () => {
    const app = openApp()
    await app.send('PUT', source, { type, body: 'all', headers: closing })
    const open = await app.send('PUT', fork, { headers: forkOf(source) })
    expect([open.status, open.headers.get(Header.closed)]).toEqual([201, null])
    expect((await app.send('POST', fork, { type, body: 'x' })).status).toBe(204)
    const closed = await app.send('PUT', stream('c'), { headers: { ...forkOf(source), ...closing } })
    expect([closed.status, closed.headers.get(Header.closed)]).toEqual([201, Present])
    const read = await app.send('GET', stream('c'))
    expect([await read.text(), read.headers.get(Header.closed)]).toEqual(['all', Present])
  })

  test('of JSON is read as one array, and takes messages for its sub-offset', async () => {
    const app = openApp()
    const { send } = app
    await send('PUT', source, { type: ContentType.json, body: '[{"a":1},{"b":"],"}]' })
    const [start] = ['-1']
    const headers = forkOf(source, start, '1')
    expect((await send('PUT', fork, { headers, body: '[2,3]' })).status).toBe(201)
    await send('POST', fork, { type: ContentType.json, body: '4' })
    expect(await (await send('GET', fork)).json()).toEqual([{ a: 1 }, 2, 3, 4])
    expect(await refused(await send('PUT', stream('x'), { headers: forkOf(source), body: '{' }))).toEqual(
      invalid,
    )
    await send('PUT', stream('whole'), { headers: forkOf(source, '-1', '2') })
    expect(await (await send('GET', stream('whole'))).json()).toEqual([{ a: 1 }, { b: '],' }])
  })

  test('is at its path encoded or not, and slashes count once', async () => {
    const app = openApp()
    const odd = stream('a%20b/%C3%A9')
    await written(app, odd, 'aa')
    for (const [at, path] of [odd, `/${odd.replaceAll('/', '//')}`, stream('%61%20b/%c3%a9')].entries()) {
      const answer = await app.send('PUT', stream(`${at}`), { headers: forkOf(path) })
      expect([path, answer.status]).toEqual([path, 201])
      expect(await (await app.send('GET', stream(`${at}`))).text()).toBe('aa')
    }
  })

  test.each([
    ['TTL', { [Header.ttl]: '60' }, {}, [Header.ttl, '60']],
    ['TTL', { [Header.ttl]: '60' }, { [Header.ttl]: '7' }, [Header.ttl, '7']],
    [
      'end',
      { [Header.expiresAt]: '2030-01-01T00:00:00.000Z' },
      {},
      [Header.expiresAt, '2030-01-01T00:00:00.000Z'],
    ],
    ['end', { [Header.expiresAt]: '2030-01-01T00:00:00.000Z' }, { [Header.ttl]: '7' }, [Header.ttl, '7']],
    [
      'none',
      {},
      { [Header.expiresAt]: '2031-01-01T00:00:00.000Z' },
      [Header.expiresAt, '2031-01-01T00:00:00.000Z'],
    ],
  ])('of a source with the %s %j, asked for with %j, has %j', async (_what, is, asked, [name, value]) => {
    const { send } = openApp()
    await send('PUT', source, { type, headers: is })
    expect((await send('PUT', fork, { headers: { ...forkOf(source), ...asked } })).status).toBe(201)
    const { headers } = await send('HEAD', fork)
    expect(headers.get(name ?? '')).toBe(value)
    expect([Header.ttl, Header.expiresAt].filter(one => headers.has(one))).toEqual([name])
    expect((await send('PUT', fork, { headers: { ...forkOf(source), ...asked } })).status).toBe(200)
  })

  test('with both lifetimes is 400, and there is none', async () => {
    const app = openApp()
    await written(app, source, 'aa')
    const headers = { ...forkOf(source), [Header.ttl]: '1', [Header.expiresAt]: '2030-01-01T00:00:00Z' }
    expect(await refused(await app.send('PUT', fork, { headers }))).toEqual(invalid)
    expect((await app.send('HEAD', fork)).status).toBe(404)
  })

  test('too large a body keeps one from being made', async () => {
    const app = openApp({ limits: { bodyBytes: 3 } })
    await written(app, source, 'aa')
    expect((await app.send('PUT', fork, { headers: forkOf(source), body: 'four' })).status).toBe(413)
    expect((await app.send('DELETE', source)).status).toBe(204)
    expect((await app.send('HEAD', source)).status).toBe(404)
  })

  test.each([1, 2, 3])('has at most %i sources behind it', async forkDepth => {
    const app = openApp({ limits: { forkDepth } })
    await written(app, stream('0'), 'a')
    for (let depth = 1; depth <= forkDepth + 1; depth++) {
      const answer = await app.send('PUT', stream(`${depth}`), { headers: forkOf(stream(`${depth - 1}`)) })
      if (depth <= forkDepth) expect(answer.status).toBe(201)
      else expect(await refused(answer)).toEqual([409, ErrorCode.forkTooDeep])
    }
  })

  test('of documents there are none: neither a document nor its stream is a source', async () => {
    const { send } = openApp()
    await send('PUT', document('d'))
    for (const headers of [forkOf(document('d')), forkOf(source), { [Header.forkOffset]: '-1' }]) {
      expect(await refused(await send('PUT', document('e'), { headers }))).toEqual(invalid)
    }
    expect((await send('HEAD', document('e'))).status).toBe(404)
    expect((await send('PUT', fork, { headers: forkOf(document('d')) })).status).toBe(404)
    expect((await send('PUT', fork, { headers: forkOf('/doc/svc/d') })).status).toBe(404)
  })
})

describe('Live reads of a fork', () => {
  test('by long-poll go from what is inherited to what is appended', async () => {
    const app = openApp()
    const [first] = await written(app, source, 'aa', 'bb')
    await app.send('PUT', fork, { headers: forkOf(source, first) })
    const caught = await app.send('GET', from(fork, Sentinel.start, Live.longPoll))
    expect([await caught.text(), nextOf(caught)]).toEqual(['aa', first])
    const waiting = app.send('GET', from(fork, nextOf(caught), Live.longPoll))
    await settled()
    await app.send('POST', source, { type, body: 'no' })
    await app.send('POST', fork, { type, body: 'xx' })
    const answer = await waiting
    expect([await answer.text(), nextOf(answer) > (first ?? '')]).toEqual(['xx', true])
  })

  test('by SSE go over the fork point in one answer', async () => {
    const app = openApp({ limits: { readBytes: 1 } })
    const [first, second] = await written(app, source, 'aa', 'bb', 'cc')
    await app.send('PUT', fork, { headers: forkOf(source, second) })
    await app.send('POST', fork, { type, body: 'xx' })
    const events = new Events(await app.send('GET', from(fork, Sentinel.start, Live.sse)))
    await settled()
    await app.send('POST', fork, { type, body: 'yy', headers: closing })
    await settled()
    expect([events.data, events.over]).toEqual([['aa', 'bb', 'xx', 'yy'], 'ended'])
    const offsets = events.controls.map(({ nextOffset }) => nextOffset)
    expect(offsets.slice(0, 2)).toEqual([first, second])
    expect(offsets.toSorted()).toEqual(offsets)
  })

  test('of a source end when it is deleted, and who comes back is told so', async () => {
    const app = openApp()
    const [first] = await written(app, source, 'aa')
    await app.send('PUT', fork, { headers: forkOf(source) })
    const events = new Events(await app.send('GET', from(source, Sentinel.tail, Live.sse)))
    const waiting = app.send('GET', from(source, first ?? '', Live.longPoll))
    await settled()
    await app.send('DELETE', source)
    await settled()
    expect(events.over).toBe('ended')
    expect(await refused(await waiting)).toEqual([410, ErrorCode.streamDeleted])
    for (const live of [Live.sse, Live.longPoll]) {
      const answer = await app.send('GET', from(source, first ?? '', live))
      expect(await refused(answer)).toEqual([410, ErrorCode.streamDeleted])
    }
  })
})

describe('What caches keep of a fork', () => {
  test('is what follows an offset of its own, not one of a source: another fork may have its path later', async () => {
    const app = openApp({ limits: { readBytes: 1 } })
    const [first, second] = await written(app, source, 'aa', 'bb')
    await app.send('PUT', fork, { headers: forkOf(source), body: 'xx' })
    const own = nextOf(await app.send('GET', from(fork, second ?? '')))
    for (const body of ['yy', 'zz']) await app.send('POST', fork, { type, body })
    const caching = async (offset: string) => {
      const answer = await app.send('GET', from(fork, offset))
      return answer.headers.get('Cache-Control')?.includes('max-age')
    }
    expect(await Promise.all([Sentinel.start, zero, first, second].map(one => caching(one ?? '')))).toEqual(
      Array(4).fill(false),
    )
    expect(await caching(own)).toBe(true)
    const answer = await app.send('GET', from(fork, first ?? ''))
    await app.send('DELETE', fork)
    await app.send('PUT', fork, { headers: forkOf(source, first), body: 'other' })
    const headers = { 'If-None-Match': answer.headers.get('ETag') ?? '' }
    const later = await app.send('GET', from(fork, first ?? ''), { headers })
    expect([later.status, await later.text()]).toEqual([200, 'other'])
  })
})

describe('[row 47] The source of a fork', () => {
  test.each([
    ['that is not there', source, 404],
    ['on another protocol', `${Path.yjs}svc/docs/d`, 404],
    ['outside of all', '/healthz', 404],
    ['that is no path below', Path.streams, 404],
    ['in the reserved place', stream('__ds/subscriptions'), 404],
    ['by its name alone', 'source', 400],
    ['of nothing', '', 400],
    ['by its whole URL', `http://localhost${source}`, 400],
    ['with a query', `${source}?offset=-1`, 400],
    ['with a dot segment', stream('x/../source'), 400],
    ['with an encoded dot segment', stream('%2e%2e/source'), 400],
    ['with an encoded slash', stream('a%2fb'), 400],
    ['with a bad escape', stream('%zz'), 400],
    ['of too long a path', stream('x'.repeat(600)), 400],
  ])('%s is refused', async (_what, path, status) => {
    const app = openApp()
    if (status === 400) await written(app, source, 'aa')
    const answer = await app.send('PUT', fork, { headers: forkOf(path) })
    expect(answer.status).toBe(status)
    expect((await app.send('HEAD', fork)).status).toBe(404)
  })

  test.each([
    ['beyond its tail', (last: string) => `${last.slice(0, -2)}99`],
    ['inside an append', (last: string) => `${last.slice(0, -1)}1`],
    ['malformed', () => 'abc'],
    ['empty', () => ''],
    ['of too large a number', () => `${'9'.repeat(16)}_${'9'.repeat(16)}`],
    ['with a space', (last: string) => `${last.replace('_', ' ')}`],
    ['of a later stream', () => `${'0'.repeat(15)}9_${'0'.repeat(16)}`],
  ])('[row 47] at an offset %s is 400, and holds nothing of it', async (_what, offset) => {
    const app = openApp()
    const [, last = ''] = await written(app, source, 'aa', 'bb')
    const answer = await app.send('PUT', fork, { headers: forkOf(source, offset(last)) })
    expect(await refused(answer)).toEqual(invalid)
    await app.send('DELETE', source)
    expect((await app.send('HEAD', source)).status).toBe(404)
  })

  test('[row 47] at an offset of an earlier stream of its name is 410', async () => {
    const app = openApp()
    const [old] = await written(app, source, 'aa')
    await app.send('DELETE', source)
    await written(app, source, 'bb')
    const answer = await app.send('PUT', fork, { headers: forkOf(source, old) })
    expect(await refused(answer)).toEqual([410, ErrorCode.offsetExpired])
  })
})

describe('A sub-offset', () => {
  test.each(['-1', 'abc', '1.5', '05', '+1', '', ' ', '1e0', '0x1', '9007199254740992'])(
    '[row 48] of %j is 400',
    async subOffset => {
      const app = openApp()
      await written(app, source, 'aa')
      const answer = await app.send('PUT', fork, { headers: forkOf(source, zero, subOffset) })
      expect(await refused(answer)).toEqual(invalid)
    },
  )

  test('[row 48] of more than the append has, or on a stream without any, is 400; of all of it is not', async () => {
    const app = openApp()
    const [first, last] = await written(app, source, 'aa', 'bbb')
    await app.send('PUT', stream('empty'), { type })
    for (const headers of [
      forkOf(source, first, '4'),
      forkOf(source, last, '1'),
      forkOf(stream('empty'), zero, '1'),
    ]) {
      expect(await refused(await app.send('PUT', fork, { headers }))).toEqual(invalid)
    }
    expect((await app.send('PUT', fork, { headers: forkOf(source, first, '3') })).status).toBe(201)
    expect(await (await app.send('GET', fork)).text()).toBe('aabbb')
  })

  test('[row 49] without a source is 400, even 0; so is a fork offset', async () => {
    const { send } = openApp()
    for (const header of [Header.forkSubOffset, Header.forkOffset]) {
      const answer = await send('PUT', fork, { headers: { [header]: '0' } })
      expect(await refused(answer)).toEqual(invalid)
    }
    expect((await send('HEAD', fork)).status).toBe(404)
  })

  test('[row 49] above 0 without a fork offset is 400; 0 is as if it were absent', async () => {
    const app = openApp()
    await written(app, source, 'aa')
    const counted = { headers: forkOf(source, undefined, '1') }
    expect(await refused(await app.send('PUT', fork, counted))).toEqual(invalid)
    for (const [subOffset, status] of [
      ['0', 201],
      [undefined, 200],
    ] as const) {
      const headers = forkOf(source, undefined, subOffset)
      expect((await app.send('PUT', fork, { headers })).status).toBe(status)
    }
  })
})

describe('[row 50] A fork', () => {
  test('of another content type is 409 and holds nothing; of the same, written differently, is made', async () => {
    const app = openApp()
    await written(app, source, 'aa')
    const other = await app.send('PUT', fork, { headers: forkOf(source), type: ContentType.json })
    expect(await refused(other)).toEqual([409, ErrorCode.contentTypeMismatch])
    const same = await app.send('PUT', fork, { headers: forkOf(source), type: 'Text/Plain; charset=utf-8' })
    expect([same.status, same.headers.get('Content-Type')]).toEqual([201, type])
  })

  test('of a deleted source is 409', async () => {
    const app = openApp()
    await written(app, source, 'aa')
    await app.send('PUT', fork, { headers: forkOf(source) })
    await app.send('DELETE', source)
    const answer = await app.send('PUT', stream('late'), { headers: forkOf(source) })
    expect(await refused(answer)).toEqual([409, ErrorCode.streamDeleted])
    // What is there already is there, whatever became of its source.
    expect((await app.send('PUT', fork, { headers: forkOf(source) })).status).toBe(200)
  })

  test('[row 50] where another stream is, or another fork, is 409', async () => {
    const app = openApp()
    const [first, second] = await written(app, source, 'aa', 'bb', 'cc')
    await written(app, stream('plain'), 'xx')
    await app.send('PUT', fork, { headers: forkOf(source, first, '1') })
    for (const [target, headers] of [
      [stream('plain'), forkOf(source)],
      [source, forkOf(source)],
      [fork, forkOf(source, second, '1')],
      [fork, forkOf(source, first, '2')],
      [fork, forkOf(source, first)],
      [fork, forkOf(stream('plain'), first, '1')],
      [fork, { ...forkOf(source, first, '1'), [Header.ttl]: '9' }],
      [fork, { ...forkOf(source, first, '1'), ...closing }],
      [fork, {}],
    ] as const) {
      const answer = await app.send('PUT', target, { headers, type })
      expect(await refused(answer)).toEqual([409, ErrorCode.configMismatch])
    }
    expect((await app.send('PUT', fork, { headers: forkOf(source, first, '1') })).status).toBe(200)
  })
})

describe('[row 51] A deleted stream that forks hold', () => {
  test('is 410 to everybody, 409 to who would create it, and 404 when they are gone', async () => {
    const app = openApp()
    const { send } = app
    await written(app, source, 'aa')
    await send('PUT', fork, { headers: forkOf(source) })
    expect((await send('DELETE', source)).status).toBe(204)
    for (const [method, asked] of [
      ['GET', {}],
      ['POST', { type, body: 'x' }],
      ['DELETE', {}],
    ] as const) {
      expect(await refused(await send(method, source, asked))).toEqual([410, ErrorCode.streamDeleted])
    }
    expect((await send('HEAD', source)).status).toBe(410)
    expect((await send('GET', from(source, Sentinel.tail))).status).toBe(410)
    for (const headers of [{}, forkOf(fork)]) {
      expect(await refused(await send('PUT', source, { type, headers }))).toEqual([
        409,
        ErrorCode.streamDeleted,
      ])
    }
    expect(await (await send('GET', fork)).text()).toBe('aa')
    expect((await send('DELETE', fork)).status).toBe(204)
    for (const method of ['GET', 'HEAD', 'DELETE']) expect((await send(method, source)).status).toBe(404)
    expect((await send('PUT', source, { type })).status).toBe(201)
  })

  test('[row 51] is the same to another process, and after a restart', async () => {
    const store = openMemoryStore()
    const app = openApp({ store })
    await written(app, source, 'aa')
    await app.send('PUT', fork, { headers: forkOf(source) })
    await app.send('DELETE', source)
    const other = openApp({ store })
    expect((await other.send('GET', source)).status).toBe(410)
    expect(await (await other.send('GET', fork)).text()).toBe('aa')
    expect((await other.send('DELETE', fork)).status).toBe(204)
    expect((await app.send('GET', source)).status).toBe(404)
  })

  test('[row 51] because its time was over is 410 too', async () => {
    const { send, world } = openApp()
    await send('PUT', source, { type, body: 'aa', headers: { [Header.ttl]: '10' } })
    await send('PUT', fork, { headers: { ...forkOf(source), [Header.ttl]: '100' } })
    world.time += 20_000
    expect((await send('GET', source)).status).toBe(410)
    expect(await (await send('GET', fork)).text()).toBe('aa')
  })
})
