import { describe, expect, test } from 'vitest'
import { DurableStream, type HeaderAsk, type HeaderFunction, type HeaderRecord } from '../../client/index.ts'
import { controlEvent, Header, type Offset } from '../../protocol/index.ts'
import { following, phases, url } from './follower.ts'
import { bytesOf, events } from './replay.ts'
import { type Seen, script, World } from './world.ts'

const next = '0000_0001' as Offset
const ok = () => new Response(null, { headers: { [Header.nextOffset]: next } })
const who = () => new Response('who?', { status: 401 })
const tokenOf = (seen: Seen) => seen.headers.get('authorization')

/** A service that hands out tokens: each is good until the next one is `due`. */
class Tokens {
  readonly asks: boolean[] = []
  underWay = 0
  atOnce = 0
  #good = 1
  #given = 1

  get good(): string {
    return `token${this.#good}`
  }

  expire(): void {
    this.#good++
  }

  readonly headers = async ({ refused }: HeaderAsk): Promise<HeaderRecord> => {
    this.asks.push(refused)
    this.atOnce = Math.max(this.atOnce, ++this.underWay)
    await new Promise(resolve => setImmediate(resolve))
    this.underWay--
    if (refused) this.#given = this.#good
    return { authorization: `token${this.#given}` }
  }
}
const guarded = (tokens: Tokens) => (seen: Seen) => (tokenOf(seen) === tokens.good ? ok() : who())

describe('a token that has expired', () => {
  test('is renewed once for fifty requests at once, never by two calls at the same time', async () => {
    const tokens = new Tokens()
    const world: World = new World(guarded(tokens))
    const streams = Array.from(
      { length: 50 },
      () => new DurableStream({ url, env: world, headers: tokens.headers }),
    )
    tokens.expire()
    await world.until(Promise.all(streams.map(stream => stream.head())))
    expect(tokens.asks).toEqual([false, true])
    expect(world.seen.map(tokenOf).filter(token => token === 'token1')).toHaveLength(50)
    expect(world.seen).toHaveLength(100)
    expect(tokens.atOnce).toBe(1)
  })

  test('is renewed after the ordinary question that is under way, not beside it', async () => {
    const tokens = new Tokens()
    let refuse = (_: Response) => {}
    const world: World = new World(
      script(
        () =>
          new Promise<Response>(resolve => {
            refuse = resolve
          }),
        guarded(tokens),
        guarded(tokens),
        guarded(tokens),
      ),
    )
    const stream = new DurableStream({ url, env: world, headers: tokens.headers })
    const early = stream.head()
    await world.quiet()
    tokens.expire()
    refuse(who())
    const late = stream.head()
    await world.until(Promise.all([early, late]))
    expect(tokens.asks).toEqual([false, false, true])
    expect(tokens.atOnce).toBe(1)
  })

  test('on a link by events is noticed at its next turn, renewed, and nothing is lost', async () => {
    const tokens = new Tokens()
    const turns = [['one', 1] as const, ['two', 2] as const]
    const world: World = new World(seen => {
      if (tokenOf(seen) !== tokens.good) return who()
      const [text, index] = turns.shift() ?? ['', 2]
      const nextOffset = `0000_000${index}` as Offset
      world.time += 60_000
      tokens.expire()
      const data = text && `event: data\ndata: ${btoa(text)}\n\n`
      return events(`${data}${controlEvent({ nextOffset, upToDate: true, closed: text === '' })}`)
    })
    const batches: string[] = []
    const links: string[] = []
    const run = async () => {
      const stream = new DurableStream({ url, env: world, headers: tokens.headers })
      for await (const { bytes } of stream.follow({ live: 'sse', onLink: ({ phase }) => links.push(phase) }))
        batches.push(new TextDecoder().decode(bytes))
    }
    await world.until(run())
    expect(batches.join('')).toBe('onetwo')
    expect(tokens.asks).toEqual([false, false, true, false, true])
    expect(links).not.toContain('waiting')
  })

  test('and cannot be renewed ends a follower with UNAUTHORIZED, after one replay', async () => {
    const asks: boolean[] = []
    const world: World = new World(
      script(
        () => {
          world.time += 60_000
          return events(controlEvent({ nextOffset: next, upToDate: true }))
        },
        who,
        who,
      ),
    )
    const stream = new DurableStream({
      url,
      env: world,
      headers: ({ refused }) => {
        asks.push(refused)
        return { authorization: 'old' }
      },
    })
    const run = async () => {
      for await (const _ of stream.follow());
    }
    await expect(world.until(run())).rejects.toMatchObject({ code: 'UNAUTHORIZED', status: 401 })
    expect(asks).toEqual([false, false, true])
    expect(world.seen).toHaveLength(3)
    expect(world.open).toEqual({ timers: 0, requests: 0, bodies: 0 })
  })

  test('makes an append travel again byte for byte, under the same number of the same producer', async () => {
    const tokens = new Tokens()
    const world: World = new World(guarded(tokens))
    const stream = new DurableStream({ url, env: world, headers: tokens.headers })
    const producer = stream.producer({ id: 'p' })
    await world.until(producer.append('first'))
    tokens.expire()
    const body = Uint8Array.from({ length: 1_000 }, (_, index) => index * 7)
    await world.until(producer.append(body))
    const [refused, replayed] = world.seen.slice(1)
    expect([refused, replayed].map(seen => seen && tokenOf(seen))).toEqual(['token1', 'token2'])
    for (const seen of [refused, replayed]) {
      expect(seen?.bytes).toEqual(body)
      const names = [Header.producerId, Header.producerEpoch, Header.producerSeq, 'content-type']
      expect(names.map(name => seen?.headers.get(name))).toEqual(['p', '0', '1', 'application/octet-stream'])
    }
    expect(world.seen).toHaveLength(3)
  })
})

