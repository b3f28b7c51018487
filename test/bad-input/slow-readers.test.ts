import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { Live, Sentinel } from '../../protocol/index.ts'
import { realWorld, type World } from '../../server/world.ts'
import { from } from '../http/fixture.ts'
import type { RawConnection } from '../process/raw.ts'
import { type Arena, open } from './arena.ts'

/** The time a stalled reader gets is told apart from every other wait by its length, and passes when the test says so. */
const stallMs = 54_321
const stalls = new Set<() => void>()
const world: World = {
  ...realWorld,
  after: (ms, task) => {
    if (ms !== stallMs) return realWorld.after(ms, task)
    stalls.add(task)
    return () => void stalls.delete(task)
  },
}
const passStall = () => {
  for (const task of [...stalls]) {
    stalls.delete(task)
    task()
  }
}

const text = { type: 'text/plain' }
const part = 'x'.repeat(256 << 10)
const limits = { stallMs, sseMs: 24 * 3_600_000 }
let opened: Awaited<ReturnType<typeof open>> | undefined
const connections: RawConnection[] = []

beforeAll(async () => {
  opened = await open({ world, limits })
})
afterEach(() => {
  for (const connection of connections.splice(0)) connection.close()
})
afterAll(() => opened?.close())

const arena = (): Arena => {
  if (!opened) throw new Error('the server is not up yet')
  return opened.arena
}

const follow = async (target: string): Promise<RawConnection> => {
  const connection = await arena().connect()
  connections.push(connection)
  connection.send(`GET ${from(target, Sentinel.start, Live.sse)} HTTP/1.1\r\nHost: arena\r\n\r\n`)
  await connection.until(/event: control/)
  return connection
}

/** Appends until the server waits for the reader that takes nothing. @returns how often it appended */
const postUntilStalled = async (target: string): Promise<number> => {
  for (let count = 0; ; count++) {
    if (stalls.size > 0) return count
    expect((await arena().ask('POST', target, { ...text, body: part })).status).toBe(204)
  }
}

/** How much of the appends is there. */
const count = (said: string): number =>
  (said.match(/x{100,}/g) ?? []).reduce((sum, run) => sum + run.length, 0)

test('[row 80] an SSE reader that takes nothing is cut after its time, and what it has ends at an offset it can resume from', async () => {
  const target = await arena().stream()
  const slow = await follow(target)
  slow.pause()
  const posts = await postUntilStalled(target)
  passStall()
  expect(stalls.size).toBe(0)
  // More for a reader that is gone costs nothing and waits for nobody.
  for (const _ of [1, 2, 3]) await arena().ask('POST', target, { ...text, body: part })
  expect(stalls.size).toBe(0)
  slow.resume()
  const { text: said } = await slow.untilEnd()
  expect(said.endsWith('0\r\n\r\n')).toBe(false)
  expect(count(said)).toBeLessThan((posts + 3) * part.length)
  const offsets = [...said.matchAll(/event: control\ndata:(\{.*\})\n\n/g)].map(
    ([, json]) => JSON.parse(json ?? '').streamNextOffset as string,
  )
  const rest = await arena().ask('GET', from(target, offsets.at(-1) ?? ''))
  expect(rest.status).toBe(200)
})

test('[row 80] a reader that goes on in time gets everything, once', async () => {
  const target = await arena().stream()
  const slow = await follow(target)
  slow.pause()
  const posts = await postUntilStalled(target)
  slow.resume()
  await arena().ask('POST', target, { ...text, body: 'end' })
  await slow.until(/data:end\n/)
  expect(count(slow.text)).toBe(posts * part.length)
  expect(slow.end).toBeUndefined()
})

test('[row 80] a reader that takes nothing harms nobody: others of the stream get everything meanwhile', async () => {
  const target = await arena().stream()
  const slow = await follow(target)
  const quick = await follow(target)
  slow.pause()
  const posts = await postUntilStalled(target)
  await arena().ask('POST', target, { ...text, body: 'end' })
  await quick.until(/data:end\n/)
  expect(count(quick.text)).toBe(posts * part.length)
  passStall()
  expect(quick.end).toBeUndefined()
  await arena().ask('POST', target, { ...text, body: 'after' })
  await quick.until(/data:after\n/)
})
