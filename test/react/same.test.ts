import { expect, test } from 'vitest'
import { same } from '../../react/same.ts'

const instance = new Date(0)
const pairs: readonly (readonly [string, unknown, unknown, boolean])[] = [
  ['numbers', 1, 1, true],
  ['not a number', Number.NaN, Number.NaN, true],
  ['a number and its text', 1, '1', false],
  ['null and nothing', null, undefined, false],
  ['null and an object', null, {}, false],
  ['objects in another order', { a: 1, b: [2] }, { b: [2], a: 1 }, true],
  ['objects with another value', { a: 1 }, { a: 2 }, false],
  ['an object with less', { a: 1, b: 1 }, { a: 1 }, false],
  ['an undefined field and another field', { a: undefined }, { b: 1 }, false],
  ['objects without a prototype', Object.create(null), {}, true],
  ['arrays in another order', [1, 2], [2, 1], false],
  ['an array and its beginning', [1, 2], [1], false],
  ['an array and an object of its entries', [1], { 0: 1 }, false],
  ['maps', new Map([[1, { a: 1 }]]), new Map([[1, { a: 1 }]]), true],
  ['maps with another key', new Map([[1, undefined]]), new Map([[2, undefined]]), false],
  ['maps with another value', new Map([[1, 1]]), new Map([[1, 2]]), false],
  ['a map with less', new Map([[1, 1]]), new Map(), false],
  ['sets', new Set([1, 2]), new Set([2, 1]), true],
  ['sets with another member', new Set([1]), new Set([2]), false],
  ['a map and a set', new Map(), new Set(), false],
  ['one instance', instance, instance, true],
  ['instances', new Date(0), instance, false],
]

test.each(pairs)('[RE1] %s: said the same or not', (_, a, b, expected) => {
  expect([same(a, b), same(b, a)]).toEqual([expected, expected])
})
