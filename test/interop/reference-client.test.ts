import { DurableStream, IdempotentProducer, StaleEpochError, stream } from '@durable-streams/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ContentType, Header, Live, Path, Sentinel } from '../../protocol/index.ts'
import { until } from './parties.ts'
import { ours, type Published, published, type Restartable } from './servers.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

interface Refusal {
  readonly what: string
  readonly name: string | undefined
  readonly code: unknown
  readonly status: unknown
}

/** What the client makes of each refusal. */
const refusals = async (folder: string): Promise<readonly Refusal[]> => {
  const there = await DurableStream.create({ url: `${folder}/there`, contentType: 'text/plain' })
  const missing = new DurableStream({ url: `${folder}/missing`, contentType: 'text/plain' })
  await there.append('x', { seq: '2' })
  const closed = await DurableStream.create({
    url: `${folder}/closed`,
    contentType: 'text/plain',
    closed: true,
  })
  const asked: Record<string, () => Promise<unknown>> = {
    'append to nothing': () => missing.append('x'),
    'close nothing': () => missing.close(),
    'delete nothing': () => missing.delete(),
    'read nothing': () => missing.stream({ live: false }),
    'follow nothing': () => missing.stream({ live: Live.sse }),
    'produce to nothing': () => new IdempotentProducer(missing, 'p').close('x'),
    'create another': () => DurableStream.create({ url: there.url, contentType: ContentType.json }),
    'append another type': () => there.append('{}', { contentType: ContentType.json }),
    'append out of sequence': () => there.append('x', { seq: '1' }),
    'read from nonsense': () => stream({ url: there.url, offset: 'not-an-offset' }),
    'append to the closed': () => closed.append('x'),
    'close the closed with more': () => closed.close({ body: 'x' }),
  }
  const made: Refusal[] = []
  for (const [what, ask] of Object.entries(asked)) {
    const error: { name?: string; code?: unknown; status?: unknown } = await ask().then(
      () => ({}),
      error => error,
    )
    made.push({ what, name: error.name, code: error.code, status: error.status })
  }
  return made
}

