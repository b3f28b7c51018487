import { expect, test } from 'vitest'
import { Slots } from '../../server/subscriptions/slots.ts'
import { settled } from '../streams/world.ts'

/** Who has a place, in order of entry. */
const visit = (slots: Slots, entered: string[], name: string, target: string) => {
  const leave = slots.take(target).then(given => {
    entered.push(name)
    return given
  })
  return async () => (await leave)()
}

test('So many are let in at once, and the next when one leaves', async () => {
  const slots = new Slots(2, 2)
  const entered: string[] = []
  const [first] = ['a', 'b', 'c'].map(name => visit(slots, entered, name, name))
  await settled()
  expect(entered).toEqual(['a', 'b'])
  await first?.()
  await settled()
  expect(entered).toEqual(['a', 'b', 'c'])
})

test('A target that has all it may does not hold up others', async () => {
  const slots = new Slots(10, 1)
  const entered: string[] = []
  const first = visit(slots, entered, 'slow 1', 'slow')
  visit(slots, entered, 'slow 2', 'slow')
  visit(slots, entered, 'quick', 'quick')
  await settled()
  expect(entered).toEqual(['slow 1', 'quick'])
  await first()
  await settled()
  expect(entered).toEqual(['slow 1', 'quick', 'slow 2'])
})

test('Every place is given back', async () => {
  const slots = new Slots(3, 2)
  const entered: string[] = []
  const leave = Array.from({ length: 50 }, (_, at) => visit(slots, entered, `${at}`, `${at % 4}`))
  for (const go of leave) await go()
  await settled()
  expect(entered).toHaveLength(50)
})
