import { describe, expect, test } from 'vitest'
import { freeColor, inkOn, isColor, palette } from '../../demo/src/color.ts'
import { cleanName, initialsOf, longestName, recall, remember } from '../../demo/src/identity.ts'
import { distinct, roster } from '../../demo/src/roster.ts'

const storageOf = (kept: string | null = null) => {
  let value = kept
  return {
    getItem: () => value,
    setItem: (_key: string, next: string) => {
      value = next
    },
  }
}
const first = () => 0

describe('an identity', () => {
  test('of a first visit is a friendly name and a colour of the palette, not picked', () => {
    expect(recall(storageOf(), first)).toEqual({
      name: 'Brave Badger',
      color: palette[0].value,
      picked: false,
    })
  })

  test('that was remembered is recalled', () => {
    const storage = storageOf()
    const ada = { name: 'Ada', color: '#22843c', picked: true }
    remember(storage, ada)
    expect(recall(storage, first)).toEqual(ada)
  })

  test.each(['', '{', 'null', '[]', '"Ada"', '{"name":7,"color":"red","picked":true}'])(
    'is dealt anew when what was kept is %s',
    kept => {
      expect(recall(storageOf(kept), first)).toMatchObject({ name: 'Brave Badger', picked: false })
    },
  )
})

describe('a name', () => {
  test('loses control characters, line breaks and surrounding spaces', () => {
    expect(cleanName('  Ada\n\u0000\u202e Love\u2028lace ')).toBe('Ada Love lace')
  })

  test('is cut at its longest, between characters', () => {
    expect(cleanName('🦦'.repeat(longestName))).toBe('🦦'.repeat(longestName))
    expect(cleanName('🦦'.repeat(longestName + 1))).toBe('🦦'.repeat(longestName))
  })

  test.each([undefined, null, 7, {}, '', ' \t'])('is absent from %j', given => {
    expect(cleanName(given)).toBeUndefined()
  })

  test.each([
    ['Quiet Heron', 'QH'],
    ['ada', 'A'],
    ['Ada <b> King Lovelace', 'AL'],
    ['🦦', '🦦'],
  ])('%s has the initials %s', (name, initials) => {
    expect(initialsOf(name)).toBe(initials)
  })
})

describe('a colour', () => {
  test('of the palette reads with white text', () => {
    for (const { value } of palette) expect(inkOn(value)).toBe('#ffffff')
  })

  test('that is light reads with dark text', () => {
    expect(inkOn('#ffd60a')).toBe('#101214')
  })

  test.each(['red', '#fff', '#12345g', 'url(x)', '#123456;x', 7, undefined])(
    'is not %j, which a stranger sent',
    value => {
      expect(isColor(value)).toBe(false)
    },
  )

  test('that is free is the one nobody has', () => {
    const [only, ...taken] = palette.map(({ value }) => value)
    expect(freeColor(new Set(taken), first)).toBe(only)
  })

  test('is dealt even when all are taken', () => {
    expect(isColor(freeColor(new Set(palette.map(({ value }) => value)), first))).toBe(true)
  })
})

describe('the roster', () => {
  const user = (name: unknown, color: unknown = '#22843c') => ({ user: { name, color } })

  test('has this window first and the others by name', () => {
    const states = new Map([
      [3, user('Cleo')],
      [1, user('Zoe')],
      [2, user('Bo')],
    ])
    expect(roster(states, 1).map(({ name }) => name)).toEqual(['Zoe', 'Bo', 'Cleo'])
    expect(roster(states, 1).map(({ self }) => self)).toEqual([true, false, false])
  })

  test('leaves out states that announce nobody', () => {
    expect(roster(new Map([[1, { cursor: {} }]]), 1)).toEqual([])
  })

  test('does not trust what others sent', () => {
    expect(roster(new Map([[12, user({ toString: 1 }, 'url(x)')]]), 1)).toEqual([
      { client: 12, name: 'Somebody', color: palette[2].value, self: false },
    ])
  })

  const me = { name: 'Ada', color: '#22843c', picked: false }
  const two = roster(
    new Map([
      [1, user('Ada')],
      [2, user('Ada')],
    ]),
    2,
  )

  test('gives the later of two alike a free colour', () => {
    const next = distinct(me, two, first)
    expect(next).toEqual({ ...me, color: palette[0].value })
  })

  test('leaves the earlier of two alike as it is', () => {
    const seenByFirst = two.map(person => ({ ...person, self: !person.self }))
    expect(distinct(me, seenByFirst, first)).toBe(me)
  })

  test('leaves a picked colour to who picked it', () => {
    const picked = { ...me, picked: true }
    expect(distinct(picked, two, first)).toBe(picked)
  })
})