describe.each(['memory', 'lmdb'] as const)('The reference client and this server over %s', store => {
  let server: Restartable
  let reference: Published
  let count = 0
  beforeAll(async () => {
    server = await ours(store)
    reference = await published()
  })
  afterAll(() => Promise.all([server.close(), reference.close()]))

  const freshUrl = () => `${server.url}${Path.streams}interop/${++count}`
  const create = (contentType: string, more: Partial<Parameters<typeof DurableStream.create>[0]> = {}) =>
    DurableStream.create({ url: freshUrl(), contentType, ...more })
  const read = async (url: string, offset: string = Sentinel.start) =>
    (await stream({ url, offset, live: false })).text()

  test('[interop: reference client, our server/sync] what is appended, also in batches, is read from any offset', async () => {
    const handle = await create('text/plain', { body: 'first,' })
    const { offset } = await handle.head().then(found => (found.exists ? found : { offset: undefined }))
    const words = Array.from({ length: 50 }, (_, index) => `${index},`)
    await Promise.all(words.map(word => handle.append(word)))
    expect(await read(handle.url)).toBe(`first,${words.join('')}`)
    expect(await read(handle.url, offset)).toBe(words.join(''))
    const whole = await stream({ url: handle.url, live: false })
    await whole.text()
    expect(whole).toMatchObject({ upToDate: true, streamClosed: false })
    await handle.append('later')
    expect(await read(handle.url, whole.offset)).toBe('later')
  })

  test.each([Live.sse, Live.longPoll])(
    '[interop: reference client, our server/sync] a live reader by %s gets every byte once, in order, and the end',
    async live => {
      const handle = await create(ContentType.binary, { body: bytesOf('<') })
      const session = await handle.stream({ offset: Sentinel.start, live })
      const got: number[] = []
      let caughtUp = false
      session.subscribeBytes(({ data, upToDate }) => {
        got.push(...data)
        caughtUp ||= upToDate
      })
      await until(() => expect(caughtUp).toBe(true))
      const bytes = Uint8Array.from({ length: 20_000 }, (_, index) => (index * index) >> 3)
      for (let at = 0; at < bytes.length; at += 2_000) await handle.append(bytes.slice(at, at + 2_000))
      const { finalOffset } = await handle.close({ body: bytesOf('>') })
      await session.closed
      const all = Buffer.concat([bytesOf('<'), bytes, bytesOf('>')])
      await until(() => expect(got.length).toBeGreaterThanOrEqual(all.length)) // its last chunk may be on its way
      expect(Buffer.from(got).equals(all)).toBe(true)
      expect(session).toMatchObject({ offset: finalOffset, streamClosed: true })
    },
  )

  test('JSON messages arrive as they were sent, by catch-up and live', async () => {
    const handle = await create(ContentType.json)
    const messages = Array.from({ length: 20 }, (_, index) => ({ index, nested: [index, 'é\n'] }))
    const session = await handle.stream({ offset: Sentinel.start, live: true })
    const live: unknown[] = []
    session.subscribeJson(({ items }) => void live.push(...items))
    await Promise.all(messages.map(message => handle.append(JSON.stringify(message))))
    await until(() => expect(live).toEqual(messages))
    session.cancel()
    expect(await (await stream({ url: handle.url, live: false })).json()).toEqual(messages)
    expect(await (await stream({ url: handle.url, offset: Sentinel.tail, live: false })).json()).toEqual([])
  })

  test('a producer whose answer was lost repeats itself, and is stored once', async () => {
    const handle = await create('text/plain')
    const producerOf = () => new IdempotentProducer(handle, 'p', { lingerMs: 0, maxInFlight: 1 })
    const first = producerOf()
    for (const word of ['a', 'b']) {
      first.append(word)
      await first.flush()
    }
    await first.detach()
    // As after a crash before the answer: the same requests, by the same numbers.
    const again = producerOf()
    for (const word of ['a', 'b', 'c']) {
      again.append(word)
      await again.flush()
    }
    expect(await read(handle.url)).toBe('abc')
    await again.close('.')
    expect(await read(handle.url)).toBe('abc.')
  })

  test('a producer is fenced by a newer epoch, and claims one itself when asked to', async () => {
    const handle = await create('text/plain')
    const failures: Error[] = []
    const onError = (error: Error) => void failures.push(error)
    const newer = new IdempotentProducer(handle, 'p', { epoch: 3 })
    newer.append('newer,')
    await newer.flush()
    const older = new IdempotentProducer(handle, 'p', { epoch: 1, onError })
    older.append('older,')
    await older.flush().catch(onError)
    expect(failures[0]).toBeInstanceOf(StaleEpochError)
    expect(failures[0]).toMatchObject({ currentEpoch: 3 })
    const claiming = new IdempotentProducer(handle, 'p', { autoClaim: true })
    claiming.append('claimed')
    await claiming.flush()
    expect(claiming.epoch).toBe(4)
    expect(await read(handle.url)).toBe('newer,claimed')
  })

  test('a closed stream takes no more, and says where it ended', async () => {
    const handle = await create('text/plain', { body: 'all' })
    const { finalOffset } = await handle.close()
    expect(await handle.close()).toEqual({ finalOffset })
    await expect(handle.append('more')).rejects.toMatchObject({ status: 409 })
    await expect(handle.close({ body: 'more' })).rejects.toMatchObject({ status: 409 })
    expect(await handle.head()).toMatchObject({ exists: true, streamClosed: true, offset: finalOffset })
    const session = await handle.stream({ offset: Sentinel.start, live: Live.longPoll })
    expect(await session.text()).toBe('all')
    expect(session.streamClosed).toBe(true)
  })

  test('what is described is what was made', async () => {
    const handle = await create('text/plain', { ttlSeconds: 60 })
    expect(await handle.head()).toMatchObject({
      exists: true,
      contentType: 'text/plain',
      streamClosed: false,
    })
    expect(await DurableStream.head({ url: freshUrl() })).toEqual({ exists: false })
    const connected = await DurableStream.connect({ url: handle.url })
    expect(connected.contentType).toBe('text/plain')
  })

  test('every refusal looks to its client as the published server makes it look', async () => {
    const theirs = await refusals(`${reference.streams}${Path.streams}refusals`)
    expect(theirs.filter(({ name }) => name === undefined)).toEqual([])
    expect(await refusals(`${server.url}${Path.streams}refusals`)).toEqual(theirs)
  })

  test('[interop: reference client, our server/deletion] a stream that is gone is gone, and an offset of it is no offset of the next', async () => {
    const handle = await create('text/plain', { body: 'the first life' })
    const session = await handle.stream({ offset: Sentinel.start, live: Live.sse })
    session.subscribeText(() => undefined)
    await until(() => expect(session.upToDate).toBe(true))
    const { offset } = session
    await handle.delete()
    await expect(session.closed).rejects.toMatchObject({ status: 404 })
    expect(await DurableStream.head({ url: handle.url })).toEqual({ exists: false })
    await DurableStream.create({
      url: handle.url,
      contentType: 'text/plain',
      body: 'the second life, which is longer',
    })
    await expect(stream({ url: handle.url, offset, live: false })).rejects.toMatchObject({ status: 410 })
    expect(await read(handle.url)).toBe('the second life, which is longer')
  })

  test('[interop: reference client, our server/sync] a fork, for which it has only headers, is read, followed and closed as any stream', async () => {
    const source = await create('text/plain', { body: 'shared, ' })
    const { offset } = await stream({ url: source.url, live: false }).then(async session => {
      await session.text()
      return session
    })
    await source.append('only the source')
    const url = freshUrl()
    const headers = { [Header.forkedFrom]: new URL(source.url).pathname, [Header.forkOffset]: offset }
    await DurableStream.create({ url, headers })
    const fork = await DurableStream.connect({ url })
    expect(fork.contentType).toBe('text/plain')
    const session = await fork.stream({ offset: Sentinel.start, live: Live.sse })
    let heard = ''
    session.subscribeText(({ text }) => {
      heard += text
    })
    await fork.append('only the fork')
    await until(() => expect(heard).toBe('shared, only the fork'))
    expect(await read(url, offset)).toBe('only the fork')
    expect(await read(source.url, offset)).toBe('only the source')
    await fork.close()
    await session.closed
    await source.append(', still')
    expect(await read(source.url)).toBe('shared, only the source, still')
  })

  if (store === 'lmdb') {
    test('[interop: reference client, our server/restart] readers and producers go on where they were', async () => {
      const handle = await create('text/plain', { body: 'before' })
      const session = await handle.stream({ offset: Sentinel.start, live: Live.sse })
      let heard = ''
      session.subscribeText(({ text }) => {
        heard += text
      })
      const producer = new IdempotentProducer(handle, 'p')
      producer.append(', appended')
      await producer.flush()
      await until(() => expect(heard).toBe('before, appended'))
      await server.stop()
      await server.start()
      producer.append(', after')
      await producer.flush()
      await handle.append(', and more')
      await until(() => expect(heard).toBe('before, appended, after, and more'))
      await handle.close()
      await session.closed
    })
  }
})
