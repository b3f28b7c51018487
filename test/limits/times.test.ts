import { expect, test } from 'vitest'
import { ContentType, DefaultAwareness, ErrorCode, Live, Query, Sentinel } from '../../protocol/index.ts'
import { workerOffload } from '../../server/yjs/offload.ts'
import { type Arena, and, header, open, verdictOf } from '../bad-input/arena.ts'
import { from } from '../http/fixture.ts'
import { RawConnection } from '../process/raw.ts'
import { FakeWorld } from '../streams/world.ts'
import { framed, typing } from '../yjs/fixture.ts'
import { entriesIn, entry, presenceOf } from '../yjs/presence-fixture.ts'
import { patience, servingInTime } from './boundary.ts'

const text = { type: 'text/plain' }
const binary = { type: ContentType.binary }
const minute = 60_000

/** What was written before is there: the server has answered something that was asked later. */
const flushed = (here: Arena) => here.ask('GET', '/healthz')

const get = async (here: Arena, target: string): Promise<RawConnection> => {
  const connection = await RawConnection.open(here.url)
  connection.send(`GET ${target} HTTP/1.1\r\nHost: arena\r\n\r\n`)
  return connection
}

test('[limit longPollMs] a long-poll waits so long, not less and not more', async () => {
  const { here, world, waiting } = await servingInTime({ longPollMs: 7_000 })
  const polling = await get(here, from(await here.stream(), Sentinel.tail, Live.longPoll))
  await waiting(1)
  await world.turn(6_999)
  await flushed(here)
  expect(polling.text).toBe('')
  await world.turn(1)
  await polling.until(/^HTTP\/1\.1 204 /)
  await waiting(0)
  polling.close()
})

test('[limit sseMs] an SSE answer lives so long, not less and not more', async () => {
  const { here, world } = await servingInTime({ sseMs: 7_000, heartbeatMs: minute })
  const reader = await here.follow(await here.stream(), Sentinel.start)
  await reader.until(/event: control/)
  await world.turn(6_999)
  await flushed(here)
  expect(reader.text).not.toContain('\r\n0\r\n\r\n')
  await world.turn(1)
  await reader.until(/\r\n0\r\n\r\n$/)
  reader.close()
})

test('[limit heartbeatMs] an SSE answer is silent so long, not less and not more', async () => {
  const { here, world } = await servingInTime({ sseMs: 10 * minute, heartbeatMs: 7_000 })
  const reader = await here.follow(await here.stream(), Sentinel.start)
  await reader.until(/event: control/)
  await world.turn(6_999)
  await flushed(here)
  expect(reader.text).not.toMatch(/^:/m)
  await world.turn(1)
  await reader.until(/^:/m)
  await world.turn(7_000)
  await reader.until(/^:.*^:/ms)
  reader.close()
})

test('[limit stallMs] a reader that takes nothing stays so long, not less and not more', async () => {
  const { here, world, waiting, waits } = await servingInTime({
    stallMs: 7_000,
    sseMs: 10 * minute,
    heartbeatMs: 10 * minute,
  })
  const target = await here.stream()
  const reader = await here.follow(target, Sentinel.start)
  await waiting(2)
  reader.pause()
  const part = { ...text, body: 'x'.repeat(256 << 10) }
  while (waits() < 3) await here.ask('POST', target, part)
  await world.turn(6_999)
  await waiting(3)
  await world.turn(1)
  await waiting(0)
  reader.resume()
  await reader.untilEnd()
})

test('[limit snapshotGraceMs] a superseded snapshot stays so long, not less and not more', async () => {
  const { here, world } = await servingInTime({ snapshotGraceMs: 7_000 }, { compactBytes: 100 })
  const target = await here.document()
  const snapshot = async (besides: string): Promise<string> => {
    for (;;) {
      const answer = await here.ask('GET', and(target, { [Query.offset]: Sentinel.snapshot }))
      const location = header(answer, 'Location') ?? ''
      if (location.endsWith('_snapshot') && location !== besides) return location
    }
  }
  await here.ask('POST', target, { ...binary, body: framed(...typing(20)) })
  const old = await snapshot('')
  await world.turn(minute)
  await here.ask('POST', target, { ...binary, body: framed(...typing(20, 10, 2)) })
  const current = await snapshot(old)
  await world.turn(6_999)
  expect((await here.ask('GET', old)).status).toBe(200)
  await world.turn(1)
  await expect.poll(async () => (await here.ask('GET', old)).status, patience).toBe(404)
  expect((await here.ask('GET', current)).status).toBe(200)
})

test('[limit compactMs] a compaction takes at most so long', async () => {
  const world = new FakeWorld()
  const script = new URL(
    `data:text/javascript,${encodeURIComponent("import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => undefined)")}`,
  )
  const { run, close } = workerOffload({ world, heapMb: 64, deadlineMs: 7_000, script })
  let over: unknown
  const running = run({ snapshot: undefined, tail: new Uint8Array() }).catch(error => {
    over = error
  })
  await expect.poll(() => world.timers, patience).toBe(1)
  await world.turn(6_999)
  expect(over).toBeUndefined()
  await world.turn(1)
  await running
  expect(over).toMatchObject({ message: expect.stringContaining('7000 ms') })
  await close()
})

