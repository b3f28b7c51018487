import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Header, Live, Sentinel } from '../../protocol/index.ts'
import { openMemoryStore } from '../../server/store/memory.ts'
import { gate } from '../streams/gates.ts'
import { chosenBy, play } from '../streams/schedules.ts'
import { settled } from '../streams/world.ts'
import { Events } from './events.ts'
import { type App, closing, from, nextOf, openApp, stream } from './fixture.ts'

const s = stream('s')
const type = 'text/plain'

/** Follows by long-poll until the stream is closed. */
const polled = async ({ send }: App): Promise<string> => {
  let all = ''
  for (let offset: string = Sentinel.start; ; ) {
    const answer = await send('GET', from(s, offset, Live.longPoll))
    all += await answer.text()
    if (answer.status >= 400) return `${all} and then ${answer.status}`
    expect(nextOf(answer) >= offset).toBe(true)
    offset = nextOf(answer)
    if (answer.headers.has(Header.closed)) return all
  }
}

test('Whatever the schedule, every live reader gets everything until the stream is closed, in order and once', async () => {
  const scripts = fc.record({
    bodies: fc.array(fc.stringMatching(/^[a-z]{1,3}$/), { minLength: 1, maxLength: 5 }),
    readers: fc.array(fc.tuple(fc.constantFrom('sse', 'long-poll'), fc.nat(6)), {
      minLength: 1,
      maxLength: 5,
    }),
    closesWithBody: fc.boolean(),
    readBytes: fc.constantFrom(1, 4, 1_000),
    schedule: fc.array(fc.nat(12), { maxLength: 80 }),
  })
  await fc.assert(
    fc.asyncProperty(scripts, async ({ bodies, readers, closesWithBody, readBytes, schedule }) => {
      const inner = openMemoryStore()
      const gated = gate(inner)
      await openApp({ store: inner }).send('PUT', s, { type })
      const app = openApp({ store: gated.store, limits: { readBytes } })
      const all = bodies.join('')
      const got: Promise<() => string>[] = []
      const steps = bodies.map((body, at) => () => {
        const isLast = closesWithBody && at === bodies.length - 1
        void app.send('POST', s, { type, body, ...(isLast && { headers: closing }) })
      })
      if (!closesWithBody) steps.push(() => void app.send('POST', s, { headers: closing }))
      for (const [mode, place] of readers) {
        steps.splice(place % (steps.length + 1), 0, () => {
          if (mode === 'long-poll') got.push(polled(app).then(text => () => text))
          else {
            const following = app
              .send('GET', from(s, Sentinel.start, Live.sse))
              .then(answer => new Events(answer))
            got.push(
              following.then(
                events => () => `${events.data.join('')}${events.over === 'ended' ? '' : ' and on'}`,
              ),
            )
          }
        })
      }
      await play([gated], steps, chosenBy(schedule))
      gated.open()
      await settled()
      for (const reader of await Promise.all(got)) expect(reader()).toBe(all)
      expect(app.streams.readers('stream/s')).toBe(0)
      expect(app.world.timers).toBe(0)
    }),
    { numRuns: 200 },
  )
}, 60_000)
