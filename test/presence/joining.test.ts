import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/index.ts'
import { PresenceCode } from '../../provider/presence/problem.ts'
import { aware, entry, presenceOf, speak } from '../yjs/presence-fixture.ts'
import { asksForAll, refusal } from './line.ts'
import { Room, type Tab, together } from './room.ts'

const three = async (room: Room): Promise<readonly [Tab, Tab, Tab]> => {
  const [ada, bob, cleo] = await together(room, 'ada', 'bob', 'cleo')
  if (!ada || !bob || !cleo) throw new Error('there are three')
  for (const tab of [ada, bob, cleo]) expect(tab.sees).toEqual(['ada', 'bob', 'cleo'])
  return [ada, bob, cleo]
}

describe('Presence is restored', () => {
  test('[PR9] after the server lost its memory: everybody says again who is there, nobody flickers', async () => {
    const room = await Room.open()
    const [ada, bob, cleo] = await three(room)
    ada.hearNearby(101, 4, { name: 'ada 2' })
    await room.pass(500)
    room.stop()
    for (const tab of [ada, bob, cleo]) tab.line.blink()
    await room.pass(2_000)
    room.start()
    await room.pass(10_000)
    for (const tab of [ada, bob, cleo]) {
      expect(tab.sees).toEqual(['ada', 'ada 2', 'bob', 'cleo'])
      expect(tab.removed).toEqual([])
    }
    const late = room.tab('late')
    late.run()
    await room.pass(500)
    expect(late.sees).toEqual(['ada', 'ada 2', 'bob', 'cleo', 'late'])
  })

  test('[PR9] after the stream was trimmed past us', async () => {
    const room = await Room.open({ awarenessBytes: 4_000 })
    const [ada, bob] = await three(room)
    ada.line.cut()
    for (let at = 0; at < 100; at++) {
      bob.awareness.setLocalState({ name: 'bob', at, text: 'x'.repeat(200) })
      await room.pass(100)
    }
    ada.line.isDown = false
    await room.pass(10_000)
    expect(ada.awareness.getStates().get(bob.id)).toMatchObject({ at: 99 })
    expect([ada.sees, bob.sees]).toEqual([
      ['ada', 'bob', 'cleo'],
      ['ada', 'bob', 'cleo'],
    ])
  })

  test('[PR9] after the stream was deleted', async () => {
    const room = await Room.open()
    const [ada, bob, cleo] = await three(room)
    await room.app.send('DELETE', aware())
    await room.pass(10_000)
    for (const tab of [ada, bob, cleo]) expect(tab.sees).toEqual(['ada', 'bob', 'cleo'])
  })

  test('[PR9] after the link was lost, and a state that changed meanwhile is said', async () => {
    const room = await Room.open()
    const [ada, bob] = await three(room)
    ada.line.cut()
    await room.pass(3_000)
    ada.awareness.setLocalState({ name: 'ada II' })
    bob.awareness.setLocalState({ name: 'bob II' })
    await room.pass(3_000)
    ada.line.isDown = false
    await room.pass(10_000)
    expect([ada.sees, bob.sees]).toEqual([
      ['ada II', 'bob II', 'cleo'],
      ['ada II', 'bob II', 'cleo'],
    ])
  })

  test('[PR9] after a link that broke for a moment, without a word where the server lacks none', async () => {
    const room = await Room.open()
    const [ada, bob, cleo] = await three(room)
    const tabs = [ada, bob, cleo]
    for (const tab of tabs) tab.line.posts.length = 0
    for (const tab of tabs) tab.line.blink()
    await room.pass(3_000)
    for (const tab of tabs) expect([tab.sees, tab.line.posts]).toEqual([['ada', 'bob', 'cleo'], []])
  })
})

