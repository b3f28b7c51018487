import { describe, expect, test } from 'vitest'
import { ContentType, ErrorCode, Header } from '../../protocol/index.ts'
import { type App, closing, codeOf, from, nextOf, openApp, producer, stream } from './fixture.ts'

const s = stream('s')
const text = { type: 'text/plain' }

const withStream = async (content = '', headers: Record<string, string> = {}): Promise<App> => {
  const app = openApp()
  expect((await app.send('PUT', s, { ...text, body: content, headers })).status).toBe(201)
  return app
}

const contentOf = async ({ send }: App, target = s): Promise<string> => (await send('GET', target)).text()

describe('An append', () => {
  test('answers 204 with the new tail, no body, and nothing about closure', async () => {
    const app = await withStream()
    const answer = await app.send('POST', s, { ...text, body: 'abc' })
    expect(answer.status).toBe(204)
    expect(await answer.text()).toBe('')
    expect(answer.headers.get(Header.closed)).toBeNull()
    expect(nextOf(await app.send('HEAD', s))).toBe(nextOf(answer))
    expect(await contentOf(app)).toBe('abc')
  })

  test('in chunks is one append', async () => {
    const app = await withStream()
    const chunks = ['a', 'b', 'c'].map(chunk => new TextEncoder().encode(chunk))
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        const chunk = chunks.shift()
        if (chunk) controller.enqueue(chunk)
        else controller.close()
      },
    })
    expect((await app.send('POST', s, { ...text, body })).status).toBe(204)
    const state = await app.streams.load('stream/s')
    expect(state && (await app.streams.slice('stream/s', state, 0))).toMatchObject({ records: { length: 1 } })
  })

  test('whose body breaks off appends nothing', async () => {
    const app = await withStream()
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(new TextEncoder().encode('half'))
        controller.error(new Error('the client is gone'))
      },
    })
    expect((await app.send('POST', s, { ...text, body })).status).toBe(500)
    expect(await contentOf(app)).toBe('')
  })

  test.each(['GET', 'HEAD', 'POST', 'DELETE'])('[row 1] %s of an unknown stream is 404', async method => {
    const { send } = openApp()
    const answer = await send(method, s, method === 'POST' ? { ...text, body: 'abc' } : {})
    expect(answer.status).toBe(404)
    if (method !== 'HEAD') expect(await codeOf(answer)).toBe(ErrorCode.streamNotFound)
  })

  test('[row 2] without a body is 400', async () => {
    const app = await withStream()
    for (const asked of [{}, text, { ...text, body: '' }]) {
      const answer = await app.send('POST', s, asked)
      expect([answer.status, await codeOf(answer)]).toEqual([400, ErrorCode.invalidRequest])
    }
  })

  test('[row 3] with a body and no Content-Type is 400', async () => {
    const app = await withStream()
    const answer = await app.send('POST', s, { body: 'abc' })
    expect([answer.status, await codeOf(answer)]).toEqual([400, ErrorCode.invalidRequest])
    expect(await contentOf(app)).toBe('')
  })

  test('[row 4] with another content type is 409', async () => {
    const app = await withStream()
    const answer = await app.send('POST', s, { type: 'application/json', body: '1' })
    expect([answer.status, await codeOf(answer)]).toEqual([409, ErrorCode.contentTypeMismatch])
    expect(answer.headers.get(Header.closed)).toBeNull()
    expect((await app.send('POST', s, { type: 'TEXT/plain; charset=utf-8', body: 'a' })).status).toBe(204)
  })

  test.each<[string, string, Record<string, string>]>([
    ['with the right type', 'text/plain', {}],
    ['with a wrong type', 'application/json', {}],
    ['with an old Stream-Seq', 'text/plain', { [Header.seq]: 'a' }],
  ])('[row 5] to a closed stream %s is 409 and says where it ends', async (_what, type, headers) => {
    const app = await withStream('abc')
    const closed = await app.send('POST', s, {
      ...text,
      body: 'd',
      headers: { ...closing, [Header.seq]: 'm' },
    })
    const answer = await app.send('POST', s, { type, body: '1', headers })
    expect([answer.status, await codeOf(answer)]).toEqual([409, ErrorCode.streamClosed])
    expect(answer.headers.get(Header.closed)).toBe('true')
    expect(nextOf(answer)).toBe(nextOf(closed))
    expect(await contentOf(app)).toBe('abcd')
  })

  test('[row 6] that would close a closed stream with a body is 409', async () => {
    const app = await withStream('abc', closing)
    const answer = await app.send('POST', s, { ...text, body: 'd', headers: closing })
    expect([answer.status, answer.headers.get(Header.closed)]).toEqual([409, 'true'])
  })

  test('[row 7] that closes without a body is 204, however often', async () => {
    const app = await withStream('abc')
    for (let round = 0; round < 3; round++) {
      const answer = await app.send('POST', s, { headers: closing })
      expect([answer.status, answer.headers.get(Header.closed)]).toEqual([204, 'true'])
      expect(nextOf(answer)).toBe(nextOf(await app.send('HEAD', s)))
    }
  })

  test('[row 8] that closes without a body may say any content type', async () => {
    const app = await withStream()
    expect((await app.send('POST', s, { type: 'application/json', headers: closing })).status).toBe(204)
  })

  test.each(['yes', '1', 'false', ''])(
    '[row 9] with Stream-Closed: %j is an append and closes nothing',
    async value => {
      const app = await withStream()
      const headers = { [Header.closed]: value }
      expect((await app.send('POST', s, { ...text, body: 'a', headers })).status).toBe(204)
      const answer = await app.send('POST', s, {
        ...text,
        body: 'b',
        headers: { ...headers, ...producer(0, 0) },
      })
      expect(answer.status).toBe(200)
      expect(answer.headers.get(Header.closed)).toBeNull()
      expect((await app.send('HEAD', s)).headers.get(Header.closed)).toBeNull()
      expect((await app.send('POST', s, { headers })).status).toBe(400)
      expect(await contentOf(app)).toBe('ab')
    },
  )

  test.each(['true', 'TRUE', 'True'])('[row 9] with Stream-Closed: %s closes', async value => {
    const app = await withStream()
    const answer = await app.send('POST', s, { ...text, body: 'a', headers: { [Header.closed]: value } })
    expect([answer.status, answer.headers.get(Header.closed)]).toEqual([204, 'true'])
  })

  test('[row 10] with a Stream-Seq that is not above the last is 409', async () => {
    const app = await withStream()
    const post = async (seq: string) =>
      app.send('POST', s, { ...text, body: seq, headers: { [Header.seq]: seq } })
    expect((await post('2')).status).toBe(204)
    for (const seq of ['2', '1', '10']) {
      const answer = await post(seq)
      expect([answer.status, await codeOf(answer)]).toEqual([409, ErrorCode.sequenceRegression])
    }
    expect((await post('3')).status).toBe(204)
    expect(await contentOf(app)).toBe('23')
  })

  test.each([
    ['an unknown stream', stream('unknown'), 'application/json', '{}', 404],
    ['the wrong type', s, 'text/plain', '{}', 409],
    ['an empty body', s, 'application/json', '', 400],
    ['broken JSON', s, 'application/json', '{', 400],
    ['an empty array', s, 'application/json', '[]', 400],
  ])('[row 23] of a producer to %s', async (_what, target, type, body, status) => {
    const { send } = openApp()
    await send('PUT', s, { type: 'application/json' })
    const headers = producer(0, 0)
    expect((await send('POST', target, { type, body, headers })).status).toBe(status)
    // What was refused was not counted: the same batch, put right, is new.
    const right = await send('POST', s, { type: 'application/json', body: '{}', headers })
    expect(right.status).toBe(200)
  })

  test('[row 43] of JSON must be JSON and not an empty array; a creation may be one', async () => {
    const { send } = openApp()
    const json = { type: ContentType.json }
    expect((await send('PUT', s, { ...json, body: '[]' })).status).toBe(201)
    expect((await send('PUT', stream('t'), { ...json, body: '{' })).status).toBe(400)
    expect((await send('HEAD', stream('t'))).status).toBe(404)
    for (const body of ['{', '[]', '[1,]'])
      expect((await send('POST', s, { ...json, body })).status).toBe(400)
    expect((await send('POST', s, { ...json, body: '[{"a":1},2]' })).status).toBe(204)
    expect((await send('POST', s, { ...json, body: '3' })).status).toBe(204)
    const answer = await send('GET', s)
    expect(await answer.json()).toEqual([{ a: 1 }, 2, 3])
    expect(answer.headers.get('Content-Type')).toBe(ContentType.json)
    expect(await (await send('GET', from(s, nextOf(answer)))).text()).toBe('[]')
  })
})

