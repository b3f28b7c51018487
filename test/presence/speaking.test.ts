import { describe, expect, test } from 'vitest'
import { removeAwarenessStates } from 'y-protocols/awareness'
import { ErrorCode } from '../../protocol/index.ts'
import { PresenceCode } from '../../provider/presence/problem.ts'
import { asksForAll, refusal } from './line.ts'
import { Room, type Tab, together } from './room.ts'

const pair = async (room: Room): Promise<readonly [Tab, Tab]> => {
  const [ada, bob] = await together(room, 'ada', 'bob')
  if (!ada || !bob) throw new Error('there are two')
  expect([ada.sees, bob.sees]).toEqual([
    ['ada', 'bob'],
    ['ada', 'bob'],
  ])
  ada.line.posts.length = 0
  bob.line.posts.length = 0
  return [ada, bob]
}

describe('What is said', () => {
  test('[PR1] is every change of this client, at once, and not what came from the server', async () => {
    const room = await Room.open()
    const [ada, bob] = await pair(room)
    await room.pass(100)
    ada.awareness.setLocalState({ name: 'ada', at: 1 })
    await room.pass(0)
    expect(ada.said()).toEqual([{ name: 'ada', at: 1 }])
    expect(bob.awareness.getStates().get(ada.id)).toEqual({ name: 'ada', at: 1 })
    await room.pass(1_000)
    expect([ada.line.posts.length, bob.line.posts.length]).toEqual([1, 0])
  })

  test('[PR2] is what nearby clients say, from their first word on, also what they said before this tab led', async () => {
    const room = await Room.open()
    const bob = room.tab('bob')
    bob.run()
    const ada = room.tab('ada')
    ada.hearNearby(101, 1, { name: 'ada 2' })
    ada.run()
    await room.pass(500)
    expect(bob.sees).toEqual(['ada', 'ada 2', 'bob'])
    ada.hearNearby(102, 1, { name: 'ada 3' })
    ada.hearNearby(101, 2, { name: 'ada II' })
    await room.pass(500)
    expect(bob.sees).toEqual(['ada', 'ada 3', 'ada II', 'bob'])
    expect(ada.said(101)).toEqual([{ name: 'ada 2' }, { name: 'ada II' }])
  })

  test('[PR3] is a goodbye for a nearby client that its tab or the death of its tab removed, once, and for no other', async () => {
    const room = await Room.open()
    const [ada, bob] = await pair(room)
    ada.hearNearby(101, 1, { name: 'ada 2' })
    ada.hearNearby(102, 1, { name: 'ada 3' })
    await room.pass(500)
    expect(bob.sees).toHaveLength(4)
    ada.hearNearby(101, 2, null)
    removeAwarenessStates(ada.awareness, [102, bob.id], ada.nearby)
    await room.pass(500)
    expect(bob.sees).toEqual(['ada', 'bob'])
    expect([ada.said(101).at(-1), ada.said(102).at(-1), ada.said(bob.id)]).toEqual([null, null, []])
    const before = ada.line.posts.length
    removeAwarenessStates(ada.awareness, [101, 102], ada.nearby)
    await room.pass(500)
    expect(ada.line.posts.length).toBe(before)
  })

  test('[PR3] is that goodbye also when this tab took the lead after the death, as long as the server knows the dead', async () => {
    const room = await Room.open()
    const bob = room.tab('bob')
    const old = room.tab('old leader')
    const heir = room.tab('heir')
    for (const tab of [bob, old]) tab.run()
    await room.pass(500)
    heir.hearNearby(old.id, 1, { name: 'old leader' })
    expect(bob.sees).toEqual(['bob', 'old leader'])
    await old.crash()
    removeAwarenessStates(heir.awareness, [old.id], heir.nearby)
    heir.run()
    await room.pass(500)
    expect(bob.sees).toEqual(['bob', 'heir'])
    expect(heir.said(old.id)).toEqual([null])
  })

  test('[PR4] is not what the server says of a nearby client, nor again what it has', async () => {
    const room = await Room.open()
    const [ada, bob] = await pair(room)
    const heir = room.tab('heir')
    ada.hearNearby(heir.id, 2, { name: 'heir' })
    ada.hearNearby(103, 7, { name: 'third' })
    await room.pass(500)
    heir.awareness.setLocalState({ name: 'heir' })
    heir.hearNearby(ada.id, 1, { name: 'ada' })
    heir.hearNearby(103, 7, { name: 'third' })
    heir.run()
    await ada.stop()
    await room.pass(1_000)
    expect(heir.sees).toEqual(['ada', 'bob', 'heir', 'third'])
    expect([heir.line.posts, bob.line.posts]).toEqual([[], []])
    heir.awareness.setLocalState({ name: 'heir', leads: true })
    await room.pass(500)
    expect(heir.line.posts.flatMap(({ words }) => words.map(({ client }) => client))).toEqual([heir.id])
  })

  test('[PR4] is said again of this client where another tab took it for gone, under a later clock', async () => {
    const room = await Room.open()
    const [ada, bob] = await pair(room)
    const before = ada.awareness.meta.get(ada.id)?.clock ?? 0
    ada.hearNearby(ada.id, before, null)
    await room.pass(500)
    expect(ada.said()).toEqual([{ name: 'ada' }])
    expect(bob.awareness.meta.get(ada.id)?.clock).toBeGreaterThan(before)
    expect([ada.sees, bob.sees]).toEqual([
      ['ada', 'bob'],
      ['ada', 'bob'],
    ])
  })

  test('[PR5] is nothing when somebody times out, remote or nearby', async () => {
    const room = await Room.open()
    const [ada, bob] = await pair(room)
    ada.hearNearby(101, 1, { name: 'frozen' })
    await room.pass(500)
    removeAwarenessStates(ada.awareness, [101, bob.id], 'timeout')
    await room.pass(500)
    expect([ada.said(101), ada.said(bob.id)]).toEqual([[{ name: 'frozen' }], []])
    ada.hearNearby(101, 2, { name: 'thawed' })
    await room.pass(500)
    expect(bob.sees).toEqual(['ada', 'bob', 'thawed'])
  })
})