describe('Who left while we did not hear', () => {
  test('[PR10] is gone as soon as we hear again', async () => {
    const room = await Room.open()
    const [ada, bob, cleo] = await three(room)
    ada.line.cut()
    await room.pass(1_000)
    bob.leave()
    await room.pass(1_000)
    ada.line.isDown = false
    await room.pass(2_000)
    expect([ada.sees, cleo.sees]).toEqual([
      ['ada', 'cleo'],
      ['ada', 'cleo'],
    ])
  })

  test('[PR10] without a word, and the server forgot everybody meanwhile, is gone 5 s after those who are there came back', async () => {
    const room = await Room.open()
    const [ada, bob, cleo] = await three(room)
    room.stop()
    for (const tab of [ada, cleo]) tab.line.blink()
    await bob.crash()
    await room.pass(500)
    room.start()
    await room.pass(7_000)
    expect([ada.sees, cleo.sees]).toEqual([
      ['ada', 'cleo'],
      ['ada', 'cleo'],
    ])
    expect([...ada.removed, ...cleo.removed]).toEqual([bob.id, bob.id])
  })

  test('[PR10] after a word that we read up later is gone 5 s after we have', async () => {
    const room = await Room.open()
    const [ada, bob, cleo] = await three(room)
    ada.line.cut()
    bob.awareness.setLocalState({ name: 'bob II' })
    await room.pass(500)
    await bob.crash()
    await room.pass(35_000)
    cleo.awareness.setLocalState({ name: 'cleo II' })
    ada.line.isDown = false
    for (let left = 40; left > 0 && !ada.sees.includes('cleo II'); left--) await room.pass(1_000)
    await room.pass(6_000)
    expect(ada.sees).toEqual(['ada', 'cleo II'])
  })

  test('[PR10] is not taken for gone because more are there than the server remembers', async () => {
    const room = await Room.open()
    const [ada] = await together(room, 'ada')
    for (let group = 0; group < 11; group++) {
      const words = Array.from({ length: 100 }, (_, at) => entry(1_000 + 100 * group + at, 1))
      await speak(room.app, presenceOf(...words))
    }
    await room.pass(500)
    expect(ada?.sees).toHaveLength(1_101)
    ada?.line.blink()
    await room.pass(5_000)
    expect(ada?.sees).toHaveLength(1_101)
  })

  test('[PR10] but who came while we asked who is there stays', async () => {
    const room = await Room.open()
    const [ada] = await three(room)
    ada.line.blink()
    ada.line.answers = request => {
      // The server's answer is made, and on its way for long.
      if (asksForAll(request)) ada.line.latencyMs = 2_000
      return undefined
    }
    await room.pass(700)
    const [dan] = await together(room, 'dan')
    await room.pass(10_000)
    expect(ada.sees).toEqual(['ada', 'bob', 'cleo', 'dan'])
    expect(ada.removed).not.toContain(dan?.id)
  })
})

describe('The page that goes', () => {
  test('[PR16] says goodbye in a request that outlives it, forgets the others, and is back at once, however often', async () => {
    const room = await Room.open()
    const [ada, bob, cleo] = await three(room)
    for (let round = 0; round < 4; round++) {
      ada.leave()
      await room.pass(200)
      expect(ada.line.posts.at(-1)?.keepalive).toBe(true)
      expect([ada.sees, bob.sees, cleo.sees]).toEqual([['ada'], ['bob', 'cleo'], ['bob', 'cleo']])
      ada.run()
      await room.pass(200)
      for (const tab of [ada, bob, cleo]) expect(tab.sees).toEqual(['ada', 'bob', 'cleo'])
    }
  })

  test('[PR16] leaves nearby clients to the next leader, without a flicker of theirs', async () => {
    const room = await Room.open()
    const [ada, bob] = await three(room)
    const heir = room.tab('heir')
    ada.hearNearby(heir.id, 1, { name: 'heir' })
    heir.hearNearby(ada.id, 1, { name: 'ada' })
    await room.pass(200)
    ada.leave()
    heir.hearNearby(ada.id, 9, null)
    heir.run()
    await room.pass(1_000)
    expect(bob.sees).toEqual(['bob', 'cleo', 'heir'])
    expect(bob.removed).toEqual([ada.id])
  })

  test('[PR16] says with it what was not said yet of those who left', async () => {
    const room = await Room.open()
    const [ada, bob] = await three(room)
    ada.hearNearby(101, 1, { name: 'ada 2' })
    await room.pass(500)
    ada.line.latencyMs = 300
    ada.awareness.setLocalState({ name: 'ada', at: 1 })
    await room.pass(100)
    ada.hearNearby(101, 2, null)
    ada.awareness.setLocalState(null)
    ada.leave()
    await room.pass(1_000)
    expect(bob.sees).toEqual(['bob', 'cleo'])
    expect(
      ada.line.posts
        .at(-1)
        ?.words.map(({ client }) => client)
        .toSorted(),
    ).toEqual([ada.id, 101])
  })

  test('[PR16] says it later when it could not be said, if nobody is to be seen here', async () => {
    const room = await Room.open()
    const [ada, bob] = await three(room)
    ada.line.cut()
    ada.awareness.setLocalState(null)
    await room.pass(500)
    ada.leave()
    await room.pass(500)
    ada.line.isDown = false
    ada.run()
    await room.pass(500)
    expect([ada.sees, bob.sees]).toEqual([
      ['bob', 'cleo'],
      ['bob', 'cleo'],
    ])
  })

  test('[PR16] says nothing where nobody was told that it is there', async () => {
    const room = await Room.open()
    const ada = room.tab('ada')
    ada.line.answers = request => (asksForAll(request) ? refusal(503, ErrorCode.shuttingDown) : undefined)
    ada.run()
    await room.pass(1_000)
    ada.leave()
    await room.pass(1_000)
    expect(ada.line.posts).toEqual([])
  })
})

