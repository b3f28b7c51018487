import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, at) => first + at)

/** The rows of the table of bad inputs that the server answers without a socket; the table gives each its answer. */
const rows = [...range(1, 44), 46, ...range(59, 71), ...range(74, 77), 80, 81, ...range(83, 85)]

test('Every row of the table of bad inputs that concerns this server has a test that carries its number', () => {
  const texts = ['./', '../yjs/'].flatMap(folder => {
    const url = new URL(folder, import.meta.url)
    return readdirSync(url)
      .filter(file => file.endsWith('.test.ts'))
      .map(file => readFileSync(new URL(file, url), 'utf8'))
  })
  const named = new Set([...texts.join('\n').matchAll(/\[row (\d+)\]/g)].map(([, row]) => Number(row)))
  expect([...named].toSorted((a, b) => a - b)).toEqual(rows)
})