test('[PR5] Nor is it a goodbye where the last state of who timed out could not be sent', async () => {
  const room = await Room.open()
  const [ada, bob] = await pair(room)
  ada.hearNearby(101, 1, { name: 'frozen' })
  await room.pass(500)
  ada.line.isDown = true
  ada.hearNearby(101, 2, { name: 'frozen', at: 2 })
  await room.pass(100)
  removeAwarenessStates(ada.awareness, [101], 'timeout')
  ada.line.isDown = false
  await room.pass(1_000)
  expect([ada.said(101).includes(null), bob.sees]).toEqual([false, ['ada', 'bob', 'frozen']])
})

describe('A cursor in motion', () => {
  test('[PR6] costs a request in 75 ms, the first at once and the last in full', async () => {
    const room = await Room.open()
    const [ada, bob] = await pair(room)
    await room.pass(100)
    for (let at = 0; at < 200; at++) {
      ada.awareness.setLocalState({ name: 'ada', at })
      await room.pass(5)
    }
    await room.pass(500)
    const [first, ...others] = ada.said()
    expect(first).toEqual({ name: 'ada', at: 0 })
    expect(others.at(-1)).toEqual({ name: 'ada', at: 199 })
    expect(ada.line.posts.length).toBeGreaterThanOrEqual(12)
    expect(ada.line.posts.length).toBeLessThanOrEqual(15)
    expect(bob.awareness.getStates().get(ada.id)).toEqual({ name: 'ada', at: 199 })
  })

  test('[PR6] costs less in a crowd, where each word goes to everybody', async () => {
    const room = await Room.open()
    const [ada] = await pair(room)
    for (let client = 1_000; client < 1_248; client++) ada.hearNearby(client, 1, { name: `${client}` })
    await room.pass(5_000)
    ada.line.posts.length = 0
    for (let at = 0; at < 200; at++) {
      ada.awareness.setLocalState({ name: 'ada', at })
      await room.pass(10)
    }
    expect(ada.line.posts.length).toBeLessThanOrEqual(5)
  })

  test('[PR7] is one request at a time however long it takes, of all clients, each as it is then', async () => {
    const room = await Room.open()
    const [ada, bob] = await pair(room)
    ada.line.latencyMs = 400
    for (let at = 0; at < 40; at++) {
      ada.awareness.setLocalState({ name: 'ada', at })
      ada.hearNearby(101, at + 1, { name: 'ada 2', at })
      await room.pass(50)
    }
    await room.pass(2_000)
    expect(ada.line.mostWriting).toBe(1)
    expect(ada.line.posts.length).toBeLessThanOrEqual(5)
    expect([bob.awareness.getStates().get(ada.id), bob.awareness.getStates().get(101)]).toEqual([
      { name: 'ada', at: 39 },
      { name: 'ada 2', at: 39 },
    ])
  })

  test('[PR7] arrives as it was last also when requests fail and while the link is turned over', async () => {
    const room = await Room.open()
    const [ada, bob] = await pair(room)
    for (let at = 0; at < 60; at++) {
      if (at % 20 === 16) ada.line.cut()
      if (at % 20 === 2) ada.line.isDown = false
      ada.awareness.setLocalState({ name: 'ada', at })
      await room.pass(40)
    }
    await room.pass(200)
    expect(ada.line.isDown).toBe(true)
    ada.line.isDown = false
    await room.pass(3_000)
    expect(ada.problems).toEqual([])
    expect(bob.awareness.getStates().get(ada.id)).toEqual({ name: 'ada', at: 59 })
  })

  test('[PR8] does not keep a leave waiting, nor the first word after a return', async () => {
    const room = await Room.open()
    const [ada, bob] = await pair(room)
    await room.pass(100)
    ada.awareness.setLocalState({ name: 'ada', at: 1 })
    ada.awareness.setLocalState({ name: 'ada', at: 2 })
    await room.pass(1)
    ada.awareness.setLocalState(null)
    await room.pass(0)
    expect(bob.sees).toEqual(['bob'])
    ada.awareness.setLocalState({ name: 'ada' })
    await room.pass(100)
    expect(bob.sees).toEqual(['ada', 'bob'])
    ada.leave()
    ada.run()
    await room.pass(0)
    expect(bob.sees).toEqual(['ada', 'bob'])
  })
})