describe('A body', () => {
  const small = () => openApp({ limits: { bodyBytes: 10 } })

  test.each<[string, (size: number) => { body: string; headers?: Record<string, string> }]>([
    ['as it comes', size => ({ body: 'a'.repeat(size) })],
    ['announced', size => ({ body: 'a'.repeat(size), headers: { 'Content-Length': `${size}` } })],
  ])('[row 44] above the limit, %s, is 413 and nothing is appended', async (_what, sized) => {
    const { send } = small()
    await send('PUT', s, text)
    for (const [size, status] of [
      [9, 204],
      [10, 204],
      [11, 413],
    ] as const) {
      const answer = await send('POST', s, { ...text, ...sized(size) })
      expect(answer.status).toBe(status)
      if (status !== 413) continue
      expect(answer.headers.get('Connection')).toBe('close')
      expect(await codeOf(answer)).toBe(ErrorCode.bodyTooLarge)
    }
    expect(await (await send('GET', s)).text()).toBe('a'.repeat(19))
    expect((await send('PUT', stream('t'), { ...text, ...sized(11) })).status).toBe(413)
    expect((await send('HEAD', stream('t'))).status).toBe(404)
  })

  test('[row 44] in chunks is counted as it comes, and the rest is not waited for', async () => {
    const { send } = small()
    await send('PUT', s, text)
    let pulled = 0
    let cancelled = false
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled++
        controller.enqueue(new Uint8Array(4))
      },
      cancel() {
        cancelled = true
      },
    })
    expect((await send('POST', s, { ...text, body: endless })).status).toBe(413)
    expect(pulled).toBeLessThan(6)
    expect(cancelled).toBe(true)
    expect(await (await send('GET', s)).text()).toBe('')
  })

  test.each(['gzip', 'br', 'GZIP', 'identity, gzip', ''])(
    '[row 76] with Content-Encoding: %j is 415',
    async encoding => {
      const app = await withStream()
      const headers = { 'Content-Encoding': encoding }
      for (const [method, target] of [
        ['POST', s],
        ['PUT', stream('t')],
      ] as const) {
        const answer = await app.send(method, target, { ...text, body: 'abc', headers })
        expect([answer.status, await codeOf(answer)]).toEqual([415, ErrorCode.unsupportedEncoding])
      }
      expect(await contentOf(app)).toBe('')
      const plain = { ...text, body: 'abc', headers: { 'Content-Encoding': 'Identity' } }
      expect((await app.send('POST', s, plain)).status).toBe(204)
    },
  )
})
