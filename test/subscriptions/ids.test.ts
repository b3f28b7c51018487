import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const texts = (folder: URL, ending: string): string =>
  readdirSync(folder)
    .filter(file => file.endsWith(ending))
    .map(file => readFileSync(new URL(file, folder), 'utf8'))
    .join('\n')

test('Every numbered rule of subscriptions has a test that names it, and every test names a rule that is there', () => {
  const rules = texts(new URL('../../server/subscriptions/', import.meta.url), '.ts')
  const tests = texts(new URL('./', import.meta.url), '.test.ts')
  const comments = [...rules.matchAll(/\/\*\*.*?\*\//gs)].map(([comment]) => comment).join('\n')
  const stated = new Set([...comments.matchAll(/\b[DGHNTUW]\d+\b/g)].map(([id]) => id))
  const tested = new Set([...tests.matchAll(/\[([DGHNTUW]\d+)\]/g)].map(([, id]) => id))
  expect([...tested].toSorted()).toEqual([...stated].toSorted())
  expect(stated.size).toBeGreaterThan(40)
})