describe('an append that may outlive its page', () => {
  const keepalives: (boolean | undefined)[] = []
  const watching = (world: World): World => {
    keepalives.length = 0
    const { fetch } = world
    world.fetch = (input, init) => {
      keepalives.push(init?.keepalive)
      return fetch(input, init)
    }
    return world
  }

  test('leaves with what the function gave last, without waiting for it', async () => {
    let hangs = false
    const world = watching(new World(ok))
    const headers: HeaderFunction = () => (hangs ? new Promise(() => {}) : { authorization: 'last' })
    const stream = new DurableStream({ url, env: world, headers })
    await stream.head()
    hangs = true
    await stream.append('bye', { keepalive: true, retry: false })
    expect(world.seen.at(-1)).toMatchObject({ method: 'POST', body: 'bye' })
    expect(world.seen.map(tokenOf)).toEqual(['last', 'last'])
    expect(keepalives).toEqual([undefined, true])
  })

  test('asks where nothing was given yet, and once more where that is refused, also to leave again', async () => {
    const tokens = new Tokens()
    const world = watching(new World(guarded(tokens)))
    const stream = new DurableStream({ url, env: world, headers: tokens.headers })
    tokens.expire()
    await world.until(stream.append('bye', { keepalive: true }))
    expect(tokens.asks).toEqual([false, true])
    expect(keepalives).toEqual([true, true])
    expect(world.seen.map(({ body }) => body)).toEqual(['bye', 'bye'])
    await world.until(stream.append('bye', { keepalive: true }))
    expect(tokens.asks).toEqual([false, true]) // the renewed one
  })

  test('does not leave with what was refused', async () => {
    const world = watching(new World(seen => (tokenOf(seen) === 'good' ? ok() : who())))
    let given = 'old'
    const stream = new DurableStream({ url, env: world, headers: () => ({ authorization: given }) })
    await expect(stream.head()).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
    given = 'good'
    await expect(stream.head()).resolves.toBeDefined()
    await stream.append('bye', { keepalive: true })
    expect(world.seen.map(tokenOf)).toEqual(['old', 'old', 'good', 'good'])
  })
})