describe('What the server does not take', () => {
  test('[PR15] is told once, with what to do; the last state that fitted stays, is renewed, and nothing is tried without end', async () => {
    const room = await Room.open({ awarenessBodyBytes: 2_000 })
    const [ada, bob] = await pair(room)
    ada.awareness.setLocalState({ name: 'ada', at: 1 })
    await room.pass(500)
    ada.line.posts.length = 0
    ada.awareness.setLocalState({ name: 'ada', pasted: 'x'.repeat(3_000) })
    await room.pass(1_000)
    expect(ada.problems).toMatchObject([
      { code: PresenceCode.stateUnsendable, cause: { code: ErrorCode.bodyTooLarge } },
    ])
    expect(ada.line.posts).toHaveLength(1)
    await room.pass(60_000)
    expect(bob.awareness.getStates().get(ada.id)).toEqual({ name: 'ada', at: 1 })
    expect(ada.line.posts.length).toBeLessThanOrEqual(6)
    expect(ada.problems).toHaveLength(1)
    ada.awareness.setLocalState({ name: 'ada', at: 2 })
    await room.pass(500)
    expect(bob.awareness.getStates().get(ada.id)).toEqual({ name: 'ada', at: 2 })
    ada.awareness.setLocalState({ name: 'ada', pasted: 'x'.repeat(3_000) })
    await room.pass(500)
    expect(ada.problems).toHaveLength(2)
  })

  test('[PR15] of one tab does not keep back what the others say in the same request', async () => {
    const room = await Room.open({ awarenessBodyBytes: 2_000 })
    const [ada, bob] = await pair(room)
    for (const client of [101, 102, 103])
      ada.hearNearby(client, 1, { name: `${client}`, text: 'x'.repeat(900) })
    ada.hearNearby(104, 1, { name: 'large', text: 'x'.repeat(3_000) })
    ada.awareness.setLocalState({ name: 'ada', at: 1 })
    await room.pass(2_000)
    expect(bob.sees).toEqual(['101', '102', '103', 'ada', 'bob'])
    expect(bob.awareness.getStates().get(ada.id)).toEqual({ name: 'ada', at: 1 })
    expect(ada.problems).toMatchObject([{ code: PresenceCode.stateUnsendable }])
  })

  test('[PR15] nor JSON can hold is told in the same way', async () => {
    const room = await Room.open()
    const [ada, bob] = await pair(room)
    ada.awareness.setLocalState({ name: 'ada', at: 1 })
    await room.pass(500)
    ada.awareness.setLocalState({ name: 'ada', at: 2n })
    await room.pass(500)
    expect(ada.problems).toMatchObject([{ code: PresenceCode.stateUnsendable }])
    expect(bob.awareness.getStates().get(ada.id)).toEqual({ name: 'ada', at: 1 })
  })

  test('[PR17] from somebody who may not speak is told once, and others are heard all the same', async () => {
    const room = await Room.open()
    const [bob] = await together(room, 'bob')
    const mute = room.tab('mute')
    mute.line.answers = request => (request.method === 'POST' ? refusal(403, ErrorCode.forbidden) : undefined)
    mute.run()
    await room.pass(40_000)
    bob?.awareness.setLocalState({ name: 'bob', at: 1 })
    mute.awareness.setLocalState({ name: 'mute', at: 1 })
    await room.pass(500)
    expect(mute.sees).toEqual(['bob', 'mute'])
    expect([mute.line.posts.length, mute.problems.map(({ code }) => code)]).toEqual([
      1,
      [ErrorCode.forbidden],
    ])
    mute.line.blink()
    await room.pass(1_000)
    expect(mute.problems).toHaveLength(1)
    expect(mute.ended).toBeUndefined()
  })

  test('[PR17] from somebody who may not listen ends presence with the refusal', async () => {
    const room = await Room.open()
    const deaf = room.tab('deaf')
    deaf.line.answers = request => (asksForAll(request) ? refusal(403, ErrorCode.forbidden) : undefined)
    deaf.run()
    await room.pass(500)
    expect(deaf.ended).toMatchObject({ code: ErrorCode.forbidden })
    expect(deaf.line.posts).toEqual([])
  })
})
