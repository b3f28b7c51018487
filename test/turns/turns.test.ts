import { expect, test } from 'vitest'
import { Actor, Stage } from './stage.ts'

/** `holdMs` of the turns, and their number at a time. */
const hold = 2_000
const atOnce = 3

const cast = (
  count: number,
  ...rest: ConstructorParameters<typeof Actor> extends [unknown, unknown, ...infer Rest] ? Rest : never
) => {
  const stage = new Stage()
  const page = stage.page()
  const actors = Array.from({ length: count }, () => new Actor(stage, page, ...rest))
  const withTurn = () => actors.filter(({ hasTurn }) => hasTurn)
  return { stage, page, actors, withTurn }
}

const first = (actors: readonly Actor[]): Actor => {
  if (!actors[0]) throw new Error('nobody')
  return actors[0]
}

test('[TU1] no more than three have a turn at once, in the order they came', async () => {
  const { stage, actors, withTurn } = cast(20)
  await stage.pass(0)
  expect(withTurn()).toEqual(actors.slice(0, atOnce))
  for (let step = 0; step < 200; step++) {
    await stage.pass(100)
    expect(withTurn().length).toBe(atOnce)
  }
})

test('[TU2] of twenty everybody gets a turn within a round, and again in the next', async () => {
  const { stage, actors } = cast(20)
  const round = Math.ceil(20 / atOnce) * hold
  await stage.pass(round)
  expect(actors.filter(({ began }) => began.length === 0)).toEqual([])
  await stage.pass(round)
  expect(actors.filter(({ began }) => began.length < 2)).toEqual([])
})

test('[TU3] nobody loses a turn that nobody waits for', async () => {
  const { stage, actors, withTurn } = cast(atOnce)
  await stage.pass(100 * hold)
  expect(withTurn()).toEqual(actors)
  expect(actors.map(({ began, pauses }) => [began, pauses])).toEqual([
    [[0], 0],
    [[0], 0],
    [[0], 0],
  ])
})

test('[TU4] who is edited gets a turn within 100 ms, from somebody with nothing to do', async () => {
  const { stage, actors, withTurn } = cast(20)
  await stage.pass(100)
  const [busy, last] = [first(actors), actors[19]]
  busy.edit()
  last?.edit()
  await stage.pass(100)
  expect(last?.hasTurn).toBe(true)
  expect(busy.hasTurn).toBe(true)
  expect(withTurn()).toHaveLength(atOnce)
  expect(actors.map(({ pauses }) => pauses).reduce((a, b) => a + b)).toBe(1)
})

test('[TU5] when all who have a turn are being edited, the next one waits only until one of them is saved', async () => {
  const { stage, actors, withTurn } = cast(20)
  await stage.pass(0)
  for (const actor of actors.slice(0, atOnce + 1)) actor.edit()
  const [one, , , next] = actors
  await stage.pass(1_000)
  expect(withTurn()).toEqual(actors.slice(0, atOnce))
  if (one) one.isUnsaved = false
  await stage.pass(100)
  expect([one?.hasTurn, next?.hasTurn]).toEqual([false, true])
})

test('[TU6] twenty that all have something to send from the start send it in turns, each as soon as there is room', async () => {
  const { stage, actors } = cast(20, false, true)
  for (let step = 0; step < 20; step++) {
    await stage.pass(100)
    for (const actor of actors) if (actor.hasTurn) actor.isUnsaved = false
  }
  expect(actors.filter(({ isUnsaved }) => isUnsaved)).toEqual([])
})

test('[TU13] of twenty that are edited at once nobody takes a turn from another that is not done', async () => {
  const stage = new Stage()
  const page = stage.page(10)
  const actors = Array.from({ length: 20 }, () => new Actor(stage, page))
  const withTurn = () => actors.filter(({ hasTurn }) => hasTurn)
  await stage.pass(500)
  for (const actor of actors) actor.edit()
  const sending = new Map<Actor, number>()
  for (let step = 0; step < 200; step++) {
    await stage.pass(20)
    expect(withTurn().length).toBeLessThanOrEqual(atOnce)
    for (const actor of withTurn()) {
      const steps = (sending.get(actor) ?? 0) + 1
      sending.set(actor, steps)
      if (steps === 5) actor.isUnsaved = false // a request takes 100 ms
    }
  }
  expect(actors.filter(({ isUnsaved, robberies }) => isUnsaved || robberies > 0)).toEqual([])
})

test('[TU7] a turn lasts until everything is read and sent, if the server answers within ten seconds', async () => {
  const { stage, actors } = cast(20)
  const [reading, sending, idle] = actors
  if (reading) reading.isCaughtUp = false
  if (sending) sending.isUnsaved = true
  await stage.pass(9_900)
  expect([reading, sending, idle].map(one => one?.pauses)).toEqual([0, 0, 1])
  await stage.pass(600)
  expect([reading, sending].map(one => one?.pauses)).toEqual([1, 1])
})

test('[TU8] where connections are shared everybody is live at once', async () => {
  const { stage, actors, withTurn } = cast(20, true)
  await stage.pass(10 * hold)
  expect(withTurn()).toEqual(actors)
  expect(actors.flatMap(({ began }) => began)).toEqual(Array.from(actors, () => 0))
})

test('[TU9] who leaves, in a turn or in the line, makes room and asks for nothing more', async () => {
  const { stage, actors, withTurn } = cast(5)
  await stage.pass(0)
  for (const at of [0, 4]) actors[at]?.leave()
  await stage.pass(0)
  expect(withTurn()).toEqual(actors.slice(1, 4))
  for (const actor of actors) actor.leave()
  await Promise.all(actors.map(({ ended }) => ended))
  expect([withTurn(), await stage.waiting()]).toEqual([[], 0])
  expect(actors.map(({ pauses }) => pauses)).toEqual([0, 0, 0, 0, 0])
})

test('[TU10] pages of one browser share the turns', async () => {
  const { stage, actors } = cast(4)
  const page = stage.page()
  const others = Array.from({ length: 4 }, () => new Actor(stage, page))
  const all = [...actors, ...others]
  for (let step = 0; step < 100; step++) {
    await stage.pass(100)
    expect(all.filter(({ hasTurn }) => hasTurn)).toHaveLength(atOnce)
  }
  expect(all.filter(({ began }) => began.length === 0)).toEqual([])
  for (const actor of actors) actor.leave()
  await stage.pass(hold)
  expect(others.filter(({ hasTurn }) => hasTurn)).toHaveLength(atOnce)
})

test('[TU11] who is edited takes a turn from another page too, and gives it back once saved', async () => {
  const { stage, actors } = cast(atOnce)
  await stage.pass(0)
  const [victim] = actors
  victim?.edit()
  const newcomer = new Actor(stage, stage.page(), false, true)
  await stage.pass(100)
  expect([newcomer.hasTurn, victim?.hasTurn]).toEqual([true, false]) // random() is 0, so it is the first lock
  await stage.pass(400)
  expect(newcomer.hasTurn).toBe(true)
  newcomer.isUnsaved = false
  await stage.pass(100)
  expect(victim?.hasTurn).toBe(true)
})

test('[TU12] what goes wrong in a turn is told, and the turn is free', async () => {
  const { stage, actors, withTurn } = cast(4)
  await stage.pass(0)
  const error = new Error('gone')
  first(actors).fail(error)
  expect(await first(actors).ended).toBe(error)
  await stage.pass(0)
  expect(withTurn()).toEqual(actors.slice(1))
})
