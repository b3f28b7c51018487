import { expect, test } from 'vitest'
import { sources } from '../layout/sources.ts'

/** How many rows the table of bad inputs has. Each gives an input and the exact answer. */
const rows = 86

const numbers = (folders: RegExp): readonly number[] => {
  const titles = sources()
    .filter(({ path }) => folders.test(path) && path.endsWith('.test.ts'))
    .flatMap(({ texts }) => texts.map(({ value }) => value))
  const named = titles.flatMap(title => [...title.matchAll(/\[row (\d+)\]/g)].map(([, row]) => Number(row)))
  return [...new Set(named)].toSorted((a, b) => a - b)
}

test('Every row of the table of bad inputs has a test here, over a socket, that carries its number', () => {
  expect(numbers(/^test\/bad-input\//)).toEqual(Array.from({ length: rows }, (_, at) => at + 1))
})

test('No test names a row that is not there', () => {
  expect(numbers(/^(test|e2e)\//).filter(row => row < 1 || row > rows)).toEqual([])
})
