import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Room, type Tab, together } from './room.ts'

// What y-protocols takes for the time of day, from before it is loaded.
const wall = vi.hoisted(() => {
  const real = Date.now
  const wall = { now: real, real }
  Date.now = () => wall.now()
  return wall
})

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
})
afterEach(() => {
  wall.now = wall.real
  vi.useRealTimers()
})

/** A room whose awarenesses go by its time, too. */
const timed = async (): Promise<Room> => {
  const room = await Room.open()
  wall.now = () => room.world.now()
  return room
}

const pass = async (room: Room, ms: number): Promise<void> => {
  for (let left = ms; left > 0; left -= 500) {
    const step = Math.min(500, left)
    await room.pass(step)
    vi.advanceTimersByTime(step)
  }
}

/** Everybody's clock is set, that of their awarenesses included. */
const setClocks = (room: Room, tabs: readonly Tab[], skewMs: number): void => {
  for (const tab of tabs) tab.skewMs = skewMs
  wall.now = () => room.world.now() + skewMs
}

const untilGone = async (room: Room, ghost: Tab, tab: Tab): Promise<number> => {
  const since = room.world.now()
  while (tab.awareness.getStates().has(ghost.id) && room.world.now() - since < 120_000) await pass(room, 500)
  return room.world.now() - since
}

const crowd = async (room: Room): Promise<readonly [Tab, Tab, Tab]> => {
  const [ada, bob, cleo] = await together(room, 'ada', 'bob', 'cleo')
  if (!ada || !bob || !cleo) throw new Error('there are three')
  expect(ada.sees).toEqual(['ada', 'bob', 'cleo'])
  return [ada, bob, cleo]
}

/** Timers of the page are held back to one a minute, those of its awareness as well. */
const hide = (tab: Tab): void => {
  clearInterval(tab.awareness._checkInterval)
  tab.timersMs = 60_000
  tab.chance = 0 // its link is taken up again without a wait when the server turns it over
}

describe('Who crashed', () => {
  test.each([0, 3_500, 7_000, 10_500, 14_000, 17_500])(
    '[PR11] %d ms after it last changed is gone for everybody within 30 s, and nobody else flickers',
    async age => {
      const room = await timed()
      const [ada, bob, cleo] = await crowd(room)
      await pass(room, 40_000)
      bob.awareness.setLocalStateField('at', 1)
      await pass(room, age)
      await bob.crash()
      expect(await untilGone(room, bob, ada)).toBeLessThanOrEqual(30_000)
      expect(await untilGone(room, bob, cleo)).toBeLessThanOrEqual(1_000)
      await pass(room, 60_000)
      expect([ada.removed, cleo.removed]).toEqual([[bob.id], [bob.id]])
    },
  )

  test('[PR11] is gone within 30 s for those who lost their link meanwhile, and for those who come', async () => {
    const room = await timed()
    const [ada, bob] = await crowd(room)
    await pass(room, 20_000)
    const since = room.world.now()
    await bob.crash()
    ada.line.blink()
    await pass(room, 10_000)
    const late = room.tab('late')
    late.run()
    await untilGone(room, bob, ada)
    await untilGone(room, bob, late)
    expect(room.world.now() - since).toBeLessThanOrEqual(30_000)
  })

  test('[PR11] in a nearby tab is gone here, too, without a word to the server', async () => {
    const room = await timed()
    const [ada] = await crowd(room)
    ada.hearNearby(101, 1, { name: 'ada 2' })
    await pass(room, 30_000)
    expect(ada.sees).toEqual(['ada', 'bob', 'cleo'])
    expect(ada.said(101)).toEqual([{ name: 'ada 2' }])
  })

  test('[PR11] is left to the awareness itself when presence ends', async () => {
    const room = await timed()
    const [ada, bob] = await crowd(room)
    await ada.stop()
    ada.presence.destroy()
    await pass(room, 36_000)
    expect(ada.awareness.getStates().has(bob.id)).toBe(false)
  })
})

