import { describe, expect, test } from 'vitest'
import { DurableStream, type ProducerOptions } from '../../client/index.ts'
import { ContentType, Header, isJson } from '../../protocol/index.ts'
import { bytesOf } from './replay.ts'
import { type Answering, type Seen, script, seeded, World } from './world.ts'

const url = 'http://server/v1/stream/s'

/** A stream that obeys PROTOCOL 5.2.1, and remembers what it stored. */
class Log {
  readonly stored: string[] = []
  closed = false
  readonly #last = new Map<string, { epoch: number; seq: number }>()

  post(seen: Seen): Response {
    const { headers } = seen
    const id = headers.get(Header.producerId) ?? ''
    const epoch = Number(headers.get(Header.producerEpoch))
    const seq = Number(headers.get(Header.producerSeq))
    const last = this.#last.get(id) ?? { epoch: 0, seq: -1 }
    const sameEpoch = epoch === last.epoch
    const expected = sameEpoch ? last.seq + 1 : 0
    if (epoch < last.epoch) return this.#answer(403, { [Header.producerEpoch]: `${last.epoch}` })
    if (sameEpoch && seq <= last.seq) return this.#answer(204, { [Header.producerSeq]: `${last.seq}` })
    if (this.closed) return this.#answer(409, { [Header.closed]: 'true', [Header.nextOffset]: this.#tail })
    if (seq > expected) {
      return this.#answer(409, {
        [Header.producerExpectedSeq]: `${expected}`,
        [Header.producerReceivedSeq]: `${seq}`,
      })
    }
    this.#last.set(id, { epoch, seq })
    if (isJson(headers.get('content-type') ?? ''))
      this.stored.push(...JSON.parse(seen.body).map(JSON.stringify))
    else if (seen.body !== '') this.stored.push(seen.body)
    if (headers.get(Header.closed)) this.closed = true
    return this.#answer(seen.body === '' ? 204 : 200, {
      [Header.nextOffset]: this.#tail,
      [Header.producerSeq]: `${seq}`,
    })
  }

  get #tail(): string {
    return `${this.stored.join('').length}`.padStart(8, '0')
  }

  #answer(status: number, headers: Record<string, string>): Response {
    return new Response(null, { status, headers })
  }
}

const producerOf = (world: World, options: ProducerOptions = {}, contentType: string = ContentType.binary) =>
  new DurableStream({ url, env: world, contentType }).producer(options)

const seqs = (world: World) => world.seen.map(seen => Number(seen.headers.get(Header.producerSeq)))

