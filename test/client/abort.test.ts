import { expect, test } from 'vitest'
import { DurableStream } from '../../client/index.ts'
import { ContentType, Header, Live } from '../../protocol/index.ts'
import { asked, bytesOf, events, Replay } from './replay.ts'
import { seeded, World } from './world.ts'

const url = 'http://server/v1/stream/s'
const replay = new Replay(['one', 'two', 'three', 'four'].map(bytesOf))
const nothing = { timers: 0, requests: 0, bodies: 0 }

/** A server on a bad day: lost requests, refusals, and answers that end, break off or fall silent. */
const unsteady = (seed: number): World => {
  const random = seeded(seed)
  const world: World = new World(seen => {
    const luck = random()
    if (luck < 0.2) throw new TypeError('refused')
    if (luck < 0.3) return new Response('later', { status: 503, headers: { 'Retry-After': '1' } })
    const { offset, live } = asked(seen)
    const from = replay.index(offset)
    const end = random() < 0.3 ? 'hangs' : random() < 0.5 ? 'breaks' : 'ends'
    if (live === Live.sse)
      return events(world.body([replay.ours(from).subarray(0, 20 + random() * 300)], end))
    const headers = {
      'Content-Type': ContentType.binary,
      [Header.nextOffset]: replay.offset(Math.min(from + 1, 4)),
    }
    const last = from >= 3
    return new Response(world.body([bytesOf('x')], end), {
      headers: last ? { ...headers, [Header.closed]: 'true' } : headers,
    })
  }, random)
  return world
}

const scenarios = {
  'follow by SSE': async (stream: DurableStream, signal: AbortSignal) => {
    for await (const _ of stream.follow({ signal, live: 'sse' }));
  },
  'follow by what gets through': async (stream: DurableStream, signal: AbortSignal) => {
    for await (const _ of stream.follow({ signal }));
  },
  'follow by long-poll': async (stream: DurableStream, signal: AbortSignal) => {
    for await (const _ of stream.follow({ signal, live: 'long-poll' }));
  },
  read: async (stream: DurableStream, signal: AbortSignal) => {
    for await (const _ of stream.catchUp({ signal, retry: { attempts: 100 } }));
  },
  produce: async (stream: DurableStream, signal: AbortSignal) => {
    const producer = stream.producer({ signal })
    await Promise.all(['a', 'b', 'c'].map(text => producer.append(text)))
  },
}

test.each(Object.entries(scenarios))(
  '%s, given up at any event, ends at once and leaves nothing open',
  async (name, run) => {
    let interrupted = 0
    for (let seed = 1; seed <= 6; seed++) {
      for (let at = 0; ; at++) {
        const world = unsteady(seed)
        const gone = new AbortController()
        world.onEvent = event => {
          if (event === at) gone.abort()
        }
        const outcome = run(
          new DurableStream({ url, env: world, headers: async () => ({}) }),
          gone.signal,
        ).then(
          () => 'ended',
          error => error.code,
        )
        await world.quiet()
        while (!gone.signal.aborted && world.open.timers > 0) await world.tick()
        const ended = gone.signal.aborted
        if (ended) {
          interrupted++
          await world.quiet()
          expect({ seed, at, open: world.open }).toEqual({ seed, at, open: nothing })
          expect(await outcome).toBe(name.startsWith('follow') ? 'ended' : 'ABORTED')
          continue
        }
        await outcome
        expect({ seed, open: world.open }).toEqual({ seed, open: nothing })
        break
      }
    }
    expect(interrupted).toBeGreaterThan(20)
  },
)

test('a follower given up while its caller holds a batch lets go of the answer at once, and then ends', async () => {
  const world: World = new World(() => events(world.body([replay.ours(0)], 'hangs')))
  const gone = new AbortController()
  const batches = new DurableStream({ url, env: world }).follow({ signal: gone.signal })
  await batches.next()
  expect(world.open).toMatchObject({ bodies: 1 })
  gone.abort()
  await world.quiet()
  expect(world.open).toEqual(nothing)
  expect(await batches.next()).toEqual({ done: true, value: undefined })
})

test('a follower whose signal has fired before it began sends nothing and tells nothing', async () => {
  const world = new World(() => new Response())
  const told: unknown[] = []
  const batches = new DurableStream({ url, env: world }).follow({
    signal: AbortSignal.abort(),
    onLink: state => told.push(state),
  })
  expect(await batches.next()).toEqual({ done: true, value: undefined })
  expect([world.seen, told]).toEqual([[], []])
})

test('a signal that lives on keeps nothing of the requests that are over', async () => {
  const world = unsteady(3)
  const { signal } = new AbortController()
  const listeners = new Set<unknown>()
  const { addEventListener, removeEventListener } = signal
  signal.addEventListener = (...given: Parameters<typeof addEventListener>) => {
    listeners.add(given[1])
    addEventListener.apply(signal, given)
  }
  signal.removeEventListener = (...given: Parameters<typeof removeEventListener>) => {
    listeners.delete(given[1])
    removeEventListener.apply(signal, given)
  }
  for (const run of Object.values(scenarios)) {
    await world.until(run(new DurableStream({ url, env: world }), signal)).catch(() => {})
  }
  expect(world.seen.length).toBeGreaterThan(10)
  expect(listeners.size).toBe(0)
})
