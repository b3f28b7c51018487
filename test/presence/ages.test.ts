import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { OwnHeader } from '../../protocol/index.ts'
import { limits } from '../../provider/presence/limits.ts'
import { Nearby } from '../../provider/tabs/nearby.ts'
import { asksForAll } from './line.ts'
import { Room, type Tab, together } from './room.ts'

const three = async (room: Room): Promise<readonly [Tab, Tab, Tab]> => {
  const [ada, bob, cleo] = await together(room, 'ada', 'bob', 'cleo')
  if (!ada || !bob || !cleo) throw new Error('there are three')
  return [ada, bob, cleo]
}

const sees = (tab: Tab, other: Tab): boolean => tab.awareness.getStates().has(other.id)

/** When a tab saw the ghost no more, in a time that is over by `until`. */
const goneAt = async (room: Room, tab: Tab, ghost: Tab, until: number): Promise<number> => {
  while (sees(tab, ghost) && room.world.time < until) await room.pass(100)
  return room.world.time
}

/** Bob says something now and crashes at once; Ada and Cleo have been here for long, each in a phase of its own. */
const crashed = async (room: Room) => {
  const [ada, bob, cleo] = await three(room)
  await room.pass(6_000)
  cleo.awareness.setLocalState({ name: 'cleo', at: 1 })
  await room.pass(3_000)
  bob.awareness.setLocalState({ name: 'bob', at: 1 })
  await room.pass(0)
  const at = room.world.time
  await bob.crash()
  return { ada, bob, cleo, at }
}

describe('Who joins after a crash', () => {
  test.each([0, 700, 9_000, 15_500, 20_000, 23_900, 24_900])(
    '[PR20] %d ms later waits for the dead no longer than those who saw it, and for the living no less',
    async lateMs => {
      const room = await Room.open()
      const { ada, bob, cleo, at } = await crashed(room)
      await room.pass(lateMs)
      const late = room.tab('late')
      late.run()
      await room.pass(100)
      expect(late.sees).toEqual(['ada', 'bob', 'cleo', 'late'])
      const gone = (await goneAt(room, late, bob, at + 60_000)) - at
      expect(gone).toBeGreaterThanOrEqual(limits.goneMs)
      expect(gone).toBeLessThanOrEqual(limits.goneMs + 1_300)
      await room.pass(40_000)
      for (const tab of [ada, cleo, late])
        expect([tab.sees, tab.removed]).toEqual([['ada', 'cleo', 'late'], [bob.id]])
    },
  )

  test.each([25_000, 27_000, 29_900, 31_000])(
    '[PR20] %d ms later, when it is gone for those who saw it, never sees it',
    async lateMs => {
      const room = await Room.open()
      const { bob, at } = await crashed(room)
      await room.pass(lateMs)
      const late = room.tab('late')
      let came = false
      late.awareness.on('change', () => {
        came ||= sees(late, bob)
      })
      late.run()
      await room.pass(at + 60_000 - room.world.time)
      expect([came, late.sees, late.removed]).toEqual([false, ['ada', 'cleo', 'late'], []])
    },
  )

  test('[PR20] at any time, also one after another and over slow lines, sees the living always and the dead for 30 s at most', async () => {
    const joins = fc.array(fc.record({ lateMs: fc.nat(32_000), latencyMs: fc.nat(900) }), {
      minLength: 1,
      maxLength: 5,
    })
    await fc.assert(
      fc.asyncProperty(fc.nat(20_000), joins, async (phaseMs, joins) => {
        const room = await Room.open()
        const [ada, bob, cleo] = await three(room)
        await room.pass(phaseMs)
        await bob.crash()
        const at = room.world.time
        const tabs = [ada, cleo]
        for (const { lateMs, latencyMs } of joins.toSorted((a, b) => a.lateMs - b.lateMs)) {
          await room.pass(Math.max(0, at + lateMs - room.world.time))
          const late = room.tab('late')
          late.line.latencyMs = latencyMs
          late.run()
          tabs.push(late)
        }
        await room.pass(Math.max(0, at + 30_000 - room.world.time))
        for (const tab of tabs) expect(sees(tab, bob)).toBe(false)
        await room.pass(40_000)
        for (const tab of tabs) {
          expect(tab.sees).toHaveLength(tabs.length)
          expect(tab.removed.filter(client => client !== bob.id)).toEqual([])
        }
        for (const tab of tabs) await tab.stop()
      }),
      { numRuns: 12 },
    )
  }, 120_000)

  test('[PR20] sees the living again that were silent for so long only because their timers are held back', async () => {
    const room = await Room.open()
    const [ada, bob, cleo] = await three(room)
    for (const tab of [ada, bob, cleo]) {
      tab.timersMs = 60_000
      tab.chance = 0
    }
    await room.pass(300_000)
    const late = room.tab('late')
    late.run()
    await room.pass(1_000)
    expect(late.sees).toEqual(['ada', 'bob', 'cleo', 'late'])
  })
})