describe('a producer', () => {
  test('sends what was appended in one turn in one request, and the rest while that is under way in the next', async () => {
    const log = new Log()
    const world: World = new World(async seen => {
      await world.sleep(10, new AbortController().signal)
      return log.post(seen)
    })
    const producer = producerOf(world)
    const first = [producer.append('a'), producer.append(bytesOf('b'))]
    await world.quiet()
    const second = [producer.append('c'), producer.append('d'), producer.append('e')]
    expect(await world.until(Promise.all(first))).toEqual([{ next: '00000002' }, { next: '00000002' }])
    await world.until(Promise.all(second))
    expect(world.seen.map(seen => seen.body)).toEqual(['ab', 'cde'])
    expect(seqs(world)).toEqual([0, 1])
  })

  test('makes of every append to a JSON stream one message, whatever shares its request', async () => {
    const log = new Log()
    const world = new World(seen => log.post(seen))
    const producer = producerOf(world, {}, ContentType.json)
    await Promise.all([
      producer.append('{"a":1}'),
      producer.append('[1,2]'),
      producer.append(bytesOf(' "ü" ')),
    ])
    await producer.append('[3]')
    expect(log.stored).toEqual(['{"a":1}', '[1,2]', '"ü"', '[3]'])
    expect(world.seen.map(seen => seen.body)).toEqual(['[{"a":1},[1,2], "ü" ]', '[[3]]'])
  })

  test('refuses at the door what would spoil the request of others', async () => {
    const log = new Log()
    const producer = producerOf(new World(seen => log.post(seen)), {}, ContentType.json)
    const good = producer.append('1')
    await expect(producer.append('2],[3')).rejects.toThrow(TypeError)
    await expect(producer.append(Uint8Array.of(0xff))).rejects.toThrow(TypeError)
    await expect(producer.append('')).rejects.toThrow(TypeError)
    await good
    expect(log.stored).toEqual(['1'])
  })

  test('copies what it is given', async () => {
    const log = new Log()
    const producer = producerOf(new World(seen => log.post(seen)))
    const buffer = Buffer.from('abc')
    const appended = producer.append(buffer)
    buffer.fill(0)
    await appended
    expect(log.stored).toEqual(['abc'])
  })

  test('joins no more into a request than a server takes, and sends what is larger alone', async () => {
    const log = new Log()
    const world = new World(seen => log.post(seen))
    const producer = producerOf(world)
    const sizes = [400_000, 599_998, 1, 2_000_000, 1]
    await Promise.all(sizes.map(size => producer.append('x'.repeat(size))))
    expect(world.seen.map(seen => seen.body.length)).toEqual([999_998, 1, 2_000_000, 1])
  })

  test('names itself by chance, the same name for the same seed', async () => {
    const names = [1, 1, 2].map(seed => producerOf(new World(() => new Response(), seeded(seed))).id)
    expect(names[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(names[0]).toBe(names[1])
    expect(names[0]).not.toBe(names[2])
    const own = new DurableStream({ url })
    expect(new Set(Array.from({ length: 100 }, () => own.producer().id)).size).toBe(100)
  })

  test('has everything stored once and in order over a network that loses requests and answers', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = seeded(seed)
      const log = new Log()
      const bodies = new Map<number, Set<string>>()
      const world = new World(seen => {
        const seq = Number(seen.headers.get(Header.producerSeq))
        bodies.set(seq, (bodies.get(seq) ?? new Set()).add(seen.body))
        const luck = random()
        if (luck < 0.2) throw new TypeError('the request was lost')
        if (luck < 0.3) return new Response('later', { status: 503 })
        const answer = log.post(seen)
        if (luck < 0.5) throw new TypeError('the answer was lost')
        return luck < 0.6 ? new Promise<Response>(() => {}) : answer
      }, random)
      const producer = producerOf(world, { id: 'p', epoch: seed })
      const texts = Array.from({ length: 20 }, (_, index) => `<${index}>`)
      const appended: Promise<unknown>[] = []
      for (const text of texts) {
        appended.push(producer.append(text))
        if (random() < 0.4 && world.open.timers > 0) await world.tick()
      }
      await world.until(Promise.all([...appended, producer.close()]))
      expect({ seed, stored: log.stored.join(''), closed: log.closed }).toEqual({
        seed,
        stored: texts.join(''),
        closed: true,
      })
      expect([...bodies.values()].every(same => same.size === 1)).toBe(true)
      expect(world.open).toEqual({ timers: 0, requests: 0, bodies: 0 })
    }
  })

  test('goes on trying for ever, waits as long as it is asked to, and says so', async () => {
    const log = new Log()
    const waits: number[] = []
    const answers = Array.from({ length: 20 }, () => () => new Response('', { status: 503 }))
    const asks = () => new Response('', { status: 429, headers: { 'Retry-After': '100' } })
    const world = new World(script(...answers, asks, seen => log.post(seen)))
    const producer = producerOf(world, { onRetry: (_, delayMs) => waits.push(delayMs) })
    await world.until(producer.append('a'))
    expect(waits).toHaveLength(21)
    expect(waits.at(-1)).toBe(115_000)
  })
})

describe('flush', () => {
  test('resolves when everything before it is durable, and not for what comes after', async () => {
    const log = new Log()
    const world: World = new World(async seen => {
      await world.sleep(10, new AbortController().signal)
      return log.post(seen)
    })
    const producer = producerOf(world)
    await producer.flush()
    const appends = [producer.append('a')]
    await world.quiet()
    appends.push(producer.append('b'))
    const flushed = producer.flush()
    await world.tick()
    appends.push(producer.append('c'))
    await world.until(flushed)
    expect(log.stored).toEqual(['a', 'b'])
    await world.until(Promise.all(appends))
  })

  test('rejects when something before it was refused', async () => {
    const producer = producerOf(new World(script(() => new Response('', { status: 413 }))))
    const refused = expect(producer.append('a')).rejects.toMatchObject({ status: 413 })
    await expect(producer.flush()).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' })
    await refused
  })
})

describe('close', () => {
  test('closes in the same request as the last bytes, and then takes nothing', async () => {
    const log = new Log()
    const world = new World(seen => log.post(seen))
    const producer = producerOf(world)
    const last = producer.append('a')
    const closed = producer.close()
    await expect(producer.append('b')).rejects.toMatchObject({ code: 'STREAM_CLOSED', transient: false })
    expect(await closed).toEqual(await last)
    expect(world.seen).toHaveLength(1)
    await expect(producer.append('c')).rejects.toMatchObject({ code: 'STREAM_CLOSED' })
    await expect(producer.close()).rejects.toMatchObject({ code: 'STREAM_CLOSED' })
    expect(log).toMatchObject({ stored: ['a'], closed: true })
  })

  test('of an idle producer is a request without a body, repeated when its answer was lost', async () => {
    const log = new Log()
    const lost: Answering = seen => {
      log.post(seen)
      throw new TypeError('reset')
    }
    const again: Answering = seen => {
      expect(log.post(seen).status).toBe(204)
      return new Response(null, {
        status: 204,
        headers: { [Header.nextOffset]: '1', [Header.closed]: 'true' },
      })
    }
    const world = new World(script(seen => log.post(seen), lost, again))
    const producer = producerOf(world)
    await producer.append('a')
    expect(await world.until(producer.close())).toEqual({ next: '1' })
    expect(world.seen.map(seen => [seen.body, seen.headers.get('content-type')])).toEqual([
      ['a', ContentType.binary],
      ['', null],
      ['', null],
    ])
  })
})