test('[limit awarenessOutdatedMs] a client is told to joiners so long after its last word', async () => {
  const { here, world } = await servingInTime({ awarenessOutdatedMs: 7_000 })
  const target = and(await here.document(), { [Query.awareness]: DefaultAwareness })
  await here.ask('POST', target, { ...binary, body: presenceOf(entry(1, 1)) })
  const present = async () =>
    entriesIn((await here.ask('GET', and(target, { [Query.offset]: Sentinel.snapshot }))).body).length
  const seen: number[] = []
  for (const step of [6_999, 1, 1]) {
    await world.turn(step)
    seen.push(await present())
  }
  expect(seen).toEqual([1, 1, 0])
})

test.each([
  [5_000, [4_999, 1, 1], [200, 404, 404]],
  [5_001, [5_999, 1, 1], [200, 404, 404]],
])(
  '[limit awarenessIdleMs] an awareness stream stays %i ms, in whole seconds',
  async (awarenessIdleMs, steps, expected) => {
    const { here, world } = await servingInTime({ awarenessIdleMs })
    const target = and(await here.document(), { [Query.awareness]: 'a' })
    await here.ask('PUT', target)
    const seen: number[] = []
    for (const step of steps) {
      await world.turn(step)
      seen.push((await here.ask('HEAD', target)).status)
    }
    expect(seen).toEqual(expected)
  },
)

/** A server that is told to stop, and how far that is. */
const stopping = async (limits: Parameters<typeof servingInTime>[0]) => {
  const world = new FakeWorld()
  const { arena, server, close } = await open({ store: 'memory', limits, world })
  const connection = await arena.connect()
  return {
    here: arena,
    world,
    connection,
    stop: () => {
      const progress = { closed: false }
      const closing = server.close().then(() => {
        progress.closed = true
      })
      return { progress, closing }
    },
    close,
  }
}

test('[limit drainMs] a request that does not end holds a server that stops so long', async () => {
  const { here, world, connection, stop, close } = await stopping({ drainMs: 7_000, silentMs: 1 })
  const target = await here.stream()
  connection.send(
    `POST ${target} HTTP/1.1\r\nHost: arena\r\nContent-Type: text/plain\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n`,
  )
  await connection.until(/100 Continue/)
  const { progress, closing } = stop()
  await world.turn(6_999)
  expect([progress.closed, connection.end]).toEqual([false, undefined])
  await world.turn(1)
  await closing
  await connection.untilEnd()
  await close()
})

test('[limit silentMs] a connection that never asked holds a server that stops so long', async () => {
  const { world, connection, stop, close } = await stopping({ drainMs: minute, silentMs: 7_000 })
  const { progress, closing } = stop()
  await world.turn(6_999)
  expect([progress.closed, connection.end]).toEqual([false, undefined])
  await world.turn(1)
  await connection.untilEnd()
  await world.turn(1_000)
  await closing
  await close()
})

/** Real time: these waits are Node's own. They may be longer on a busy machine, never shorter. */
const elapsed = async (wait: () => Promise<unknown>): Promise<number> => {
  const began = performance.now()
  await wait()
  return performance.now() - began
}
const tolerance = 15

test.concurrent.each([
  ['[limit headersMs] a head', { headersMs: 1_000 }, 'GET /healthz HTTP/1.1\r\n', 'Host: a\r\n\r\n'],
  [
    '[limit requestMs] a request',
    { headersMs: 1_000, requestMs: 1_000 },
    'PUT /v1/stream/s HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n',
    'x',
  ],
])('%s is waited for so long, not less', async (_, limits, first, rest) => {
  const { arena, close } = await open({ store: 'memory', limits })
  const slow = await arena.connect()
  const ms = await elapsed(async () => {
    slow.send(first)
    expect((await slow.untilEnd()).text).toContain(ErrorCode.requestTimeout)
  })
  expect(ms).toBeGreaterThan(1_000 - tolerance)
  const quick = await arena.connect()
  quick.send(first)
  await elapsed(() => flushed(arena))
  quick.send(rest)
  await quick.until(/^HTTP\/1\.1 20[01] /)
  quick.close()
  await close()
})

test.concurrent('[limit keepAliveMs] a connection rests so long between requests, not less', async () => {
  const { arena, close } = await open({ store: 'memory', limits: { keepAliveMs: 1_000 } })
  const connection = await arena.connect()
  connection.send('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n')
  await connection.until(/alive\n$/)
  expect(await elapsed(() => connection.untilEnd())).toBeGreaterThan(1_000 - tolerance)
  expect(verdictOf(await flushed(arena))).toEqual([200, undefined])
  await close()
})
