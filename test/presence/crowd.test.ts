import { describe, expect, test } from 'vitest'
import { limits } from '../../provider/presence/limits.ts'
import { PresenceCode } from '../../provider/presence/problem.ts'
import { entry, presenceOf, speak } from '../yjs/presence-fixture.ts'
import { Room, together } from './room.ts'

const several = 500

/** Clients from `first` on, as somebody else posted them. */
const settle = async (
  room: Room,
  first: number,
  count: number,
  clock = 1,
  state?: unknown,
): Promise<void> => {
  for (let at = first; at < first + count; at += several) {
    const length = Math.min(several, first + count - at)
    const words = Array.from({ length }, (_, index) => entry(at + index, clock, state))
    expect((await speak(room.app, presenceOf(...words))).status).toBe(204)
  }
}

const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`

const everybody = { awarenessClients: 20_000, awarenessBytes: 4 << 20 }

describe('A crowd', () => {
  test('[PR14] of 2,000 costs whoever joins one change', async () => {
    const room = await Room.open(everybody)
    await settle(room, 1_000, 2_000)
    const ada = room.tab('ada')
    ada.run()
    await room.pass(500)
    expect([ada.sees.length, ada.changes]).toEqual([2_001, 1])
    expect(ada.line.posts).toHaveLength(1)
  })

  test('[PR14] that all changed while a link was lost costs a change for each answer, not for each of them', async () => {
    const room = await Room.open(everybody)
    const [ada] = await together(room, 'ada')
    if (!ada) throw new Error('she is there')
    await settle(room, 1_000, 2_000)
    await room.pass(500)
    ada.line.cut()
    for (let clock = 2; clock < 6; clock++)
      await settle(room, 1_000, 2_000, clock, { name: `in round ${clock}` })
    ada.changes = 0
    ada.line.isDown = false
    await room.pass(3_000)
    expect(ada.awareness.getStates().get(1_000)).toEqual({ name: 'in round 5' })
    expect(ada.changes).toBeLessThanOrEqual(3)
  })

  test.each([
    [limits.clients - 1, true],
    [limits.clients, true],
    [limits.clients + 1, false],
  ])('[PR14] of %i is taken in whole: %s; what is beyond is told once', async (count, whole) => {
    const room = await Room.open(everybody)
    const ada = room.tab('ada')
    ada.run()
    await settle(room, 10_000, count - 1)
    await room.pass(500)
    await settle(room, 10_000, count - 1, 2)
    await room.pass(500)
    expect(ada.awareness.getStates().size).toBe(Math.min(count, limits.clients))
    expect(ada.problems.map(({ code }) => code)).toEqual(whole ? [] : [PresenceCode.crowded])
  })

  test('[PR14] that comes and goes leaves nothing behind a minute later', async () => {
    const room = await Room.open(everybody)
    const [ada] = await together(room, 'ada')
    if (!ada) throw new Error('she is there')
    await settle(room, 1_000, 2_000)
    await room.pass(500)
    expect(ada.awareness.meta.size).toBe(2_001)
    await settle(room, 1_000, 1_000, 2, null)
    await settle(room, 50_000, 1_000, 1, null)
    await room.pass(100_000)
    expect([...ada.awareness.meta.keys()]).toEqual([ada.id])
    expect(ada.sees).toEqual(['ada'])
  })

  test('[PR14] of ever new clients makes room again when the old ones are forgotten', async () => {
    const room = await Room.open(everybody)
    const [ada] = await together(room, 'ada')
    if (!ada) throw new Error('she is there')
    await settle(room, 10_000, limits.clients + 500)
    await room.pass(500)
    expect(ada.awareness.meta.size).toBe(limits.clients)
    await room.pass(100_000)
    await settle(room, 100_000, 500)
    await room.pass(500)
    expect(ada.sees).toHaveLength(501)
  })
})

describe('A state from a stranger', () => {
  test.each([
    [
      'of as many characters as a server takes',
      JSON.stringify({ text: 'x'.repeat(limits.stateChars - 11) }),
      true,
    ],
    ['of one more', JSON.stringify({ text: 'x'.repeat(limits.stateChars - 10) }), false],
    ['nested as deep as is taken', nested(limits.depth), true],
    ['nested deeper', nested(limits.depth + 1), false],
    ['nested so deep that walking it overflows', nested(30_000), false],
    ['with brackets in its text only', JSON.stringify({ text: '[{"'.repeat(300) }), true],
  ])('[PR14] %s is taken in or not, and the others of that moment are', async (_, state, taken) => {
    const room = await Room.open({ ...everybody, awarenessBodyBytes: 1 << 20 })
    const [ada] = await together(room, 'ada')
    if (!ada) throw new Error('she is there')
    await speak(room.app, presenceOf({ client: 1_000, clock: 1, state }, entry(1_001, 1)))
    await room.pass(500)
    expect(ada.awareness.getStates().has(1_000)).toBe(taken)
    expect(ada.awareness.getStates().has(1_001)).toBe(true)
    await speak(room.app, presenceOf(entry(1_000, 2, { name: 'small' })))
    await room.pass(500)
    expect(ada.awareness.getStates().get(1_000)).toEqual({ name: 'small' })
  })

  test('[PR14] that cannot be read harms nobody', async () => {
    const room = await Room.open()
    const [ada, bob] = await together(room, 'ada', 'bob')
    for (const body of [new Uint8Array([255]), new Uint8Array([1, 9]), new Uint8Array(100).fill(7)]) {
      await speak(room.app, body)
      await room.pass(500)
    }
    bob?.awareness.setLocalState({ name: 'bob II' })
    await room.pass(500)
    expect([ada?.sees, ada?.ended]).toEqual([['ada', 'bob II'], undefined])
  })
})
