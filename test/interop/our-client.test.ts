import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Batch, DurableStream, type FollowOptions } from '../../client/index.ts'
import { ContentType, ErrorCode, Live, Path } from '../../protocol/index.ts'
import { until } from './parties.ts'
import { type Published, published } from './servers.ts'

const textOf = (batches: readonly Batch[]): string =>
  batches.map(({ bytes }) => new TextDecoder().decode(bytes)).join('')

/** Follows in the background. */
const following = (stream: DurableStream, options: FollowOptions) => {
  const batches: Batch[] = []
  const drain = async () => {
    for await (const batch of stream.follow(options)) batches.push(batch)
  }
  const done = drain()
  done.catch(() => undefined) // looked at where it matters
  return { batches, done }
}

describe.each([Live.sse, Live.longPoll])('Our client and the published stream server, by %s', live => {
  let server: Published
  beforeAll(async () => {
    server = await published('file')
  })
  afterAll(() => server.close())
  const streamAt = (name: string, contentType: string = ContentType.binary) =>
    new DurableStream({ url: `${server.streams}${Path.streams}${live}/${name}`, contentType })

  test('[interop: our client, reference server/sync] what is appended is followed, byte for byte, to the end', async () => {
    const stream = streamAt('sync')
    await stream.create({ body: Uint8Array.of(0, 255) })
    const { batches, done } = following(stream, { live })
    await until(() => expect(batches.at(-1)).toMatchObject({ upToDate: true }))
    const producer = stream.producer()
    const bytes = Uint8Array.from({ length: 20_000 }, (_, index) => (index * index) >> 3)
    const parts = Array.from({ length: 10 }, (_, index) => bytes.subarray(index * 2_000, (index + 1) * 2_000))
    await Promise.all(parts.map(part => producer.append(part)))
    const { next } = await producer.close()
    await done
    const got = Buffer.concat(batches.map(batch => batch.bytes))
    expect(got.equals(Buffer.concat([Uint8Array.of(0, 255), bytes]))).toBe(true)
    expect(batches.at(-1)).toMatchObject({ closed: true, next })
    const { bytes: rest } = await stream.read({ offset: batches[0]?.next ?? '' })
    expect(rest.length).toBe(bytes.length)
  })

  test('[interop: our client, reference server/sync] JSON arrives message by message', async () => {
    const stream = streamAt('json', ContentType.json)
    await stream.create()
    const { batches, done } = following(stream, { live })
    const producer = stream.producer()
    await Promise.all([1, 2, 3].map(index => producer.append(JSON.stringify({ index }))))
    await producer.close()
    await done
    const messages = batches
      .filter(({ bytes }) => bytes.length > 0)
      .flatMap(batch => JSON.parse(textOf([batch])))
    expect(messages).toEqual([1, 2, 3].map(index => ({ index })))
  })

  test('[interop: our client, reference server/deletion] a follower of what was deleted is told, also where the link only falls silent', async () => {
    const stream = streamAt('deletion', 'text/plain')
    await stream.create({ body: 'text' })
    const { batches, done } = following(stream, { live, silenceMs: 2_000 })
    await until(() => expect(batches.at(-1)).toMatchObject({ upToDate: true }))
    await stream.remove()
    await expect(done).rejects.toMatchObject({ status: 404, code: ErrorCode.streamNotFound })
    await expect(stream.append('more')).rejects.toMatchObject({ status: 404 })
    await expect(stream.head()).rejects.toMatchObject({ code: ErrorCode.streamNotFound })
    expect(textOf(batches)).toBe('text')
  })

  test('[interop: our client, reference server/restart] over its files, followers and producers go on where they were', async () => {
    const stream = streamAt('restart', 'text/plain')
    await stream.create({ body: 'before, ' })
    const { batches, done } = following(stream, { live })
    await until(() => expect(textOf(batches)).toBe('before, '))
    const producer = stream.producer()
    await producer.append('and then, ')
    await server.stop()
    const meanwhile = producer.append('meanwhile, ')
    await server.start()
    await meanwhile
    await producer.append('after')
    await producer.close()
    await done
    expect(textOf(batches)).toBe('before, and then, meanwhile, after')
  })
})
