import { describe, expect, test, vi } from 'vitest'
import { DurableStream, StreamError, type StreamOptions } from '../../client/index.ts'
import { ContentType, ErrorCode, Header } from '../../protocol/index.ts'
import { bytesOf, textOf } from './replay.ts'
import { script, World } from './world.ts'

const url = 'http://server/v1/stream/s'
const next = '0000_0007'
const ok =
  (status = 200, headers: Record<string, string> = {}, body: string | null = null) =>
  () =>
    new Response(body, { status, headers: { [Header.nextOffset]: next, ...headers } })
const refused =
  (status: number, headers: Record<string, string> = {}, body = 'no') =>
  () =>
    new Response(body, { status, headers })
const streamOf = (world: World, options: Partial<StreamOptions> = {}) =>
  new DurableStream({ url, env: world, ...options })
const nothingOpen = { timers: 0, requests: 0, bodies: 0 }

describe('a request', () => {
  test('carries its parameters sorted by key, encoded, beside those of the URL, and the headers of the caller', async () => {
    const world = new World(script(ok()))
    const stream = new DurableStream({
      url: `${url}?z=1&awareness=a b#x`,
      env: world,
      headers: { 'X-Mine': '1' },
    })
    await stream.read({ offset: 'a+b/c', query: { m: '2', nothing: undefined } })
    expect(world.seen[0]?.url.href).toBe(`${url}?awareness=a+b&m=2&offset=a%2Bb%2Fc&z=1`)
    expect(world.seen[0]?.headers.get('x-mine')).toBe('1')
    expect(stream.url).toBe(`${url}?z=1&awareness=a%20b`)
  })

  test('to read may pass over what a cache holds', async () => {
    const world = new World(script(ok(), ok()))
    const stream = new DurableStream({ url, env: world })
    await stream.read({ cache: 'reload' })
    await stream.read()
    expect(world.seen.map(({ cache }) => cache)).toEqual(['reload', undefined])
  })

  test('cannot be made for a URL that fetch refuses', () => {
    expect(() => new DurableStream({ url: 'ftp://server/s' })).toThrow(TypeError)
    expect(() => new DurableStream({ url: 'http://me:secret@server/s' })).toThrow(TypeError)
    expect(() => new DurableStream({ url: '/relative' })).toThrow(TypeError)
  })

  test('may be relative to the page in a browser', () => {
    vi.stubGlobal('location', { href: 'https://app.example/page?x#y' })
    expect(new DurableStream({ url: '/v1/stream/s' }).url).toBe('https://app.example/v1/stream/s')
    vi.unstubAllGlobals()
  })

  test('fails when no answer comes in time, and when the rest of one does not', async () => {
    const world: World = new World(
      script(
        () => new Promise(() => {}),
        () => new Response(world.body([bytesOf('ab')], 'hangs'), { headers: { [Header.nextOffset]: next } }),
      ),
    )
    const started = world.time
    const stream = streamOf(world, { timeoutMs: 1000, retry: false })
    await expect(world.until(stream.read())).rejects.toMatchObject({ code: 'TIMEOUT', status: undefined })
    expect(world.time - started).toBe(1000)
    await expect(world.until(stream.read())).rejects.toMatchObject({ code: 'TIMEOUT' })
    expect(world.open).toEqual(nothingOpen)
  })

  test('may take longer than that in total as long as its bytes keep coming', async () => {
    let sent = 0
    const slow = new ReadableStream<Uint8Array>({
      pull: async controller => {
        await world.sleep(900, new AbortController().signal)
        return sent++ === 5 ? controller.close() : controller.enqueue(bytesOf('x'))
      },
    })
    const world: World = new World(
      script(() => new Response(slow, { headers: { [Header.nextOffset]: next } })),
    )
    const result = await world.until(streamOf(world, { timeoutMs: 1000 }).read())
    expect(textOf(result.bytes)).toBe('xxxxx')
  })

  test('given up by its caller rejects with ABORTED and why, at once', async () => {
    const world = new World(() => new Promise(() => {}))
    const gone = new AbortController()
    const reading = streamOf(world).read({ signal: gone.signal })
    await world.quiet()
    gone.abort('enough')
    await expect(reading).rejects.toMatchObject({ code: 'ABORTED', cause: 'enough', transient: false })
    await expect(streamOf(world).head({ signal: gone.signal })).rejects.toMatchObject({ code: 'ABORTED' })
    expect(world.seen).toHaveLength(1)
    await world.quiet()
    expect(world.open).toEqual(nothingOpen)
  })

  test('with headers that no request can carry throws a TypeError and is not repeated', async () => {
    const world = new World(script())
    await expect(streamOf(world, { headers: { 'X-Bad': 'a\nb' } }).head()).rejects.toThrow(TypeError)
    expect(world.open).toEqual(nothingOpen)
  })
})

