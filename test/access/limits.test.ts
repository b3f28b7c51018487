import { describe, expect, test } from 'vitest'
import { Live, Sentinel } from '../../protocol/index.ts'
import { Buckets } from '../../server/access/buckets.ts'
import { connectionCounter } from '../../server/access/connections.ts'
import type { Authorize } from '../../server/access/question.ts'
import type { Limits } from '../../server/limits.ts'
import { Events } from '../http/events.ts'
import { from, openApp, stream } from '../http/fixture.ts'
import { FakeWorld, settled } from '../streams/world.ts'

/** At each limit, one below and one above it. */

const s = stream('s')
const opened = async (limits: Partial<Limits>, authorize?: Authorize) => {
  const app = openApp({ limits, ...(authorize && { authorize }), trustProxy: 1 })
  const owner = { 'X-Forwarded-For': '192.0.2.200' }
  await app.send('PUT', s, { type: 'text/plain', headers: owner })
  return app
}

test('[limit requestsPerSecond] so many requests are answered at once', async () => {
  const { send } = await opened({ requestsPerSecond: 5 })
  const statuses: number[] = []
  for (let at = 0; at < 6; at++) statuses.push((await send('HEAD', s)).status)
  expect(statuses.slice(3)).toEqual([200, 200, 429])
})

test('[limit writtenBytesPerSecond] so many bytes are taken at once', async () => {
  const limit = 100
  const after = async (first: number) => {
    const { send } = await opened({ writtenBytesPerSecond: limit })
    const write = async (length: number) => {
      const headers = { 'Content-Length': `${length}` }
      return (await send('POST', s, { type: 'text/plain', body: 'x'.repeat(length), headers })).status
    }
    return [await write(first), await write(1)]
  }
  expect(await after(limit - 1)).toEqual([204, 204])
  expect(await after(limit)).toEqual([204, 429])
  const { send } = await opened({ writtenBytesPerSecond: limit })
  const headers = { 'Content-Length': '50' }
  const half = { type: 'text/plain', body: 'x'.repeat(50), headers }
  expect((await send('POST', s, half)).status).toBe(204)
  const more = { type: 'text/plain', body: 'x'.repeat(51), headers: { 'Content-Length': '51' } }
  expect((await send('POST', s, more)).status).toBe(429)
  expect((await send('POST', s, half)).status).toBe(204)
})

test('[limit readersPerCaller] so many live readers are let in', async () => {
  const { send } = await opened({ readersPerCaller: 3 })
  const readers: Events[] = []
  for (let at = 0; at < 3; at++) {
    const answer = await send('GET', from(s, Sentinel.start, Live.sse))
    expect(answer.status).toBe(200)
    readers.push(new Events(answer))
  }
  expect((await send('GET', from(s, Sentinel.start, Live.sse))).status).toBe(429)
  for (const reader of readers) await reader.leave()
  await settled()
})

test('[limit connectionsPerAddress] so many connections of one address stay', () => {
  const mayStay = connectionCounter({ connectionsPerAddress: 3 }, 0)
  const socket = { remoteAddress: '192.0.2.1', once: () => undefined }
  const open = () => mayStay(socket as unknown as Parameters<typeof mayStay>[0])
  expect([open(), open(), open(), open()]).toEqual([true, true, true, false])
})

test('[limit callersTracked] so many callers are remembered', () => {
  const world = new FakeWorld()
  const firstAfter = (others: number) => {
    const buckets = new Buckets({ perSecond: 1, most: 5, world })
    buckets.take('first', 1)
    for (let at = 0; at < others; at++) buckets.take(`other ${at}`, 1)
    return buckets.wait('first', 1)
  }
  expect([firstAfter(3), firstAfter(4), firstAfter(5)]).toEqual([1_000, 1_000, 0])
})

describe('The hook', () => {
  test.each([
    [999, 200],
    [1_000, 503],
    [1_001, 503],
  ])('[limit authorizeMs] an answer of authorize after %s ms', async (ms, status) => {
    let slow = false
    const world = new FakeWorld()
    const authorize: Authorize = () =>
      slow ? new Promise(resolve => void world.after(ms, () => resolve('allow'))) : 'allow'
    const app = openApp({ limits: { authorizeMs: 1_000 }, authorize, world })
    await app.send('PUT', s)
    slow = true
    const answering = app.send('HEAD', s)
    await world.turn(2_000)
    expect((await answering).status).toBe(status)
  })
})

test('[limit recheckMs] a live answer is asked about again within so long', async () => {
  let asked = 0
  const authorize: Authorize = () => {
    asked++
    return 'allow'
  }
  const world = new FakeWorld({ chance: 1 - 2 ** -53 })
  const app = openApp({ limits: { recheckMs: 1_000, sseMs: 100_000 }, authorize, world })
  await app.send('PUT', s)
  const events = new Events(await app.send('GET', from(s, Sentinel.start, Live.sse)))
  await world.turn(999)
  expect(asked).toBe(2)
  await world.turn(1)
  expect(asked).toBe(3)
  await world.turn(1)
  expect(asked).toBe(3)
  await events.leave()
  await settled()
})
