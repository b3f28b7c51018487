import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeAwareness,
  decodeFrames,
  Header,
  OwnHeader,
  parseAges,
  Query,
  Sentinel,
} from '../../protocol/index.ts'
import { openMemoryStore } from '../../server/store/memory.ts'
import { byAge } from '../../server/yjs/roster.ts'
import { openApp } from '../http/fixture.ts'
import { check } from '../protocol/property.ts'
import { d } from './fixture.ts'
import { aware, entry, join, presenceOf, presentClients, speak, withDocument } from './presence-fixture.ts'

type Fixture = Awaited<ReturnType<typeof withDocument>>

/** The clients in each frame, behind the age that goes with it. */
const agesIn = async ({ app }: Pick<Fixture, 'app'>): Promise<readonly (readonly [number, number[]])[]> => {
  const { answer, bytes } = await join(app)
  const frames = decodeFrames(bytes)
  const ages = parseAges(answer.headers.get(OwnHeader.awarenessAges), frames.length)
  return frames.map((frame, at) => [
    ages?.[at] ?? Number.NaN,
    decodeAwareness(frame).map(({ client }) => client),
  ])
}

describe('A roster', () => {
  test('[PR20] has a frame for each age, the youngest first, in whole seconds rounded down', async () => {
    const room = await withDocument()
    await room.say(entry(1, 1), entry(2, 1))
    room.world.time += 900
    await room.say(entry(3, 1))
    room.world.time += 6_500
    await room.say(entry(4, 1))
    room.world.time += 2_599
    await room.say(entry(5, 1))
    expect(await agesIn(room)).toEqual([
      [0, [5]],
      [2, [4]],
      [9, [1, 2, 3]],
    ])
    room.world.time += 1
    expect(await agesIn(room)).toEqual([
      [0, [5]],
      [2, [4]],
      [9, [3]],
      [10, [1, 2]],
    ])
  })

  test('[PR20] counts from a later clock alone: who says the same again is as silent as before', async () => {
    const room = await withDocument()
    await room.say(entry(1, 1), entry(2, 1))
    room.world.time += 12_000
    await room.say(entry(1, 1), entry(2, 2))
    expect(await agesIn(room)).toEqual([
      [0, [2]],
      [12, [1]],
    ])
  })

  test('[PR20] dates a leave as well', async () => {
    const room = await withDocument()
    await room.say(entry(1, 1), entry(2, 1))
    room.world.time += 12_000
    await room.say(entry(1, 1, null))
    room.world.time += 3_000
    expect(await agesIn(room)).toEqual([
      [3, [1]],
      [15, [2]],
    ])
    expect((await join(room.app)).entries).toContainEqual(entry(1, 1, null))
  })

  test('[PR20] has nobody older than the silence after which the server forgets, and no age without anybody', async () => {
    const room = await withDocument()
    await room.say(entry(1, 1))
    room.world.time += 30_000
    expect(await agesIn(room)).toEqual([[30, [1]]])
    room.world.time += 1
    const { answer, bytes } = await join(room.app)
    expect([bytes.length, answer.headers.has(OwnHeader.awarenessAges)]).toEqual([0, false])
  })

  test('[PR20] has one age for all beyond a minute, where the server remembers that long', async () => {
    const room = await withDocument({ limits: { awarenessOutdatedMs: 24 * 3_600_000 } })
    for (let client = 1; client <= 200; client++) {
      await room.say(entry(client, 1))
      room.world.time += 1_000
    }
    const ages = await agesIn(room)
    expect(ages.map(([age]) => age)).toEqual(Array.from({ length: 60 }, (_, at) => at + 1))
    expect(ages.at(-1)?.[1]).toHaveLength(141)
  })

  test('[PR20] begins anew with the server', async () => {
    const store = openMemoryStore()
    const room = await withDocument({ store })
    await room.say(entry(1, 1))
    room.world.time += 12_000
    const app = openApp({ store, world: room.world })
    expect(await presentClients(app)).toEqual([])
    await speak(app, presenceOf(entry(1, 1)))
    expect(await agesIn({ app: { ...room.app, ...app } })).toEqual([[0, [1]]])
  })

  test.each([7_200_000, 20_000, -20_000, -7_200_000])(
    '[PR20] does not change as the clock of the server is set by %d ms',
    async skewMs => {
      const room = await withDocument()
      await room.say(entry(1, 1))
      room.world.time += 4_000
      room.world.skewMs = skewMs
      await room.say(entry(2, 1))
      room.world.time += 6_000
      expect(await agesIn(room)).toEqual([
        [6, [2]],
        [10, [1]],
      ])
      room.world.skewMs = 0
      room.world.time += 22_000
      expect(await agesIn(room)).toEqual([[28, [2]]])
      room.world.time += 3_000
      expect(await agesIn(room)).toEqual([])
    },
  )

  test('[PR20] has every word once, in the frame of its age', () => {
    const silences = fc.array(fc.integer({ min: 0, max: 90_000 }), { maxLength: 40 })
    check(
      fc.property(silences, fc.integer({ min: -1e9, max: 1e9 }), (silences, now) => {
        const words = silences.map((ms, client) => ({ ...entry(client, 1), heardAt: now - ms }))
        const { frames, ages } = byAge(words, now)
        const grouped = decodeFrames(frames).map(decodeAwareness)
        expect(grouped.flat().toSorted((a, b) => a.client - b.client)).toEqual(
          silences.map((_, client) => entry(client, 1)),
        )
        expect(ages).toEqual([...new Set(ages)].toSorted((a, b) => a - b))
        for (const [at, group] of grouped.entries())
          for (const { client } of group)
            expect(ages[at]).toBe(Math.min(60, Math.floor((silences[client] ?? Number.NaN) / 1_000)))
      }),
    )
  })
})

describe('The ages of a roster over origins', () => {
  const origin = 'https://app.example.org'
  const exposed = (answer: Response) => answer.headers.get('Access-Control-Expose-Headers')?.split(', ') ?? []
  const roster = { [Query.offset]: Sentinel.snapshot }
  const asking = (from: string) => ({ headers: { Origin: from } })

  test.each([
    [['*'], origin],
    [[origin], origin],
  ])(
    '[PR20] with %j may be seen by whom the answer may, and no other answer speaks of them',
    async (origins, from) => {
      const { send, say } = await withDocument({ origins })
      const empty = await send('GET', aware(undefined, roster), asking(from))
      expect(exposed(empty)).not.toContain(OwnHeader.awarenessAges)
      await say(entry(1, 1))
      const answer = await send('GET', aware(undefined, roster), asking(from))
      expect(answer.headers.get(OwnHeader.awarenessAges)).toBe('0')
      expect(exposed(answer)).toEqual([...exposed(empty), OwnHeader.awarenessAges])
      expect(exposed(answer)).toContain(Header.nextOffset)
      const live = await send('GET', aware(undefined, { [Query.offset]: Sentinel.tail }), asking(from))
      expect(exposed(live)).not.toContain(OwnHeader.awarenessAges)
      const missing = await send('GET', aware('fresh', roster, `${d}x`), asking(from))
      expect([missing.status, exposed(missing).includes(OwnHeader.awarenessAges)]).toEqual([404, false])
    },
  )

  test('[PR20] are not shown to others', async () => {
    const { send, say } = await withDocument({ origins: [origin] })
    await say(entry(1, 1))
    const answer = await send('GET', aware(undefined, roster), asking('https://evil.example.org'))
    expect(exposed(answer)).toEqual([])
    const { answer: same } = await join({ send } as Fixture['app'])
    expect(exposed(same)).toEqual([])
  })
})
