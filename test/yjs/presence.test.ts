import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type AwarenessEntry, absentState, ContentType, Header, Query } from '../../protocol/index.ts'
import { openMemoryStore } from '../../server/store/memory.ts'
import { openApp } from '../http/fixture.ts'
import { gate } from '../streams/gates.ts'
import { chosenBy, play } from '../streams/schedules.ts'
import { settled } from '../streams/world.ts'
import { d } from './fixture.ts'
import {
  aware,
  entriesIn,
  entry,
  join,
  presenceOf,
  presentClients,
  speak,
  withDocument,
} from './presence-fixture.ts'

const presence = 'presence/svc/d@default'

describe('A joiner', () => {
  test('is told everybody in one answer, and where to follow from', async () => {
    const { app, say, send } = await withDocument()
    await say(entry(1, 1), entry(2, 5))
    const last = await say(entry(3, 1))
    const { answer, entries, offset } = await join(app)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('Content-Type')).toBe(ContentType.binary)
    expect(answer.headers.get('Cache-Control')).toBe('no-store')
    expect(answer.headers.get(Header.upToDate)).toBe('true')
    expect(offset).toBe(last.headers.get(Header.nextOffset))
    expect(entries).toEqual([entry(1, 1), entry(2, 5), entry(3, 1)])
    await say(entry(1, 2))
    const rest = await send('GET', aware(undefined, { [Query.offset]: offset }))
    expect(entriesIn(new Uint8Array(await rest.arrayBuffer()))).toEqual([entry(1, 2)])
  })

  test('of an empty room is told nobody, in no frame', async () => {
    const { app } = await withDocument()
    const { bytes, answer } = await join(app)
    expect([answer.status, bytes.length]).toEqual([200, 0])
  })

  test('of a room that is not there yet makes it', async () => {
    const { app, send } = await withDocument()
    expect(await presentClients(app, 'fresh')).toEqual([])
    expect((await send('HEAD', aware('fresh'))).status).toBe(200)
  })

  test('sees of each client the latest, whatever order it came in', async () => {
    const { app, say } = await withDocument()
    await say(entry(1, 5, 'new'))
    await say(entry(1, 4, 'old'))
    await say(entry(1, 5, 'other'))
    expect((await join(app)).entries).toEqual([entry(1, 5, 'new')])
    await say(entry(1, 6, 'newer'))
    expect((await join(app)).entries).toEqual([entry(1, 6, 'newer')])
  })

  test('does not see who left, also with the clock it had, until it comes back', async () => {
    const { app, say } = await withDocument()
    await say(entry(1, 5), entry(2, 1))
    await say(entry(1, 5, null))
    expect(await presentClients(app)).toEqual([2])
    expect((await join(app)).entries).toContainEqual(entry(1, 5, null))
    await say(entry(1, 5))
    expect(await presentClients(app)).toEqual([2])
    await say(entry(1, 6))
    expect(await presentClients(app)).toEqual([1, 2])
  })

  test('does not see who was not heard of for half a minute', async () => {
    const { app, say, world } = await withDocument()
    await say(entry(1, 1), entry(2, 1))
    world.time += 20_000
    await say(entry(2, 2), entry(1, 1))
    world.time += 10_001
    expect(await presentClients(app)).toEqual([2])
    world.time += 20_000
    expect(await presentClients(app)).toEqual([])
  })

  test('sees a client again that was away and comes back, with whatever clock', async () => {
    const { app, say, world } = await withDocument()
    await say(entry(1, 9))
    world.time += 31_000
    expect(await presentClients(app)).toEqual([])
    await say(entry(1, 3))
    expect(await presentClients(app)).toEqual([1])
  })

  test('sees several updates of one POST, and no part of one that is broken', async () => {
    const { app, say } = await withDocument()
    await speak(app, new Uint8Array([...presenceOf(entry(1, 1)), ...presenceOf(entry(2, 1))]))
    await speak(app, new Uint8Array([...presenceOf(entry(3, 1)), 9, 9]))
    await say({ client: 4, clock: 1, state: '{not json' })
    expect(await presentClients(app)).toEqual([1, 2])
  })

  test('sees the first thousand clients; those after them are passed on and not remembered', async () => {
    const { app, say } = await withDocument()
    await say(...Array.from({ length: 1_000 }, (_, client) => entry(client, 1, 0)))
    const late = await say(entry(5_000, 1, 0))
    expect(late.status).toBe(204)
    const { entries } = await join(app)
    expect([entries.length, entries.some(({ client }) => client === 5_000)]).toEqual([1_000, false])
    await say(entry(7, 1, null))
    await say(entry(7, 2, 'back'))
    expect((await join(app)).entries).toContainEqual(entry(7, 2, 'back'))
  })

  test('sees nobody of a room that was deleted and made again, nor of its document', async () => {
    const { app, say, send } = await withDocument()
    await say(entry(1, 1))
    await send('DELETE', aware())
    expect(await presentClients(app)).toEqual([])
    await say(entry(2, 1))
    await send('DELETE', d)
    await send('PUT', d)
    expect(await presentClients(app)).toEqual([])
  })

  test('sees nobody of a room there was no place for', async () => {
    const { app } = await withDocument({ limits: { awarenessPerDocument: 1 } })
    expect((await speak(app, presenceOf(entry(1, 1)), 'full')).status).toBe(409)
    await app.send('DELETE', aware())
    expect(await presentClients(app, 'full')).toEqual([])
  })
})