describe('a refusal', () => {
  const problem = (code: string, more = {}) => JSON.stringify({ error: { code, message: 'why', ...more } })

  test("has the server's code, message and details", async () => {
    const body = problem(ErrorCode.documentNotFound, { missing: [1, 2] })
    const error = await streamOf(new World(script(refused(404, {}, body))))
      .read()
      .catch(error => error)
    expect(error).toBeInstanceOf(StreamError)
    expect(error).toMatchObject({
      name: 'StreamError',
      code: 'DOCUMENT_NOT_FOUND',
      status: 404,
      url: `${url}?offset=-1`,
      details: { error: { missing: [1, 2] } },
      refused: true,
    })
    expect(error.message).toContain('why')
    expect(Object.keys(error.details)).toEqual(['error'])
  })

  test.each([
    ['an unknown code', problem('SOMETHING_NEW')],
    ['plain text', 'Stream not found'],
    ['broken JSON', '{"error":'],
    ['JSON null', 'null'],
    ['no body', ''],
  ])('with %s has the code of its status', async (_, body) => {
    const world = new World(script(refused(404, {}, body)))
    await expect(streamOf(world).read()).rejects.toMatchObject({ code: 'STREAM_NOT_FOUND' })
  })

  test.each([
    ['read', 400, {}, 'INVALID_REQUEST'],
    ['read', 401, {}, 'UNAUTHORIZED'],
    ['read', 403, {}, 'FORBIDDEN'],
    ['append', 403, { [Header.producerEpoch]: '4' }, 'PRODUCER_FENCED'],
    ['read', 405, {}, 'METHOD_NOT_ALLOWED'],
    ['create', 409, {}, 'CONFIG_MISMATCH'],
    ['append', 409, {}, 'CONFLICT'],
    ['append', 409, { [Header.closed]: 'true', [Header.nextOffset]: next }, 'STREAM_CLOSED'],
    ['append', 409, { [Header.producerExpectedSeq]: '2', [Header.producerReceivedSeq]: '5' }, 'PRODUCER_GAP'],
    ['read', 410, {}, 'OFFSET_EXPIRED'],
    ['append', 410, {}, 'STREAM_NOT_FOUND'],
    ['append', 413, {}, 'BODY_TOO_LARGE'],
    ['append', 415, {}, 'UNSUPPORTED_ENCODING'],
    ['read', 418, {}, 'INVALID_REQUEST'],
    ['read', 429, {}, 'RATE_LIMITED'],
    ['read', 503, {}, 'INTERNAL_ERROR'],
    ['append', 507, {}, 'STORAGE_FULL'],
    ['append', 501, {}, 'METHOD_NOT_ALLOWED'],
    ['read', 304, {}, 'BAD_ANSWER'],
  ] as const)('of %s by status %d and headers %o has the code %s', async (verb, status, headers, code) => {
    const world = new World(
      () => new Response(status === 304 ? null : 'no', { status, headers: { ...headers } }),
    )
    const stream = streamOf(world, { retry: false })
    const call = {
      read: () => stream.read(),
      append: () => stream.append('x'),
      create: () => stream.create(),
    }[verb]
    await expect(call()).rejects.toMatchObject({ code, status })
  })

  test('carries the facts of producer and closure headers', async () => {
    const gap = { [Header.producerExpectedSeq]: '2', [Header.producerReceivedSeq]: '5' }
    const world = new World(
      script(
        refused(409, gap),
        refused(403, { [Header.producerEpoch]: '4' }),
        refused(409, { [Header.closed]: 'true', [Header.nextOffset]: next }),
      ),
    )
    const append = () => streamOf(world).append('x', { producer: { id: 'p', epoch: 1, seq: 5 } })
    await expect(append()).rejects.toMatchObject({ details: { expectedSeq: 2, receivedSeq: 5 } })
    await expect(append()).rejects.toMatchObject({ details: { epoch: 4 } })
    await expect(append()).rejects.toMatchObject({ details: { next } })
  })
})

