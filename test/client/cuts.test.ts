import { describe, expect, test } from 'vitest'
import { type Batch, DurableStream } from '../../client/index.ts'
import { Live } from '../../protocol/index.ts'
import { asked, events, Replay, textOf } from './replay.ts'
import { seeded, World } from './world.ts'

const url = 'http://server/v1/stream/s'
const entries = ['one', 'two', '', 'three and more', 'ü\n\r\n', 'last'].map(text =>
  new TextEncoder().encode(text),
)
const replay = new Replay(entries)
const log = entries.map(textOf).join('')

const splitAt = (bytes: Uint8Array, size: number): Uint8Array[] => {
  const parts: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += size) parts.push(bytes.subarray(at, at + size))
  return parts
}

/** Follows to the end; the offsets asked for and everything received. */
const follow = async (world: World) => {
  const batches: Batch[] = []
  const drain = async () => {
    for await (const batch of new DurableStream({ url, env: world }).follow({ live: Live.sse }))
      batches.push(batch)
  }
  await world.until(drain())
  return { batches, text: batches.map(batch => textOf(batch.bytes)).join('') }
}

describe.each(['ours', 'theirs', 'strange'] as const)('an answer in the dialect %s', dialect => {
  const whole = replay[dialect](0)

  test('cut at every byte gives the log exactly once over all reconnects', async () => {
    for (let cut = 0; cut <= whole.length; cut++) {
      for (const end of ['ends', 'breaks'] as const) {
        let requests = 0
        const world: World = new World(seen => {
          const answer = replay[dialect](replay.index(asked(seen).offset))
          const chunks = requests++ === 0 ? [answer.subarray(0, cut)] : [answer]
          return events(world.body(chunks, requests === 1 ? end : 'ends'))
        })
        const { batches, text } = await follow(world)
        expect({ cut, end, text }).toEqual({ cut, end, text: log })
        expect(batches.at(-1)).toMatchObject({
          closed: true,
          upToDate: true,
          next: replay.offset(entries.length),
        })
        const order = batches.map(batch => batch.next as string)
        expect(order).toEqual([...new Set(order)].sort())
        expect(world.open).toEqual({ timers: 0, requests: 0, bodies: 0 })
      }
    }
  })

  test('in chunks of any size gives the same batches', async () => {
    const inOne = await follow(new World(() => events(textOf(whole))))
    for (const size of [1, 2, 3, 7, 64]) {
      const world: World = new World(() => events(world.body(splitAt(whole, size), 'ends')))
      expect(await follow(world)).toEqual(inOne)
    }
  })

  test('cut anywhere, again and again, still gives the log exactly once', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = seeded(seed)
      const world: World = new World(seen => {
        if (random() < 0.2) throw new TypeError('refused')
        const answer = replay[dialect](replay.index(asked(seen).offset))
        const cut = random() < 0.6 ? Math.floor(random() * answer.length) : answer.length
        return events(
          world.body(
            splitAt(answer.subarray(0, cut), 1 + Math.floor(random() * 40)),
            random() < 0.5 ? 'breaks' : 'hangs',
          ),
        )
      }, random)
      expect({ seed, text: (await follow(world)).text }).toEqual({ seed, text: log })
      expect(world.open).toEqual({ timers: 0, requests: 0, bodies: 0 })
    }
  })
})