test('Whenever somebody joins, what it is told and what follows is everything there is', async () => {
  const said = fc.record({
    client: fc.nat(3),
    clock: fc.integer({ min: 1, max: 6 }),
    leaves: fc.boolean(),
  })
  const steps = fc.array(fc.oneof({ weight: 3, arbitrary: said }, fc.constant('join' as const)), {
    minLength: 1,
    maxLength: 12,
  })
  const schedule = fc.array(fc.nat(12), { maxLength: 80 })
  await fc.assert(
    fc.asyncProperty(steps, schedule, fc.boolean(), async (script, numbers, isMade) => {
      const gated = gate(openMemoryStore())
      const app = openApp({ presenceStore: gated.store })
      const creating = app.send('PUT', d)
      if (isMade) {
        await settled()
        while (gated.waiting.length > 0) {
          for (const one of [...gated.waiting]) one.pass()
          await settled()
        }
        await creating
      }
      const truth = new Map<number, AwarenessEntry>()
      const joining: Promise<{ offset: string; entries: AwarenessEntry[] }>[] = []
      await play(
        [gated],
        script.map(step => () => {
          if (step === 'join') return void joining.push(join(app))
          const { client, clock, leaves } = step
          // One client says one thing at one clock.
          const one = entry(client, clock * 2 + Number(leaves), leaves ? null : { clock })
          const before = truth.get(client)
          if (!before || before.clock < one.clock) truth.set(client, one)
          void speak(app, presenceOf(one))
        }),
        chosenBy(numbers),
      )
      gated.open()
      for (const { offset, entries } of await Promise.all(joining)) {
        const rest = await app.send('GET', aware(undefined, { [Query.offset]: offset }))
        const seen = new Map(entries.map(one => [one.client, one]))
        for (const one of entriesIn(new Uint8Array(await rest.arrayBuffer()))) {
          const before = seen.get(one.client)
          if (!before || before.clock < one.clock) seen.set(one.client, one)
        }
        const present = (all: Map<number, AwarenessEntry>) =>
          [...all.values()]
            .filter(({ state }) => state !== absentState)
            .toSorted((a, b) => a.client - b.client)
        expect(present(seen)).toEqual(present(truth))
      }
    }),
    { numRuns: 200 },
  )
}, 60_000)

describe('The memory of a room', () => {
  const body = (at: number, size: number) => new Uint8Array(size).fill(at)

  test('is bounded: old bytes are forgotten, and who lags behind them joins anew', async () => {
    const { app, documents } = await withDocument({ limits: { awarenessBytes: 1_000 } })
    const first = await speak(app, body(0, 90))
    let most = 0
    for (let at = 1; at < 100; at++) {
      expect((await speak(app, body(at, 90))).status).toBe(204)
      await settled()
      const state = await documents.presence.streams.load(presence)
      most = Math.max(most, (state?.tail ?? 0) - (state?.start ?? 0))
    }
    expect(most).toBeLessThanOrEqual(1_000 + 2 * 90)
    expect(most).toBeGreaterThan(500)
    const late = await app.send(
      'GET',
      aware(undefined, { [Query.offset]: first.headers.get(Header.nextOffset) ?? '' }),
    )
    expect(late.status).toBe(410)
    expect((await app.send('GET', aware())).status).toBe(410)
    const { offset } = await join(app)
    expect((await app.send('GET', aware(undefined, { [Query.offset]: offset }))).status).toBe(200)
  })

  test('of bytes that come many at once, or larger than all of it, is bounded too', async () => {
    const { app, documents } = await withDocument({ limits: { awarenessBytes: 1_000 } })
    for (const size of [90, 2_000, 1]) {
      const answers = await Promise.all(Array.from({ length: 50 }, (_, at) => speak(app, body(at, size))))
      expect(answers.every(({ status }) => status === 204)).toBe(true)
    }
    for (let at = 0; at < 1_100; at++) await speak(app, body(0, 1))
    await settled()
    const state = await documents.presence.streams.load(presence)
    expect((state?.tail ?? 0) - (state?.start ?? 0)).toBeLessThanOrEqual(1_000)
  })

  test('is bounded anew in a later life of the room, and nobody’s POST fails for the earlier one', async () => {
    const { app, documents, world } = await withDocument({ limits: { awarenessBytes: 1_000 } })
    for (let at = 0; at < 9; at++) await speak(app, body(at, 70))
    world.time += 3_600_000
    let most = 0
    for (let round = 0; round < 30; round++) {
      const answers = await Promise.all([1, 2, 3].map(at => speak(app, body(at, 51))))
      expect(answers.map(({ status }) => status)).toEqual([204, 204, 204])
      await settled()
      const state = await documents.presence.streams.load(presence)
      most = Math.max(most, (state?.tail ?? 0) - (state?.start ?? 0))
    }
    expect(most).toBeLessThanOrEqual(1_000 + 6 * 51)
  })

  test('forgets on a sweep who is away and what expired, and keeps the rest', async () => {
    const { app, say, documents, world } = await withDocument()
    await say(entry(1, 1))
    world.time += 31_000
    await say(entry(2, 1))
    await documents.presence.sweep(10)
    expect(await presentClients(app)).toEqual([2])
    world.time += 3_700_000
    await documents.presence.sweep(10)
    expect(await documents.presence.streams.list('', undefined, 10)).toEqual([])
    expect((await app.send('HEAD', aware())).status).toBe(404)
  })
})
