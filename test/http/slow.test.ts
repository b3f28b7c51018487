import { afterEach, describe, expect, test } from 'vitest'
import { Live, Sentinel } from '../../protocol/index.ts'
import { settled } from '../streams/world.ts'
import { Events } from './events.ts'
import { type App, from, openApp, stream } from './fixture.ts'

const s = stream('s')
const name = 'stream/s'
const backlogBytes = 1_000
let app: App

const opened = async (sseMs = 600_000) => {
  app = openApp({ limits: { backlogBytes, readBytes: 400, stallMs: 30_000, sseMs } })
  await app.send('PUT', s, { type: 'text/plain' })
  const post = async (body: string) => {
    await app.send('POST', s, { type: 'text/plain', body })
    await settled()
  }
  const ask = () => app.send('GET', from(s, Sentinel.start, Live.sse))
  return { ...app, post, ask }
}

const part = (at: number) => `${at}.`.padEnd(300, '-')

afterEach(() => {
  expect(app.streams.readers(name)).toBe(0)
})

describe('[row 80] A live reader that stops reading', () => {
  test('is queued no more than its backlog, and everybody else is served', async () => {
    const { post, ask, world } = await opened(10_000)
    const slow = await ask()
    const quick = new Events(await ask())
    for (let at = 0; at < 100; at++) await post(part(at))
    expect(quick.data).toHaveLength(100)
    await quick.leave()
    // Its life ends first: what it was given before it counted as slow can still be taken, and is all there is.
    await world.turn(11_000)
    const late = new Events(slow)
    await settled()
    expect(late.over).toBe('ended')
    const waited = late.data.join('').length
    expect(waited).toBeGreaterThan(backlogBytes / 2)
    expect(waited).toBeLessThan(backlogBytes + 2 * 400)
  })

  test('is cut after a while in which it takes nothing', async () => {
    const { post, ask, world, streams } = await opened()
    await ask()
    for (let at = 0; at < 10; at++) await post(part(at))
    await world.turn(29_999)
    expect(streams.readers(name)).toBe(1)
    await world.turn(1)
    expect(streams.readers(name)).toBe(0)
    expect(world.timers).toBe(0)
  })

  test('but goes on in time gets everything, in order and once, from the store', async () => {
    const { post, ask, world } = await opened()
    const response = await ask()
    for (let at = 0; at < 20; at++) await post(part(at))
    await world.turn(20_000)
    const events = new Events(response)
    await settled()
    await world.turn(60_000)
    expect(events.data.join('')).toBe(Array.from({ length: 20 }, (_, at) => part(at)).join(''))
    expect(events.controls.at(-1)?.upToDate).toBe(true)
    await post(part(20))
    expect(events.data.at(-1)).toBe(part(20))
    expect(events.over).toBeUndefined()
    await events.leave()
  })

  test('is cut after its life even if little waits for it', async () => {
    const { ask, world, streams, limits } = await opened()
    await ask()
    await world.turn(limits.sseMs * 2)
    expect(streams.readers(name)).toBe(0)
    expect(world.timers).toBe(0)
  })
})