describe('a single request that failed in passing', () => {
  const failures = [
    ['lost', () => Promise.reject(new TypeError('reset'))],
    ['408', refused(408)],
    ['425', refused(425)],
    ['429', refused(429)],
    ['500', refused(500)],
    ['503', refused(503)],
    ['not of this protocol', () => new Response('<html>', { status: 200 })],
  ] as const

  test.each(failures)('(%s) is repeated for head, read and an append with a producer', async (_, failure) => {
    const world = new World(script(failure, failure, ok(), failure, ok(), failure, ok(), failure, ok(204)))
    const stream = streamOf(world)
    await world.until(stream.head())
    await world.until(stream.read())
    const producer = { id: 'p', epoch: 0, seq: 0 }
    expect(await world.until(stream.append('abc', { producer }))).toMatchObject({ kind: 'appended', next })
    await world.until(stream.close())
    expect(world.slept).toEqual([125, 250, 125, 125, 125])
    const [first, second] = world.seen.filter(seen => seen.body === 'abc')
    expect(first && [...first.headers]).toEqual(second && [...second.headers])
  })

  test('is repeated only so often, each wait told before it', async () => {
    const waits: number[] = []
    const world = new World(refused(503))
    const onRetry = (error: StreamError, delayMs: number) => waits.push(error.status ?? 0, delayMs)
    await expect(world.until(streamOf(world).head({ onRetry }))).rejects.toMatchObject({ status: 503 })
    expect(world.seen).toHaveLength(6)
    expect(waits).toEqual([503, 125, 503, 250, 503, 500, 503, 1000, 503, 2000])
  })

  test('is sent once where the caller said so, for the stream or the call', async () => {
    const world = new World(refused(503))
    await expect(streamOf(world, { retry: false }).head()).rejects.toMatchObject({ status: 503 })
    await expect(streamOf(world).head({ retry: false })).rejects.toMatchObject({ status: 503 })
    expect(world.seen).toHaveLength(2)
    await expect(world.until(streamOf(world).head({ retry: { attempts: 3 } }))).rejects.toThrow()
    expect(world.seen).toHaveLength(5)
  })

  test('is not repeated when the server asks for a wait that nobody would sit through', async () => {
    const world = new World(
      script(refused(429, { 'Retry-After': '2' }), ok(), refused(429, { 'Retry-After': '31' })),
    )
    await world.until(streamOf(world).head())
    expect(world.slept).toEqual([2500])
    await expect(streamOf(world).head()).rejects.toMatchObject({ retryAfterMs: 31_000 })
  })

  test('is given up while it waits when its signal fires', async () => {
    const gone = new AbortController()
    const world = new World(refused(503))
    const heading = streamOf(world).head({ signal: gone.signal })
    await world.quiet()
    expect(world.open.timers).toBe(1)
    gone.abort()
    await expect(heading).rejects.toMatchObject({ code: 'ABORTED' })
    expect(world.open).toEqual(nothingOpen)
  })
})

describe('an append without a producer', () => {
  test.each(['lost', 408, 500, 503, 'strange'])(
    'is not repeated after an unknown outcome (%s)',
    async failure => {
      const world = new World(() => {
        if (failure === 'lost') throw new TypeError('reset')
        return typeof failure === 'number' ? refused(failure)() : new Response('<html>')
      })
      await expect(world.until(streamOf(world).append('x'))).rejects.toMatchObject({ refused: false })
      expect(world.seen).toHaveLength(1)
    },
  )

  test.each([425, 429])('is repeated after %d, which says that nothing was done', async status => {
    const world = new World(script(refused(status), ok(204)))
    expect(await world.until(streamOf(world).append('x'))).toMatchObject({ kind: 'appended' })
  })
})