describe('a headers function', () => {
  test('that hangs is given up after the time for an answer, and asked again', async () => {
    let calls = 0
    const world = new World(ok)
    const headers: HeaderFunction = () => (++calls === 1 ? new Promise(() => {}) : { authorization: 'yes' })
    const waits: string[] = []
    const stream = new DurableStream({ url, env: world, headers })
    const onRetry = ({ code }: { readonly code: string }) => void waits.push(code)
    const both = [stream.head({ onRetry }), stream.head({ onRetry })]
    await world.until(Promise.all(both))
    expect(waits).toEqual(['TIMEOUT', 'TIMEOUT'])
    expect(calls).toBeLessThanOrEqual(3)
    expect(world.seen.map(tokenOf)).toEqual(['yes', 'yes'])
  })

  test('that hangs after a 401 is given up as well, and asked again', async () => {
    let calls = 0
    const world = new World(seen => (tokenOf(seen) === 'new' ? ok() : who()))
    const headers: HeaderFunction = ({ refused }) => {
      calls++
      if (calls === 2) return new Promise(() => {})
      return { authorization: refused ? 'new' : 'old' }
    }
    await world.until(new DurableStream({ url, env: world, headers }).head())
    expect(calls).toBe(4) // ordinary, for the 401 in vain, ordinary, for the 401
    expect(world.open).toEqual({ timers: 0, requests: 0, bodies: 0 })
  })

  test('that throws once is asked again, by all who were told of it after a wait of their own', async () => {
    let calls = 0
    const world = new World(ok)
    const headers: HeaderFunction = () => {
      if (++calls === 1) throw new Error('offline')
      return { authorization: 'yes' }
    }
    const stream = new DurableStream({ url, env: world, headers })
    await world.until(Promise.all([stream.head(), stream.head(), stream.head()]))
    expect(world.seen.map(tokenOf)).toEqual(['yes', 'yes', 'yes'])
  })

  const rubbish: readonly (readonly [string, unknown])[] = [
    ['nothing', undefined],
    ['null', null],
    ['a token', 'Bearer x'],
    ['a token that is undefined', { authorization: undefined }],
    ['a number', { authorization: 5 }],
    ['a value of two lines', { authorization: 'a\nb' }],
    ['a value beyond Latin 1', { authorization: 'Бearer' }],
    ['a name that is none', { 'not a name': 'x' }],
  ]
  test.each(rubbish)(
    'that gives %s is a passing failure with a code, and nothing is sent',
    async (_, given) => {
      let calls = 0
      const world = new World(ok)
      const headers = (() => (++calls === 1 ? given : { authorization: 'yes' })) as HeaderFunction
      const failures: unknown[] = []
      const onRetry = (error: unknown) => void failures.push(error)
      await world.until(new DurableStream({ url, env: world, headers }).head({ onRetry }))
      expect(failures).toMatchObject([
        { code: 'HEADERS_FAILED', transient: true, cause: expect.any(TypeError) },
      ])
      expect(world.seen.map(tokenOf)).toEqual(['yes'])
    },
  )

  test('may give a Headers object', async () => {
    const world = new World(ok)
    const headers = (() => new Headers({ authorization: 'yes' })) as unknown as HeaderFunction
    await new DurableStream({ url, env: world, headers }).head()
    expect(world.seen.map(tokenOf)).toEqual(['yes'])
  })
})

test('fixed headers that no request can carry are the caller’s mistake, and told at once', async () => {
  const world = new World(ok)
  const stream = new DurableStream({ url, env: world, headers: { authorization: 'a\nb' } })
  await expect(stream.head()).rejects.toThrow(TypeError)
  expect(world.slept).toEqual([])
})

describe('Retry-After', () => {
  const later = (status: number, value: string, more: Record<string, string> = {}) =>
    new Response('later', { status, headers: { 'Retry-After': value, ...more } })

  test.each(['sse', 'long-poll', 'auto'] as const)('on a link by %s is waited out', async live => {
    const gone = new AbortController()
    const world: World = new World(() => {
      if (world.seen.length === 3) gone.abort()
      return later(world.seen.length === 1 ? 429 : 503, '20')
    })
    const { done, told } = following(world, { live, signal: gone.signal })
    const began = world.time
    await world.until(done)
    expect(phases(told)).toEqual([
      'connecting',
      'RATE_LIMITED 20500',
      'connecting',
      'INTERNAL_ERROR 20500',
      'connecting',
    ])
    expect(world.time - began).toBe(41_000)
  })

  test('that names a time is read by the clock of the server that named it', async () => {
    const at = (ms: number) => new Date(Date.UTC(2031, 0, 1) + ms).toUTCString()
    const world = new World(script(later(503, at(9_000), { Date: at(0) }), ok))
    await world.until(new DurableStream({ url, env: world }).head())
    expect(world.slept).toEqual([9_500])
  })

  test('on an append is waited out, and the same bytes are sent again', async () => {
    const world = new World(script(later(503, '3'), ok))
    await world.until(new DurableStream({ url, env: world }).producer().append(bytesOf('x')))
    expect(world.slept).toEqual([3_500])
    expect(world.seen.map(({ body }) => body)).toEqual(['x', 'x'])
  })
})
