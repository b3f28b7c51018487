import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const folder = new URL('./', import.meta.url)
const readme = readFileSync(new URL('../../README.md', folder), 'utf8')
const section = /\n## Works with\n([\s\S]*?)\n## /.exec(readme)?.[1] ?? ''
const sources = readdirSync(folder)
  .filter(file => file.endsWith('.test.ts') && !import.meta.url.endsWith(file))
  .map(file => readFileSync(new URL(file, folder), 'utf8'))
const claim = /\[interop: ([^\]]+)\]/g

const cellsOf = (line: string): readonly string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map(cell => cell.trim())

const [head = '', , ...lines] = section.split('\n').filter(line => line.startsWith('|'))
const columns = cellsOf(head).slice(1)
const cells = lines.flatMap(line => {
  const [row, ...values] = cellsOf(line)
  return values.map((value, index) => ({ place: `${row}/${columns[index]}`, value }))
})

test('the table says yes or no to everything, or that there is no such thing', () => {
  expect(columns).toEqual(['sync', 'presence', 'compaction', 'deletion', 'restart'])
  expect(cells).toHaveLength(5 * columns.length)
  for (const { value } of cells) expect(value).toMatch(/^((yes|no)( \d(, \d)*)?|–)$/)
})

test('every yes has a test by its name, and every such test a yes', () => {
  const said = cells.filter(({ value }) => value.startsWith('yes')).map(({ place }) => place)
  const tried = new Set(sources.flatMap(source => [...source.matchAll(claim)].map(match => match[1])))
  expect([...tried].toSorted()).toEqual(said.toSorted())
})

test('none of them is left out', () => {
  for (const source of sources)
    expect(source).not.toMatch(/\b(test|describe)\.(skip|todo|only|fails|skipIf|runIf)\b/)
})

test('every number in the table has its note, and every note its number', () => {
  const used = new Set(cells.flatMap(({ value }) => value.match(/\d/g) ?? []))
  const notes = [...section.matchAll(/^(\d)\. /gm)].map(match => match[1])
  expect(notes).toEqual([...used].toSorted())
})