describe('what is sent', () => {
  test('to create says everything the caller said, and tells 201 from 200', async () => {
    const answer = { 'Content-Type': 'text/plain', [Header.closed]: 'true' }
    const world = new World(script(ok(201, answer)))
    const stream = streamOf(world, { contentType: 'text/plain' })
    const options = {
      ttlSeconds: 60,
      expiresAt: new Date(0),
      closed: true,
      body: 'all',
      forkedFrom: '/v1/stream/t',
      forkOffset: next as never,
      forkSubOffset: 3,
    }
    expect(await stream.create(options)).toEqual({
      created: true,
      next,
      contentType: 'text/plain',
      closed: true,
    })
    const { headers, method, body } = world.seen[0] ?? expect.unreachable()
    expect([method, body, headers.get('content-type')]).toEqual(['PUT', 'all', 'text/plain'])
    const names = [
      Header.ttl,
      Header.expiresAt,
      Header.closed,
      Header.forkedFrom,
      Header.forkOffset,
      Header.forkSubOffset,
    ]
    const values = ['60', '1970-01-01T00:00:00.000Z', 'true', '/v1/stream/t', next, '3']
    expect(names.map(name => headers.get(name))).toEqual(values)
    const undeclared = streamOf(new World(() => new Response(null, { status: 200 })))
    expect(await undeclared.create()).toMatchObject({ created: false, next: undefined, closed: false })
  })

  test('to create without a type says none, whatever the body', async () => {
    const world = new World(script(ok(201)))
    await streamOf(world).create({ body: 'a' })
    expect(world.seen[0]?.headers.get('content-type')).toBeNull()
  })

  test('to append is exactly the bytes, their type, and who appends', async () => {
    const world = new World(
      script(ok(204), ok(200, { [Header.producerSeq]: '9' }), ok(204), ok(204, { [Header.closed]: 'true' })),
    )
    const stream = streamOf(world)
    const bytes = Uint8Array.from([0, 255, 1])
    await stream.append(bytes)
    expect(world.seen[0]?.bytes).toEqual(bytes)
    expect(world.seen[0]?.headers.get('content-type')).toBe(ContentType.binary)
    const producer = { id: 'p', epoch: 3, seq: 9 }
    const options = { producer, seq: 's1', contentType: 'a/b', query: { awareness: 'x' } }
    expect(await stream.append('x', options)).toEqual({ kind: 'appended', next, closed: false, seq: 9 })
    const { headers } = world.seen[1] ?? expect.unreachable()
    const names = [Header.producerId, Header.producerEpoch, Header.producerSeq, Header.seq, 'content-type']
    expect(names.map(name => headers.get(name))).toEqual(['p', '3', '9', 's1', 'a/b'])
    expect(world.seen[1]?.url.search).toBe('?awareness=x')
    expect(await stream.append('x', { producer })).toMatchObject({ kind: 'duplicate' })
    expect(await stream.append('x', { close: true })).toMatchObject({ kind: 'appended', closed: true })
    await expect(stream.append('')).rejects.toThrow(TypeError)
  })

  test('to close has no body and no type', async () => {
    const world = new World(script(ok(204)))
    expect(await streamOf(world).close()).toEqual({ next })
    expect(world.seen[0]).toMatchObject({ method: 'POST', body: '' })
    expect(world.seen[0]?.headers.get('content-type')).toBeNull()
    expect(world.seen[0]?.headers.get(Header.closed)).toBe('true')
  })

  test('to remove may be answered 404 the second time when the first answer was lost', async () => {
    const lost = () => Promise.reject(new TypeError('reset'))
    const world = new World(script(lost, refused(404), refused(404), refused(429), refused(404)))
    await world.until(streamOf(world).remove())
    await expect(streamOf(world).remove()).rejects.toMatchObject({ code: 'STREAM_NOT_FOUND' })
    await expect(world.until(streamOf(world).remove())).rejects.toMatchObject({ code: 'STREAM_NOT_FOUND' })
  })
})

describe('what is answered', () => {
  test('to head is all there is to know', async () => {
    const headers = { 'Content-Type': 'a/b', [Header.ttl]: '60', [Header.expiresAt]: '1970-01-01T00:00:01Z' }
    const world = new World(
      script(ok(200, headers), ok(200, { [Header.closed]: 'false', [Header.ttl]: 'x' })),
    )
    const stream = streamOf(world)
    const expiresAt = new Date(1000)
    expect(await stream.head()).toEqual({
      contentType: 'a/b',
      next,
      closed: false,
      ttlSeconds: 60,
      expiresAt,
    })
    expect(await stream.head()).toMatchObject({ closed: false, ttlSeconds: undefined, expiresAt: undefined })
  })

  test('to read is the bytes, the place, and where it was found after redirects', async () => {
    const found = ok(200, { ETag: '"e"', 'Content-Type': 'a/b', [Header.closed]: 'true' }, 'abc')()
    Object.defineProperty(found, 'url', { value: 'http://server/moved?offset=9' })
    const world = new World(script(() => found))
    const { bytes, headers, ...rest } = await streamOf(world).read()
    expect([textOf(bytes), headers.get('ETag')]).toEqual(['abc', '"e"'])
    const url = 'http://server/moved?offset=9'
    expect(rest).toEqual({ next, upToDate: true, closed: true, contentType: 'a/b', etag: '"e"', url })
  })

  test('to catch up is followed until nothing is left, and not round in circles', async () => {
    const part = (offset: string, body: string, more = {}) =>
      ok(200, { [Header.nextOffset]: offset, ...more }, body)
    const world = new World(
      script(part('1', 'a'), part('2', 'b'), part('2', '', { [Header.upToDate]: 'true' })),
    )
    const texts = []
    for await (const { bytes } of streamOf(world).catchUp()) texts.push(textOf(bytes))
    expect(texts).toEqual(['a', 'b', ''])
    expect(world.seen.map(seen => seen.url.search)).toEqual(['?offset=-1', '?offset=1', '?offset=2'])
    const stuck = streamOf(new World(part('2', ''))).catchUp({ offset: '2' })
    await stuck.next()
    await expect(stuck.next()).rejects.toMatchObject({ code: 'BAD_ANSWER' })
  })
})
