import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { DurableStream, type Env, realEnv, settleEnv } from '../../client/index.ts'
import { Live, Path, Query } from '../../protocol/index.ts'
import { type Server, startServer } from '../../server/index.ts'
import { FaultyProxy, type Weather } from '../faulty-proxy.ts'

vi.setConfig({ testTimeout: 60_000 })

/** What fakes cannot show: a real server, real sockets, and something in between that takes them apart. */
let server: Server
let proxy: FaultyProxy
let gone: AbortController

beforeEach(async () => {
  server = await startServer({ port: 0, store: 'memory', limits: { longPollMs: 2_000 } })
  proxy = await FaultyProxy.open(Number(new URL(server.url).port))
  gone = new AbortController()
})
afterEach(async () => {
  gone.abort()
  await proxy.close()
  await server.close()
})

/** The real world, with a clock that goes five times as fast: what takes a while takes less of the test's. */
const hurried: Partial<Env> = {
  now: () => realEnv.now() * 5,
  sleep: (ms, signal) => realEnv.sleep(ms / 5, signal),
}

const isEvents = ({ line }: { readonly line: string }) => line.includes(`${Query.live}=${Live.sse}`)
const isPoll = ({ line }: { readonly line: string }) => line.includes(`${Query.live}=${Live.longPoll}`)

/** One who writes past the proxy, one who follows through it, and a second one that shares what is learnt. */
const open = async (weather: Weather) => {
  proxy.weather = weather
  const path = `${Path.streams}s`
  const writer = new DurableStream({ url: server.url + path, contentType: 'text/plain' })
  await writer.create()
  const env = settleEnv(hurried)
  const heard = ['', '']
  const follow = async (index: number) => {
    const stream = new DurableStream({ url: proxy.url + path, contentType: 'text/plain', env })
    for await (const { bytes } of stream.follow({ signal: gone.signal }))
      heard[index] += new TextDecoder().decode(bytes)
  }
  const done = heard.map((_, index) => follow(index))
  for (const one of done) one.catch(() => undefined) // a failure shows in what was not heard
  return { writer, heard }
}

const soon = { timeout: 50_000, interval: 20 }

const bars: readonly (readonly [string, Weather])[] = [
  ['holds event streams back', { holdEvents: Number.POSITIVE_INFINITY }],
  [
    'stalls event streams',
    { fault: a => (isEvents(a) ? { side: 'down', after: 0, how: 'stall' } : undefined) },
  ],
  [
    'resets event streams',
    { fault: a => (isEvents(a) ? { side: 'down', after: 0, how: 'reset' } : undefined) },
  ],
  ['cuts event streams', { fault: a => (isEvents(a) ? { side: 'down', after: 40, how: 'cut' } : undefined) }],
]

test.each(bars)('[P1] a proxy that %s is got through by long-poll, everything once', async (_, weather) => {
  const { writer, heard } = await open(weather)
  let written = ''
  for (let index = 0; index < 5; index++) {
    written += `<${index}>`
    await writer.append(`<${index}>`)
  }
  await vi.waitFor(() => expect(proxy.exchanges.filter(isPoll).length).toBeGreaterThanOrEqual(2), soon)
  for (let index = 5; index < 10; index++) {
    written += `<${index}>`
    await writer.append(`<${index}>`)
    await vi.waitFor(() => expect(heard).toEqual([written, written]), soon)
  }
})

test('[P2] a proxy that hangs up on everybody changes nothing: they come back by event streams', async () => {
  const { writer, heard } = await open({})
  await writer.append('a')
  await vi.waitFor(() => expect(heard).toEqual(['a', 'a']), soon)
  proxy.hangUp()
  await writer.append('b')
  await vi.waitFor(() => expect(heard).toEqual(['ab', 'ab']), soon)
  expect(proxy.exchanges.filter(isPoll)).toEqual([])
})

test('[P3] a proxy that delays everything for longer than an event stream is waited for changes nothing', async () => {
  const { writer, heard } = await open({ delayMs: { up: 500, down: 500 } })
  await writer.append('a')
  await vi.waitFor(() => expect(heard).toEqual(['a', 'a']), soon)
  expect(proxy.exchanges.filter(isPoll)).toEqual([])
})
