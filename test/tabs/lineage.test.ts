import { expect, test } from 'vitest'
import { limits } from '../../provider/tabs/limits.ts'
import { Lineage } from '../../provider/tabs/lineage.ts'
import type { Edit } from '../../provider/tabs/message.ts'

/** A lineage, and the first bytes of what it let through, in order. */
const lineage = () => {
  const heard: (number | undefined)[] = []
  return { heard, lineage: new Lineage(update => heard.push(update[0])) }
}

const edit = (leader: string, first: number, bytes = 1): Edit => {
  const update = new Uint8Array(bytes)
  update[0] = first
  return { kind: 'edit', leader, update }
}

const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at % 256)

test('[N1] edits of tabs whose leader is not known wait until it is followed, in order', () => {
  const { heard, lineage: own } = lineage()
  for (const at of numbers(3)) own.heard(edit('a', at), true)
  own.heard(edit('b', 9), true)
  expect(heard).toEqual([])
  expect(own.follow(['a'])).toBe(true)
  expect(heard).toEqual([0, 1, 2])
  own.heard(edit('a', 3), true)
  expect(heard).toEqual([0, 1, 2, 3])
  expect(own.follow(['b'])).toBe(true)
  expect(heard).toEqual([0, 1, 2, 3, 9])
})

for (const [beyond, isComplete] of [
  [-1, true],
  [0, true],
  [1, false],
] as const) {
  const name = beyond === 0 ? 'at the limit' : `at the limit ${beyond > 0 ? '+' : '-'} 1`

  test(`[N2] [limit earlyEdits] ${name} early edits ${isComplete ? 'are kept' : 'are missed, and another welcome is due'}`, () => {
    const { heard, lineage: own } = lineage()
    const count = limits.earlyEdits + beyond
    for (const at of numbers(count)) own.heard(edit('a', at), false)
    expect(own.follow(['a'])).toBe(isComplete)
    expect(heard).toEqual(isComplete ? numbers(count) : [])
    expect(own.follow(['a'])).toBe(true)
  })

  test(`[N3] [limit earlyBytes] ${name} early bytes ${isComplete ? 'are kept' : 'are missed, and another welcome is due'}`, () => {
    const { heard, lineage: own } = lineage()
    own.heard(edit('a', 1), false)
    own.heard(edit('a', 2, limits.earlyBytes - 1 + beyond), false)
    expect(own.follow(['a'])).toBe(isComplete)
    expect(heard).toEqual(isComplete ? [1, 2] : [])
    expect(own.follow(['a'])).toBe(true)
  })

  test(`[N4] [limit leaders] ${name} the first leader is ${isComplete ? 'still' : 'no longer'} known`, () => {
    const { heard, lineage: own } = lineage()
    const leaders = Array.from({ length: limits.leaders + beyond }, (_, at) => `leader ${at}`)
    for (const leader of leaders) own.follow([leader])
    own.heard(edit('leader 0', 7), true)
    expect(heard).toEqual(isComplete ? [7] : [])
    expect(own.leaders).toEqual(isComplete ? leaders : leaders.slice(1))
  })
}

test('[N5] of a leader that is followed again others are forgotten first', () => {
  const { lineage: own } = lineage()
  own.follow(['first'])
  own.follow(['second'])
  own.follow(Array.from({ length: limits.leaders - 1 }, (_, at) => `leader ${at}`).concat('first'))
  expect(own.leaders).not.toContain('second')
  expect(own.leaders.at(-1)).toBe('first')
})

test('[N6] edits that only wait for a welcome are never missed: past the limit they are heard at once', () => {
  const { heard, lineage: own } = lineage()
  own.follow(['a'])
  const count = limits.earlyEdits + 1
  for (const at of numbers(count)) own.heard(edit('a', at), false)
  expect(heard).toEqual(numbers(count))
  for (const at of numbers(count)) own.heard(edit('b', at), false)
  for (const at of numbers(2)) own.heard(edit('a', at), false)
  expect(own.follow(['b'])).toBe(false)
  expect(heard).toEqual([...numbers(count), 0, 1])
})

test('[N7] once some were missed no more are kept until a leader is followed', () => {
  const { heard, lineage: own } = lineage()
  own.heard(edit('a', 1, limits.earlyBytes + 1), false)
  own.heard(edit('a', 2), false)
  expect(own.follow(['b'])).toBe(false)
  expect(own.follow(['a'])).toBe(true)
  expect(heard).toEqual([])
  own.heard(edit('c', 3), true)
  expect(own.follow(['c'])).toBe(true)
  expect(heard).toEqual([3])
})

test('[N8] a tab that leads hears its own followers, and forgets what was early of others', () => {
  const { heard, lineage: own } = lineage()
  own.follow(['a'])
  own.heard(edit('a', 1), false)
  own.heard(edit('b', 2), false)
  own.lead('own')
  own.heard(edit('own', 3), true)
  expect(own.follow(['b'])).toBe(true)
  expect(heard).toEqual([1, 3])
})
