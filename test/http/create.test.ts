import { describe, expect, test } from 'vitest'
import { ContentType, ErrorCode, Header } from '../../protocol/index.ts'
import { closing, codeOf, from, nextOf, openApp, stream } from './fixture.ts'

const s = stream('s')
const ttl = (value: string) => ({ [Header.ttl]: value })
const until = (value: string) => ({ [Header.expiresAt]: value })

describe('A creation', () => {
  test('answers 201 with its type, its tail and its place', async () => {
    const { send } = openApp()
    const answer = await send('PUT', s, { type: 'text/plain', body: 'abc' })
    expect(answer.status).toBe(201)
    expect(answer.headers.get('Content-Type')).toBe('text/plain')
    expect(new URL(answer.headers.get('Location') ?? '').pathname).toBe(s)
    expect(answer.headers.get(Header.closed)).toBeNull()
    const read = await send('GET', s)
    expect(await read.text()).toBe('abc')
    expect(nextOf(read)).toBe(nextOf(answer))
  })

  test('without a type makes a binary stream', async () => {
    const { send } = openApp()
    await send('PUT', s)
    expect((await send('HEAD', s)).headers.get('Content-Type')).toBe(ContentType.binary)
  })

  test('may be closed at once, with its whole content or none', async () => {
    const { send } = openApp()
    for (const [target, body] of [
      [s, 'all there is'],
      [stream('t'), ''],
    ] as const) {
      const answer = await send('PUT', target, { type: 'text/plain', body, headers: closing })
      expect([answer.status, answer.headers.get(Header.closed)]).toEqual([201, 'true'])
      const read = await send('GET', target)
      expect(await read.text()).toBe(body)
      expect(read.headers.get(Header.closed)).toBe('true')
    }
  })

  test('[row 24] of what is there: 200 when it is the same, 409 when it is not', async () => {
    const { send } = openApp()
    const same = { type: 'text/plain', headers: ttl('60') }
    const first = await send('PUT', s, same)
    await send('POST', s, { type: 'text/plain', body: 'abc' })
    const again = await send('PUT', s, { ...same, type: 'Text/Plain; charset=utf-8' })
    expect(again.status).toBe(200)
    expect(again.headers.get('Location')).toBeNull()
    expect(again.headers.get('Content-Type')).toBe('text/plain')
    expect(nextOf(again)).not.toBe(nextOf(first))
    for (const other of [
      { ...same, type: 'text/html' },
      { ...same, type: undefined },
      { ...same, headers: ttl('61') },
      { ...same, headers: {} },
      { ...same, headers: { ...ttl('60'), ...closing } },
    ]) {
      const { type, headers } = other
      const answer = await send('PUT', s, { headers, ...(type !== undefined && { type }) })
      expect([answer.status, await codeOf(answer)]).toEqual([409, ErrorCode.configMismatch])
    }
    expect(await (await send('GET', s)).text()).toBe('abc')
  })

  test('[row 24] of a closed stream: 200 when closed is asked for, 409 when not', async () => {
    const { send } = openApp()
    await send('PUT', s, { body: 'abc' })
    await send('POST', s, { headers: closing })
    const closed = await send('PUT', s, { headers: closing })
    expect([closed.status, closed.headers.get(Header.closed)]).toEqual([200, 'true'])
    const open = await send('PUT', s)
    expect([open.status, open.headers.get(Header.closed)]).toEqual([409, 'true'])
  })

  test('[row 25] with both lifetimes is 400', async () => {
    const { send } = openApp()
    const headers = { ...ttl('60'), ...until('2030-01-01T00:00:00Z') }
    expect((await send('PUT', s, { headers })).status).toBe(400)
    expect((await send('HEAD', s)).status).toBe(404)
  })

  test.each(['-1', '+60', '060', '60.0', '6e1', 'abc', '', ' ', '0x10', '1 000', 'Infinity'])(
    '[row 26] with Stream-TTL: %j is 400',
    async value => {
      const { send } = openApp()
      const answer = await send('PUT', s, { headers: ttl(value) })
      expect([answer.status, await codeOf(answer)]).toEqual([400, ErrorCode.invalidRequest])
      expect((await send('HEAD', s)).status).toBe(404)
    },
  )

  test('[row 27] with Stream-TTL: 0 is 201, over at once, and again', async () => {
    const { send } = openApp()
    for (let round = 0; round < 2; round++) {
      expect((await send('PUT', s, { headers: ttl('0'), body: 'abc' })).status).toBe(201)
      for (const method of ['GET', 'HEAD', 'DELETE']) expect((await send(method, s)).status).toBe(404)
      expect((await send('POST', s, { type: ContentType.binary, body: 'x' })).status).toBe(404)
    }
  })

  test('[row 28] with a Stream-TTL above 2^53 - 1 is 400, below it valid', async () => {
    const { send } = openApp()
    for (const value of ['9007199254740992', '9'.repeat(40)]) {
      expect((await send('PUT', s, { headers: ttl(value) })).status).toBe(400)
    }
    expect((await send('PUT', s, { headers: ttl('9007199254740991') })).status).toBe(201)
    expect((await send('POST', s, { type: ContentType.binary, body: 'x' })).status).toBe(204)
    expect((await send('HEAD', s)).headers.get(Header.ttl)).toBe('9007199254740991')
  })

  test.each([
    'tomorrow',
    '',
    '2030-01-01',
    '2030-01-01T00:00:00',
    '2030-01-01T00:00Z',
    '2030-13-01T00:00:00Z',
    '2030-02-30T00:00:00Z',
    '2030-04-31T00:00:00Z',
    '2030-01-01T24:00:00Z',
    '2030-01-01T00:60:00Z',
    '2030-01-01T00:00:00+25:00',
    '2030-01-01T00:00:00+0100',
    '1893456000',
    'Tue, 01 Jan 2030 00:00:00 GMT',
    '+012030-01-01T00:00:00Z',
  ])('[row 29] with Stream-Expires-At: %j is 400', async value => {
    const { send } = openApp()
    const answer = await send('PUT', s, { headers: until(value) })
    expect([answer.status, await codeOf(answer)]).toEqual([400, ErrorCode.invalidRequest])
    expect((await send('HEAD', s)).status).toBe(404)
  })

  test.each([
    ['2030-01-01T00:00:00Z', '2030-01-01T00:00:00.000Z'],
    ['2030-01-01t00:00:00z', '2030-01-01T00:00:00.000Z'],
    ['2030-01-01T00:00:00.123456Z', '2030-01-01T00:00:00.123Z'],
    ['2030-01-01T02:30:00+02:30', '2030-01-01T00:00:00.000Z'],
    ['2028-02-29T23:59:59-00:00', '2028-02-29T23:59:59.000Z'],
  ])('[row 29] with Stream-Expires-At: %s ends at %s', async (value, expires) => {
    const { send } = openApp()
    expect((await send('PUT', s, { headers: until(value) })).status).toBe(201)
    expect((await send('HEAD', s)).headers.get(Header.expiresAt)).toBe(expires)
  })

  test('[row 30] with an end in the past is 201 and over at once', async () => {
    const { send } = openApp()
    expect((await send('PUT', s, { headers: until('2001-01-01T00:00:00Z') })).status).toBe(201)
    expect((await send('GET', s)).status).toBe(404)
    expect((await send('PUT', s, { headers: until('0000-01-01T00:00:00Z') })).status).toBe(201)
    expect((await send('GET', s)).status).toBe(404)
  })

  test('that lasts a while ends when its time is over, and its live readers with it', async () => {
    const { send, world } = openApp()
    await send('PUT', s, { headers: ttl('10') })
    world.time += 9_000
    expect((await send('GET', s)).status).toBe(200)
    world.time += 9_000
    expect((await send('HEAD', s)).status).toBe(200)
    world.time += 9_000
    expect((await send('HEAD', s)).status).toBe(404)
  })
})