describe('How this client is', () => {
  test('[PR18] is said by nobody else: whoever takes it for gone, or for somebody else, is contradicted', async () => {
    const room = await Room.open()
    const [ada, bob] = await three(room)
    const clock = ada.awareness.meta.get(ada.id)?.clock ?? 0
    await speak(room.app, presenceOf(entry(ada.id, clock, null)))
    await room.pass(500)
    await speak(room.app, presenceOf(entry(ada.id, clock + 10, { name: 'mallory' })))
    await room.pass(500)
    expect([ada.sees, bob.sees]).toEqual([
      ['ada', 'bob', 'cleo'],
      ['ada', 'bob', 'cleo'],
    ])
  })

  test('[PR18] also after an earlier life under the same id, whatever the server remembers of that', async () => {
    const room = await Room.open()
    const [ada] = await three(room)
    for (let at = 0; at < 5; at++) ada.awareness.setLocalState({ name: 'ada', at })
    await room.pass(500)
    await ada.crash()
    const again = room.tab('ada again', { clientID: ada.id })
    again.run()
    await room.pass(500)
    const late = room.tab('late')
    late.run()
    await room.pass(500)
    expect([again.sees, late.sees]).toEqual([
      ['ada again', 'bob', 'cleo', 'late'],
      ['ada again', 'bob', 'cleo', 'late'],
    ])
  })

  test('[PR18] is nothing while it has no state, also where the server thinks otherwise', async () => {
    const room = await Room.open()
    const [ada, bob] = await three(room)
    await ada.stop()
    ada.awareness.setLocalState(null)
    ada.run()
    await room.pass(500)
    expect(bob.sees).toEqual(['bob', 'cleo'])
    await speak(room.app, presenceOf(entry(ada.id, 1_000, { name: 'mallory' })))
    await room.pass(500)
    expect([ada.sees, bob.sees]).toEqual([
      ['bob', 'cleo'],
      ['bob', 'cleo'],
    ])
  })
})

test('[PR19] An observer of the awareness that throws is told of, and presence goes on', async () => {
  const room = await Room.open()
  const [ada, bob] = await three(room)
  const clumsy = () => {
    throw new Error('clumsy')
  }
  ada.awareness.on('change', clumsy)
  bob.awareness.setLocalState({ name: 'bob II' })
  await room.pass(500)
  await bob.crash()
  await room.pass(30_000)
  expect(ada.problems.map(({ code }) => code)).toEqual([
    PresenceCode.observerFailed,
    PresenceCode.observerFailed,
  ])
  expect([ada.sees, ada.ended]).toEqual([['ada', 'cleo'], undefined])
  ada.awareness.off('change', clumsy)
})
