import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatAges, parseAges } from '../../protocol/index.ts'
import { check } from './property.ts'

describe('The ages of a roster', () => {
  test('are whole seconds, one for each frame', () => {
    expect(formatAges([0, 3, 17])).toBe('0, 3, 17')
    expect(parseAges('0, 3, 17', 3)).toEqual([0, 3, 17])
  })

  test('read as they were written', () => {
    const ages = fc.array(fc.nat(999_999_999), { minLength: 1, maxLength: 70 })
    check(
      fc.property(ages, ages => {
        expect(parseAges(formatAges(ages), ages.length)).toEqual(ages)
      }),
    )
  })

  test.each([
    ['1,2', [1, 2]],
    [' 1 ,\t2 ', [1, 2]],
    ['007, 2', [7, 2]],
  ])('read the same with any white space between them: %j', (value, ages) => {
    expect(parseAges(value, 2)).toEqual(ages)
  })

  test.each([
    null,
    '',
    ',',
    '1',
    '1, 2, 3',
    '1, ',
    ', 2',
    '1 2',
    '1; 2',
    '1, -2',
    '1, +2',
    '1, 2.5',
    '1, 2e3',
    '1, 0x2',
    '1, 2s',
    '1, ٢',
    '1, NaN',
    '1, Infinity',
    '1, 1234567890',
  ])('of two frames are none where there are not two in digits: %j', value => {
    expect(parseAges(value, 2)).toBeUndefined()
  })
})