describe('a producer that is refused', () => {
  const producer = (id = 'p', epoch = 0) => ({ producer: { id, epoch, seq: 0 } })

  test('because a newer epoch is known stops with PRODUCER_FENCED and that epoch', async () => {
    const log = new Log()
    const world = new World(seen => log.post(seen))
    await new DurableStream({ url, env: world }).append('x', producer('p', 4))
    const old = producerOf(world, { id: 'p', epoch: 3 })
    await expect(old.append('a')).rejects.toMatchObject({ code: 'PRODUCER_FENCED', details: { epoch: 4 } })
    await expect(old.append('b')).rejects.toMatchObject({ code: 'PRODUCER_FENCED' })
    expect(log.stored).toEqual(['x'])
    expect(world.seen).toHaveLength(2)
  })

  test('because of a gap stops with PRODUCER_GAP and what was expected, with all that waits', async () => {
    const gap = { [Header.producerExpectedSeq]: '0', [Header.producerReceivedSeq]: '1' }
    const log = new Log()
    const world: World = new World(
      script(
        seen => log.post(seen),
        async () => {
          await world.sleep(1, new AbortController().signal)
          return new Response('', { status: 409, headers: gap })
        },
      ),
    )
    const forgotten = producerOf(world)
    await forgotten.append('a')
    const sent = forgotten.append('b')
    await world.quiet()
    const waiting = forgotten.append('c')
    const both = Promise.allSettled([sent, waiting])
    const reason = { code: 'PRODUCER_GAP', details: { expectedSeq: 0, receivedSeq: 1 } }
    expect(await world.until(both)).toMatchObject([{ reason }, { reason }])
  })

  test('because somebody used its id before says so instead of taking a duplicate for its own', async () => {
    const log = new Log()
    const world = new World(seen => log.post(seen))
    await new DurableStream({ url, env: world }).append('x', producer())
    await expect(producerOf(world, { id: 'p' }).append('a')).rejects.toMatchObject({
      code: 'PRODUCER_REUSED',
    })
    const shared = producerOf(world, { id: 'q' })
    await shared.append('b')
    for (const seq of [1, 2]) {
      await new DurableStream({ url, env: world }).append('y', { producer: { id: 'q', epoch: 0, seq } })
    }
    await expect(shared.append('c')).rejects.toMatchObject({ code: 'PRODUCER_REUSED' })
  })

  test('takes a duplicate for its own when an earlier try of it was lost', async () => {
    const log = new Log()
    const lost: Answering = seen => {
      log.post(seen)
      throw new TypeError('reset')
    }
    const world = new World(script(lost, seen => log.post(seen)))
    await world.until(producerOf(world, { id: 'p' }).append('a'))
    expect(log.stored).toEqual(['a'])
  })

  test('for these bytes alone goes on with the same sequence number', async () => {
    const log = new Log()
    const world = new World(
      script(
        () => new Response('', { status: 413 }),
        seen => log.post(seen),
      ),
    )
    const going = producerOf(world)
    await expect(going.append('a')).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' })
    await going.append('b')
    expect(seqs(world)).toEqual([0, 0])
    expect(log.stored).toEqual(['b'])
  })

  test('after a try whose outcome is unknown stops, for that try may still arrive under its number', async () => {
    const world = new World(script(new TypeError('reset'), () => new Response('', { status: 413 })))
    const doubtful = producerOf(world)
    await expect(world.until(doubtful.append('a'))).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' })
    await expect(doubtful.append('b')).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' })
    expect(world.seen).toHaveLength(2)
  })

  test('by an answer that leaves the outcome open stops', async () => {
    const world = new World(() => new Response('', { status: 501 }))
    const doubtful = producerOf(world)
    await expect(doubtful.append('a')).rejects.toMatchObject({ status: 501 })
    await expect(doubtful.append('b')).rejects.toMatchObject({ status: 501 })
    expect(world.seen).toHaveLength(1)
  })

  test('by its own signal stops with ABORTED', async () => {
    const gone = new AbortController()
    const world = new World(() => new Promise(() => {}))
    const left = producerOf(world, { signal: gone.signal })
    const sent = left.append('a')
    await world.quiet()
    const settled = Promise.allSettled([sent, left.append('b')])
    gone.abort()
    expect(await settled).toMatchObject([{ reason: { code: 'ABORTED' } }, { reason: { code: 'ABORTED' } }])
    await world.quiet()
    expect(world.open).toEqual({ timers: 0, requests: 0, bodies: 0 })
  })
})