describe('Who lost its link', () => {
  test.each([2_000, 8_000, 14_000])(
    '[PR20] and reads %d ms later what a dead one said last counts from when it was said',
    async deafMs => {
      const room = await Room.open()
      const [ada, bob] = await three(room)
      ada.chance = 0.05 // its waits are short
      await room.pass(9_000)
      ada.line.cut()
      bob.awareness.setLocalState({ name: 'bob', at: 1 })
      await room.pass(100)
      const at = room.world.time
      await bob.crash()
      await room.pass(deafMs)
      ada.line.isDown = false
      while (ada.awareness.getStates().get(bob.id)?.['at'] !== 1 && room.world.time < at + 60_000)
        await room.pass(100)
      expect(ada.sees).toEqual(['ada', 'bob', 'cleo'])
      expect((await goneAt(room, ada, bob, at + 60_000)) - at).toBeLessThanOrEqual(30_000)
      await room.pass(30_000)
      expect([ada.sees, ada.removed]).toEqual([['ada', 'cleo'], [bob.id]])
    },
  )

  test('[PR20] and asks who is there goes by what it heard since, when that was later than the answer', async () => {
    const room = await Room.open()
    const [ada, bob] = await three(room)
    await room.pass(13_000)
    ada.line.blink()
    ada.line.answers = request => {
      // The answer is made, and on its way for long.
      if (asksForAll(request)) ada.line.latencyMs = 3_000
      return undefined
    }
    await room.pass(1_000)
    bob.awareness.setLocalState({ name: 'bob', at: 1 })
    await room.pass(0)
    const at = room.world.time
    await bob.crash()
    expect([ada.line.latencyMs, ada.awareness.getStates().get(bob.id)]).toEqual([
      3_000,
      { name: 'bob', at: 1 },
    ])
    expect((await goneAt(room, ada, bob, at + 60_000)) - at).toBeGreaterThanOrEqual(limits.goneMs)
  })

  test('[PR20] time and again keeps the living, and the dead no longer than others do', async () => {
    const room = await Room.open()
    const [ada, bob, cleo] = await three(room)
    ada.chance = 0.05
    for (let round = 0; round < 40; round++) {
      await room.pass(2_300)
      ada.line.blink()
    }
    await bob.crash()
    const at = room.world.time
    for (let round = 0; round < 13; round++) {
      await room.pass(2_300)
      ada.line.blink()
    }
    expect(sees(ada, bob)).toBe(false)
    expect(room.world.time - at).toBeLessThanOrEqual(30_000)
    for (const tab of [ada, cleo]) expect([tab.sees, tab.removed]).toEqual([['ada', 'cleo'], [bob.id]])
  })
})

describe('Ages', () => {
  const join = async (room: Room, header: string | undefined): Promise<Tab> => {
    const late = room.tab('late')
    late.line.tamper = (request, headers) => {
      if (!asksForAll(request)) return
      headers.delete(OwnHeader.awarenessAges)
      if (header !== undefined) headers.set(OwnHeader.awarenessAges, header)
    }
    late.run()
    await room.pass(100)
    return late
  }

  test.each([
    undefined,
    '',
    '20',
    '20, 20, 20, 20',
    '20, soon, 20',
    '-20, 20, 20',
    '2e1, 20, 20',
    '20; 20; 20',
  ])(
    '[PR20] that are %j count for nothing: everybody was heard just now, as far as is known',
    async header => {
      const room = await Room.open()
      const { bob, at } = await crashed(room)
      await room.pass(13_000)
      const since = room.world.time
      const late = await join(room, header)
      expect(late.sees).toEqual(['ada', 'bob', 'cleo', 'late'])
      const gone = (await goneAt(room, late, bob, at + 60_000)) - since
      expect(gone).toBeGreaterThanOrEqual(limits.goneMs)
      expect(gone).toBeLessThanOrEqual(limits.goneMs + 500)
      expect([late.removed, late.problems, late.ended]).toEqual([[bob.id], [], undefined])
    },
  )

  test('[PR20] beyond all sense keep the living away until they say again that they are here', async () => {
    const room = await Room.open()
    const { at } = await crashed(room)
    await room.pass(13_000)
    const late = await join(room, '999999999, 999999999, 999999999')
    expect(late.sees).toEqual(['late'])
    await room.pass(20_000)
    expect(room.world.time).toBeLessThan(at + 35_000)
    expect([late.sees, late.removed]).toEqual([['ada', 'cleo', 'late'], []])
  })

  test.each([7_200_000, 20_000, -20_000, -7_200_000])(
    '[PR20] do not change as the server’s clock is set by %d ms: nobody who is there is taken for gone, nobody who is gone stays',
    async skewMs => {
      const room = await Room.open()
      const [ada, bob, cleo] = await three(room)
      await room.pass(8_000)
      room.world.skewMs = skewMs
      const first = room.tab('first')
      first.run()
      await room.pass(4_000)
      const tabs = [ada, cleo, first]
      for (const tab of tabs) expect([tab.sees, tab.removed]).toEqual([['ada', 'bob', 'cleo', 'first'], []])
      await bob.crash()
      const at = room.world.time
      await room.pass(10_000)
      room.world.skewMs = 0
      const second = room.tab('second')
      second.run()
      await room.pass(at + 30_000 - room.world.time)
      await room.pass(30_000)
      for (const tab of [...tabs, second])
        expect([tab.sees, tab.removed]).toEqual([['ada', 'cleo', 'first', 'second'], [bob.id]])
    },
  )
})

