import { describe, expect, test } from 'vitest'
import { Header, Live, Sentinel } from '../../protocol/index.ts'
import { Events } from './events.ts'
import { from, openApp, stream } from './fixture.ts'

const s = stream('s')
const origin = 'https://app.example.org'
const other = 'https://evil.example.org'

/** The protocol's headers that servers send, and those that clients send. */
const answerHeaders = [
  Header.nextOffset,
  Header.upToDate,
  Header.closed,
  Header.cursor,
  Header.ttl,
  Header.expiresAt,
  Header.sseEncoding,
  Header.producerEpoch,
  Header.producerSeq,
  Header.producerExpectedSeq,
  Header.producerReceivedSeq,
]
const requestHeaders = [
  Header.closed,
  Header.ttl,
  Header.expiresAt,
  Header.seq,
  Header.producerId,
  Header.producerEpoch,
  Header.producerSeq,
]

const allowed = (answer: Response) => answer.headers.get('Access-Control-Allow-Origin')
const exposed = (answer: Response) => answer.headers.get('Access-Control-Expose-Headers')?.split(', ') ?? []
const asking = (from: string) => ({ headers: { Origin: from } })
const preflight = (from: string) => ({
  headers: { Origin: from, 'Access-Control-Request-Method': 'POST' },
})

describe('With listed origins', () => {
  const origins = [origin, 'http://localhost:5173']

  test('one of them may use the server, see what it answers, and nobody shares the answer', async () => {
    const { send } = openApp({ origins })
    const answer = await send('PUT', s, asking(origin))
    expect(allowed(answer)).toBe(origin)
    expect(answer.headers.get('Vary')).toBe('Origin')
    expect(exposed(answer)).toEqual(
      expect.arrayContaining([...answerHeaders, 'ETag', 'Location', 'Retry-After']),
    )
    expect(answer.headers.get('Access-Control-Allow-Credentials')).toBeNull()
    expect(allowed(await send('GET', s, asking('http://localhost:5173')))).toBe('http://localhost:5173')
  })

  test.each([
    other,
    'https://app.example.org.evil.org',
    'http://app.example.org',
    'https://APP.example.org',
    'null',
  ])('%s gets no permission, and no error of its own', async stranger => {
    const { send } = openApp({ origins })
    const answer = await send('PUT', s, asking(stranger))
    expect([answer.status, allowed(answer), exposed(answer)]).toEqual([201, null, []])
    expect(answer.headers.get('Vary')).toBe('Origin')
  })

  test('a request without an origin is answered, and may not be shared with one that has one', async () => {
    const answer = await openApp({ origins }).send('PUT', s)
    expect([answer.status, allowed(answer), answer.headers.get('Vary')]).toEqual([201, null, 'Origin'])
  })

  test('the preflight of a listed origin says what may be sent, and for how long that holds', async () => {
    const { send } = openApp({ origins })
    const answer = await send('OPTIONS', s, preflight(origin))
    expect([answer.status, allowed(answer)]).toEqual([204, origin])
    expect(answer.headers.get('Access-Control-Allow-Methods')?.split(', ')).toEqual(
      expect.arrayContaining(['GET', 'HEAD', 'PUT', 'POST', 'DELETE']),
    )
    const headers = answer.headers.get('Access-Control-Allow-Headers')?.split(', ')
    expect(headers).toEqual(
      expect.arrayContaining([...requestHeaders, 'Authorization', 'Content-Type', 'If-None-Match']),
    )
    expect(Number(answer.headers.get('Access-Control-Max-Age'))).toBeGreaterThanOrEqual(600)
    expect(exposed(answer)).toEqual([])
  })

  test('[row 81] the preflight of another origin is 204 without permission', async () => {
    const { send } = openApp({ origins })
    const answer = await send('OPTIONS', s, preflight(other))
    expect([answer.status, allowed(answer)]).toEqual([204, null])
    expect(answer.headers.get('Vary')).toBe('Origin')
  })

  test('the preflight of a server that stops, or of a path that is none, is answered as any', async () => {
    const { send } = openApp({ origins, ready: () => false })
    expect((await send('OPTIONS', '/nothing', preflight(origin))).status).toBe(204)
  })

  test('refusals, failures, redirects and event streams carry the permission too', async () => {
    const { send } = openApp({ origins })
    await send('PUT', s, { body: 'abc' })
    for (const [method, target, headers] of [
      ['GET', stream('none'), {}],
      ['POST', s, {}],
      ['PATCH', s, {}],
      ['GET', '/nothing', {}],
      ['GET', s, { 'If-None-Match': '*' }],
      ['GET', '/healthz', {}],
    ] as const) {
      const answer = await send(method, target, { headers: { ...headers, Origin: origin } })
      expect([allowed(answer), answer.headers.get('Vary')]).toEqual([origin, 'Origin'])
    }
    const live = await send('GET', from(s, Sentinel.start, Live.sse), asking(origin))
    expect([allowed(live), live.headers.get('Vary')]).toEqual([origin, 'Origin'])
    expect(exposed(live)).toContain(Header.sseEncoding)
    await new Events(live).leave()
  })

  test('no answer but a preflight carries the long lists', async () => {
    const answer = await openApp({ origins }).send('PUT', s, asking(origin))
    for (const list of ['Methods', 'Headers']) {
      expect(answer.headers.get(`Access-Control-Allow-${list}`)).toBeNull()
    }
  })
})

describe('With *', () => {
  test('everybody may use the server, without credentials, and answers are shared', async () => {
    const { send } = openApp({ origins: ['*'] })
    const answer = await send('PUT', s, asking(other))
    expect([allowed(answer), answer.headers.get('Vary')]).toEqual(['*', null])
    expect(answer.headers.get('Access-Control-Allow-Credentials')).toBeNull()
    expect(exposed(answer)).toContain(Header.nextOffset)
    expect(allowed(await send('OPTIONS', s, preflight(other)))).toBe('*')
  })

  test('an answer that a cache kept for one who has no origin serves everybody', async () => {
    const answer = await openApp({ origins: ['*'] }).send('PUT', s)
    expect([allowed(answer), exposed(answer).includes(Header.nextOffset)]).toEqual(['*', true])
  })
})

describe('Without origins', () => {
  test('only the server’s own pages may use it', async () => {
    const { send } = openApp()
    const answer = await send('PUT', s, asking(origin))
    expect([answer.status, allowed(answer), answer.headers.get('Vary')]).toEqual([201, null, null])
    expect(allowed(await send('OPTIONS', s, preflight(origin)))).toBeNull()
  })
})