describe('Looking at a stream', () => {
  test('answers its metadata and no body, never to be cached', async () => {
    const { send } = openApp()
    await send('PUT', s, { type: 'text/plain', body: 'abc', headers: { ...ttl('60'), ...closing } })
    const answer = await send('HEAD', s)
    expect(answer.status).toBe(200)
    expect(await answer.text()).toBe('')
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'text/plain',
      'cache-control': 'no-store',
      [Header.ttl.toLowerCase()]: '60',
      [Header.closed.toLowerCase()]: 'true',
    })
    expect(nextOf(answer)).toBe(nextOf(await send('GET', s)))
    expect(answer.headers.get(Header.expiresAt)).toBeNull()
  })
})

describe('Deleting a stream', () => {
  test('is 204 once and 404 then', async () => {
    const { send } = openApp()
    await send('PUT', s, { body: 'abc' })
    const answer = await send('DELETE', s)
    expect([answer.status, await answer.text()]).toEqual([204, ''])
    expect((await send('DELETE', s)).status).toBe(404)
    expect((await send('GET', s)).status).toBe(404)
  })

  test('makes its offsets expire for the next one of its name', async () => {
    const { send } = openApp()
    const old = nextOf(await send('PUT', s, { body: 'abc' }))
    await send('DELETE', s)
    await send('PUT', s, { body: 'xyzuvw' })
    const answer = await send('GET', from(s, old))
    expect([answer.status, await codeOf(answer)]).toEqual([410, ErrorCode.offsetExpired])
  })
})
