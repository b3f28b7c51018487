import { setMaxListeners } from 'node:events'
import { expect, test } from 'vitest'
import { DurableStream } from '../../client/index.ts'
import { ContentType, Live, Path, Sentinel } from '../../protocol/index.ts'
import { folder, lastingPort, serve } from './launch.ts'
import { openCache } from './nginx.ts'

const path = `${Path.streams}restart`
const retry = { attempts: Number.POSITIVE_INFINITY, baseMs: 20, capMs: 200 }

test('readers who wait in the cache while the server is killed and started again read every byte once', async () => {
  const args = ['--data', await folder(), '--port', `${await lastingPort(Math.random)}`]
  const first = await serve(args)
  const cache = await openCache(first.url)
  const stream = new DurableStream({ url: `${cache}${path}`, contentType: ContentType.binary, retry })
  await stream.create()
  const writer = stream.producer()
  await writer.append('one ')

  const gone = new AbortController()
  setMaxListeners(0, gone.signal)
  let look = () => {}
  let losses = 0
  const texts: string[] = []
  const readers = Array.from({ length: 50 }, async (_, index) => {
    texts[index] = ''
    const follow = stream.follow({
      live: Live.longPoll,
      offset: Sentinel.start,
      signal: gone.signal,
      onLink: ({ phase }) => {
        if (phase === 'waiting') losses++
        look()
      },
    })
    for await (const { bytes } of follow) {
      texts[index] += new TextDecoder().decode(bytes)
      look()
    }
  })
  const until = (holds: () => boolean): Promise<void> =>
    new Promise(resolve => {
      look = () => {
        if (holds()) resolve()
      }
      look()
    })
  const read = (text: string) => until(() => texts.every(one => one === text))

  await read('one ')
  await writer.append('two ')
  await read('one two ')
  first.program.signal('SIGKILL')
  await first.program.ended
  await until(() => losses > 0)
  await serve(args)
  await writer.append('three ')
  await read('one two three ')
  await writer.append('four')
  await read('one two three four')
  gone.abort()
  await Promise.all(readers)
  expect(texts).toEqual(readers.map(() => 'one two three four'))
}, 90_000)
