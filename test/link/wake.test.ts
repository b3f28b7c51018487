import { expect, test } from 'vitest'
import { DurableStream, settleEnv } from '../../client/index.ts'
import { Header } from '../../protocol/index.ts'
import { wakeable } from '../../provider/wakeable.ts'
import { script, World } from '../client/world.ts'
import { Between } from './between.ts'

const url = 'http://server/v1/stream/s'
const ok = () => new Response(null, { headers: { [Header.nextOffset]: '1' } })

/** A request that is answered, so, and then well; woken `at` so many milliseconds. */
const woken = async (answer: Response | Error, at: number): Promise<number> => {
  const world = new World(script(answer, ok), () => 0.999)
  const { env, wake } = wakeable(settleEnv(world))
  const began = world.time
  const done = new DurableStream({ url, env }).head()
  await world.pass(at)
  wake()
  await world.until(done)
  return world.time - began
}

test('[K1] waking ends a wait of our own at once', async () => {
  expect(await woken(new TypeError('refused'), 100)).toBe(100)
})

test('[K2] waking ends no wait that a server asked for, only what we would have waited beyond it', async () => {
  const busy = () => new Response('', { status: 503, headers: { 'Retry-After': '20' } })
  expect(await woken(busy(), 5_000)).toBe(20_000)
  expect(await woken(busy(), 20_400)).toBe(20_400)
})

test.each(['sse', 'long-poll', 'auto'] as const)('[K3] nor does it on a link by %s', async live => {
  const busy = new Response('', { status: 503, headers: { 'Retry-After': '20' } })
  const gone = new AbortController()
  const world = new World(script(busy, () => new Promise(() => {})))
  const { env, wake } = wakeable(settleEnv(world))
  const run = async () => {
    for await (const _ of new DurableStream({ url, env }).follow({ live, signal: gone.signal }));
  }
  const done = run()
  await world.pass(5_000)
  wake()
  await world.pass(14_999)
  expect(world.seen).toHaveLength(1)
  await world.pass(1)
  expect(world.seen).toHaveLength(2)
  gone.abort()
  await done
})

test('[K4] who gives up while a server asked for a wait does not wait it out', async () => {
  const world = new World(() => new Response('', { status: 503, headers: { 'Retry-After': '20' } }))
  const { env } = wakeable(settleEnv(world))
  const gone = new AbortController()
  const done = new DurableStream({ url, env }).head({ signal: gone.signal })
  await world.pass(5_000)
  gone.abort()
  await expect(done).rejects.toMatchObject({ code: 'ABORTED' })
  expect(world.open.timers).toBe(0)
})

test('[K5] waking does not make an event stream look slow', async () => {
  const between = new Between()
  between.middle = 'is slow'
  between.afterMs = 2_000
  const { env, wake } = wakeable(settleEnv(between.world))
  const gone = new AbortController()
  const heard: boolean[] = []
  const run = async () => {
    for await (const { upToDate } of new DurableStream({ url, env, contentType: 'text/plain' }).follow({
      signal: gone.signal,
    }))
      heard.push(upToDate)
  }
  const done = run()
  for (let turn = 0; turn < 15; turn++) {
    await between.world.pass(100)
    wake()
  }
  await between.world.pass(2_000)
  expect(between.ways).toEqual(['sse'])
  expect(heard).toEqual([true])
  gone.abort()
  await done
})

test('[K6] many waits at once are no leak, which Node would warn of', async () => {
  const world = new World(ok)
  const { env, wake } = wakeable(settleEnv(world))
  const warned: Error[] = []
  const warn = (warning: Error) => warned.push(warning)
  process.on('warning', warn)
  const waits = Array.from({ length: 50 }, () => env.sleep(60_000, new AbortController().signal))
  await world.pass(1)
  wake()
  await Promise.all(waits)
  await new Promise(resolve => setImmediate(resolve))
  process.off('warning', warn)
  expect(warned).toEqual([])
  expect(world.open.timers).toBe(0)
})
