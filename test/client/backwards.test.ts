import { describe, expect, test } from 'vitest'
import { controlEvent, Header, Live, Present } from '../../protocol/index.ts'
import { following, phases } from './follower.ts'
import { asked, bytesOf, events, Replay } from './replay.ts'
import { type Answering, script, World } from './world.ts'

const replay = new Replay(['one', 'two', 'three'].map(bytesOf))
const end = replay.offset(3)

/** A server that has everything up to `index`, and says so whatever it is asked. */
const holding =
  (index: number, closed = false): Answering =>
  seen => {
    const nextOffset = replay.offset(index)
    if (asked(seen).live === Live.sse) return events(controlEvent({ nextOffset, upToDate: true, closed }))
    const headers = { [Header.nextOffset]: nextOffset, [Header.upToDate]: Present }
    return new Response(null, { headers: { ...headers, ...(closed && { [Header.closed]: Present }) } })
  }

const times = (count: number, answering: Answering): Answering[] =>
  Array.from({ length: count }, () => answering)

describe.each([Live.sse, Live.longPoll])(
  'A stream followed by %s that ends before what was read of it',
  live => {
    const resumed = { live, offset: end, resumed: true }

    test('is asked again for a while, and then it is told', async () => {
      const world = new World(holding(1))
      const { done, told, batches } = following(world, resumed)
      await world.until(done.catch(() => undefined))
      await expect(done).rejects.toMatchObject({ code: 'WENT_BACK', transient: true })
      expect(world.slept).toEqual([125, 250, 500, 1000, 2000])
      expect(phases(told)).toContain('WENT_BACK 125')
      expect(batches).toEqual([])
    })

    test('is read on when it has it all, and what came before is forgotten', async () => {
      const lagging = times(5, holding(1))
      const world = new World(script(...lagging, holding(3), ...lagging, holding(3, true)))
      const { done, batches } = following(world, resumed)
      await world.until(done)
      expect(batches.map(({ next, closed }) => [next, closed])).toEqual([
        [end, false],
        [end, true],
      ])
    })

    test('is taken as it is where the offset may be one past the end', async () => {
      const gone = new AbortController()
      const world = new World(holding(1))
      const { done, batches } = following(world, { live, offset: end, signal: gone.signal })
      world.onEvent = () => {
        if (batches.length > 0) gone.abort()
      }
      await world.until(done)
      expect(batches[0]).toMatchObject({ next: replay.offset(1), upToDate: true })
    })
  },
)