describe('Tabs that follow', () => {
  /** A tab without a connection of its own, that hears from its leader whom that one sees. */
  const follow = (leader: Tab, follower: Tab): void => {
    const { awareness, origin, nearby } = follower
    const onThrown = (cause: unknown): void => {
      throw cause
    }
    const onUnsendable = onThrown
    const unaware = { ages: () => new Map(), onAges: () => undefined, onThrown, onUnsendable }
    const parts = { awareness, origin, nearby, ...unaware, say: () => undefined }
    const ear = new Nearby(parts)
    const mouth = new Nearby({
      awareness: leader.awareness,
      origin: leader.origin,
      nearby: leader.nearby,
      ...unaware,
      say: (update, isNearby) => ear.hear(update(), isNearby),
    })
    ear.hear(mouth.encode([leader.id]), true)
    ear.hear(mouth.encodeOthers(new Set([leader.id])), false)
  }

  test.each([0, 5_000, 15_000, 24_000])(
    '[PR20] see the dead go when their leader does, also one that came %d ms after the crash',
    async lateMs => {
      const room = await Room.open()
      const { ada, bob, at } = await crashed(room)
      await room.pass(lateMs)
      const tab = room.tab('follower')
      follow(ada, tab)
      expect(tab.sees).toEqual(['ada', 'bob', 'cleo', 'follower'])
      expect((await goneAt(room, tab, bob, at + 60_000)) - at).toBeLessThanOrEqual(30_000)
      await room.pass(30_000)
      expect([tab.sees, tab.removed]).toEqual([['ada', 'cleo', 'follower'], [bob.id]])
    },
  )

  test('[PR20] see them go also when all joined after the crash', async () => {
    const room = await Room.open()
    const { bob, at } = await crashed(room)
    await room.pass(18_000)
    const leader = room.tab('leader')
    const tab = room.tab('follower')
    follow(leader, tab)
    leader.run()
    await room.pass(100)
    expect(tab.sees).toEqual(['ada', 'bob', 'cleo', 'follower', 'leader'])
    expect((await goneAt(room, tab, bob, at + 60_000)) - at).toBeLessThanOrEqual(30_000)
    await room.pass(30_000)
    expect([tab.sees, tab.removed]).toEqual([['ada', 'cleo', 'follower', 'leader'], [bob.id]])
  })

  test('[PR20] see them go also when the timers of their leader are held back, by what it hears meanwhile', async () => {
    const room = await Room.open()
    const { ada, bob, cleo, at } = await crashed(room)
    ada.timersMs = 60_000
    const tab = room.tab('follower')
    const typeUntil = async (isOver: () => boolean) => {
      while (!isOver() && room.world.time < at + 60_000) {
        cleo.awareness.setLocalState({ name: 'cleo', at: room.world.time })
        await room.pass(1_000)
      }
    }
    await typeUntil(() => room.world.time >= at + 15_000)
    follow(ada, tab)
    expect(sees(tab, bob)).toBe(true)
    await typeUntil(() => !sees(tab, bob))
    expect(room.world.time - at).toBeLessThanOrEqual(30_000)
    expect(tab.sees).toEqual(['ada', 'cleo', 'follower'])
  })
})