describe('A hidden page, whose timers are held back,', () => {
  test('[PR12] stays present for those who look: what they say renews it', async () => {
    const room = await timed()
    const [ada, bob, cleo] = await crowd(room)
    hide(bob)
    hide(cleo)
    await pass(room, 1_000)
    bob.line.posts.length = 0
    await pass(room, 600_000)
    expect(ada.removed).toEqual([])
    expect(ada.sees).toEqual(['ada', 'bob', 'cleo'])
    expect(bob.line.posts.length).toBeGreaterThan(30)
    expect(bob.line.posts.length).toBeLessThan(60)
    for (let at = 0; at < 6; at++) {
      ada.awareness.setLocalState({ name: 'ada', at })
      await pass(room, 26_500)
    }
    expect(ada.removed).toEqual([])
  })

  test('[PR12] is seen again at once when somebody looks in a room where all were hidden', async () => {
    const room = await timed()
    const [ada, bob, cleo] = await crowd(room)
    for (const tab of [ada, bob, cleo]) hide(tab)
    await pass(room, 330_000)
    ada.timersMs = 1
    ada.awareness.setLocalState(ada.awareness.getLocalState())
    await pass(room, 1_000)
    expect(ada.sees).toEqual(['ada', 'bob', 'cleo'])
  })

  test('[PR12] is renewed by what comes from other tabs, where one of those leads', async () => {
    const room = await timed()
    const tab = room.tab('follower')
    let said = 0
    tab.awareness.on('update', (_: unknown, origin: unknown) => {
      if (origin === 'local') said++
    })
    hide(tab)
    for (let at = 1; at <= 20; at++) {
      tab.hearNearby(101, at, { name: 'leader' })
      await pass(room, 15_000)
    }
    expect(said).toBeGreaterThanOrEqual(18)
    expect(said).toBeLessThanOrEqual(25)
  })
})

test('[PR6] A cursor of a nearby tab is as fluent where the tab that leads is hidden', async () => {
  const room = await timed()
  const [ada, bob] = await crowd(room)
  hide(ada)
  await pass(room, 130_000)
  for (let at = 1; at <= 20; at++) {
    ada.hearNearby(101, at, { name: 'ada 2', at })
    await room.pass(50)
  }
  expect(bob.awareness.getStates().get(101)).toEqual({ name: 'ada 2', at: 20 })
})

describe('A clock that is set', () => {
  test.each([7_200_000, 20_000, -20_000, -7_200_000])(
    '[PR13] by %d ms removes nobody and keeps no ghost',
    async skewMs => {
      const room = await timed()
      const [ada, bob, cleo] = await crowd(room)
      const tabs = [ada, bob, cleo]
      for (const phase of [4_000, 9_000, 16_000]) {
        await pass(room, phase)
        setClocks(room, tabs, skewMs)
        await pass(room, 50_000)
        setClocks(room, tabs, 0)
        await pass(room, 50_000)
      }
      for (const tab of tabs) expect([tab.sees, tab.removed]).toEqual([['ada', 'bob', 'cleo'], []])
      await bob.crash()
      await pass(room, 3_000)
      setClocks(room, tabs, skewMs)
      expect(await untilGone(room, bob, ada)).toBeLessThanOrEqual(27_000)
      expect([ada.removed, cleo.sees]).toEqual([[bob.id], ['ada', 'cleo']])
    },
  )

  test('[PR13] back renews also who is alone, so that who comes later sees it', async () => {
    const room = await timed()
    const [ada] = await together(room, 'ada')
    if (!ada) throw new Error('she is there')
    setClocks(room, [ada], -7_200_000)
    await pass(room, 100_000)
    const late = room.tab('late')
    late.run()
    await pass(room, 1_000)
    expect(late.sees).toEqual(['ada', 'late'])
  })

  test('[PR13] has the same effect as a machine that slept: all who are there stay', async () => {
    const room = await timed()
    const [ada, bob, cleo] = await crowd(room)
    await pass(room, 12_000)
    room.world.time += 3_600_000
    await pass(room, 60_000)
    for (const tab of [ada, bob, cleo]) expect([tab.sees, tab.removed]).toEqual([['ada', 'bob', 'cleo'], []])
  })
})
