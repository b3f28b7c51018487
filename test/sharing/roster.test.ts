import { expect, onTestFinished, test } from 'vitest'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { Nearby } from '../../provider/tabs/nearby.ts'
import { Roster } from '../../provider/tabs/roster.ts'

/** A roster, and whether client 7 is seen. */
const rosterWith = () => {
  const awareness = new Awareness(new Y.Doc())
  const doc = new Y.Doc()
  doc.clientID = 7
  const other = new Awareness(doc)
  other.setLocalState({ name: 'seven' })
  const origin = {}
  const onThrown = (cause: unknown): void => {
    throw cause
  }
  const onUnsendable = onThrown
  const unaware = { ages: () => new Map(), onAges: () => undefined, onThrown, onUnsendable }
  const nearby = new Nearby({ awareness, origin, nearby: {}, ...unaware, say: () => undefined })
  const theirs = new Nearby({ awareness: other, origin, nearby: {}, ...unaware, say: () => undefined })
  nearby.hear(theirs.encode([7]), true)
  onTestFinished(() => {
    awareness.destroy()
    other.destroy()
  })
  const roster = new Roster({
    name: 'group',
    locks: { request: () => new Promise(() => undefined) },
    nearby,
    onChange: () => undefined,
    onGone: () => undefined,
  })
  return { roster, isSeen: () => awareness.getStates().has(7) }
}

test('[T29] a tab that left is forgotten with its presence', () => {
  const { roster, isSeen } = rosterWith()
  roster.meet({ id: 'a', client: 7 })
  expect(isSeen()).toBe(true)
  roster.forget('a')
  expect(isSeen()).toBe(false)
})

test('[T30] a tab that is back before the news that it left stays, until it leaves again', () => {
  const { roster, isSeen } = rosterWith()
  roster.meet({ id: 'a', client: 7 })
  roster.meet({ id: 'b', client: 7 })
  roster.forget('a')
  expect(isSeen()).toBe(true)
  expect(roster.others).toEqual([{ id: 'b', client: 7 }])
  roster.forget('b')
  expect(isSeen()).toBe(false)
})
