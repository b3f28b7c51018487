import { expect, test } from 'vitest'
import { tabsInWords } from '../../demo/src/tabs.ts'

test.each([
  ['of a tab that shares with none is nothing', undefined, undefined],
  ['of one tab is nothing', { count: 1, leading: true }, undefined],
  [
    'of several names their number and says that this one leads',
    { count: 3, leading: true },
    '3 tabs of this browser share one connection. This one holds it.',
  ],
  [
    'of several says that another one leads',
    { count: 12, leading: false },
    '12 tabs of this browser share one connection. Another one holds it.',
  ],
])('the sentence about tabs %s', (_case, tabs, words) => {
  expect(tabsInWords(tabs)).toBe(words)
})
