import { expect, test } from 'vitest'
import { DurableStream, type HeaderAsk, StreamError } from '../../client/index.ts'
import { Header } from '../../protocol/index.ts'
import { bytesOf, events, Replay } from './replay.ts'
import { type Seen, World } from './world.ts'

const url = 'http://server/v1/stream/s'
const ok = () => new Response(null, { headers: { [Header.nextOffset]: '1' } })
const guarded = (token: () => string) => (seen: Seen) =>
  seen.headers.get('authorization') === token() ? ok() : new Response('who?', { status: 401 })

test('a headers function is asked before every request', async () => {
  let token = 0
  const world = new World(ok)
  const stream = new DurableStream({ url, env: world, headers: () => ({ authorization: `${++token}` }) })
  await stream.head()
  await stream.head()
  expect(world.seen.map(seen => seen.headers.get('authorization'))).toEqual(['1', '2'])
})

test('requests refused together are answered by one renewal, which knows that it is one', async () => {
  const asks: boolean[] = []
  let valid = 'new'
  let renewals = 0
  const headers = async ({ refused }: HeaderAsk) => {
    asks.push(refused)
    if (refused) {
      renewals++
      await world.quiet()
    }
    return { authorization: renewals === 0 ? 'old' : valid }
  }
  const world: World = new World(guarded(() => valid))
  const streams = [0, 1, 2].map(() => new DurableStream({ url, env: world, headers }))
  await Promise.all(streams.flatMap(stream => [stream.head(), stream.head()]))
  expect(renewals).toBe(1)
  expect(asks).toEqual([false, true])
  expect(world.seen).toHaveLength(12)

  valid = 'newer'
  await streams[0]?.head()
  expect(renewals).toBe(1) // the ordinary ask gave the new one already
})

test('a request refused late is repeated with what the renewal of others gave', async () => {
  let renewals = 0
  const headers = ({ refused }: HeaderAsk) => ({ authorization: refused ? `new${++renewals}` : 'old' })
  let open: () => void = () => {}
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  const world: World = new World(async seen => {
    if (seen.headers.get('authorization') !== 'old') return ok()
    if (world.seen.indexOf(seen) === 1) await opened
    return new Response('who?', { status: 401 })
  })
  const stream = new DurableStream({ url, env: world, headers })
  const [early, late] = [stream.head(), stream.head()]
  await early
  open()
  await late
  expect(renewals).toBe(1)
  expect(world.seen.map(seen => seen.headers.get('authorization'))).toEqual(['old', 'old', 'new1', 'new1'])
})

test('headers refused twice are a refusal', async () => {
  const world = new World(guarded(() => 'never'))
  const stream = new DurableStream({ url, env: world, headers: () => ({ authorization: 'old' }) })
  await expect(stream.head()).rejects.toMatchObject({ code: 'UNAUTHORIZED', status: 401, transient: false })
  expect(world.seen).toHaveLength(2)
})

test('fixed headers are not tried twice', async () => {
  const world = new World(guarded(() => 'never'))
  await expect(new DurableStream({ url, env: world, headers: { a: 'b' } }).head()).rejects.toThrow(
    StreamError,
  )
  expect(world.seen).toHaveLength(1)
})

test('a headers function that fails is asked again after a wait, and a follower survives it', async () => {
  let asked = 0
  const replay = new Replay([bytesOf('one')])
  const headers = () => {
    if (++asked < 3) throw new Error('offline')
    return { authorization: 'yes' }
  }
  const world: World = new World(() => events(world.body([replay.ours(0)], 'ends')))
  const failures: unknown[] = []
  const work = async () => {
    const stream = new DurableStream({ url, env: world, headers })
    for await (const _ of stream.follow({
      onLink: state => state.phase === 'waiting' && failures.push(state.error),
    }));
  }
  await world.until(work())
  expect(failures).toMatchObject([
    { code: 'HEADERS_FAILED', cause: { message: 'offline' } },
    { code: 'HEADERS_FAILED' },
  ])
  expect(world.slept).toEqual([125, 250])
})

test('a headers function that never answers is a timeout, and one that throws a StreamError decides itself', async () => {
  const world = new World(ok)
  const slow = new DurableStream({ url, env: world, headers: () => new Promise(() => {}), retry: false })
  await expect(world.until(slow.head())).rejects.toMatchObject({ code: 'TIMEOUT' })
  const signedOut = new StreamError('UNAUTHORIZED', 'signed out', { url, status: 401 })
  const out = new DurableStream({ url, env: world, headers: () => Promise.reject(signedOut) })
  await expect(out.head()).rejects.toBe(signedOut)
  expect(world.seen).toHaveLength(0)
  expect(world.open).toEqual({ timers: 0, requests: 0, bodies: 0 })
})
