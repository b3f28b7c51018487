import { expect, test } from 'vitest'
import { failuresIn } from './failures.ts'

const passed = { fullName: 'holds', status: 'passed' }

test('a failed test is named with its file and the beginning of its error', () => {
  const failed = {
    fullName: 'group breaks',
    status: 'failed',
    failureMessages: [['Error: no', ...Array.from({ length: 30 }, (_, at) => `at ${at}`)].join('\n')],
  }
  const [failure, ...others] = failuresIn(
    [{ name: '/here/test/a.test.ts', status: 'failed', message: '', assertionResults: [passed, failed] }],
    '/here',
  )
  expect(others).toEqual([])
  expect(failure?.split('\n').slice(0, 3)).toEqual(['test/a.test.ts: group breaks', '  Error: no', '  at 0'])
  expect(failure?.split('\n')).toHaveLength(13)
})

test('a file that could not be run is named with the reason', () => {
  const broken = {
    name: '/here/b.test.ts',
    status: 'failed',
    message: 'no such module',
    assertionResults: [],
  }
  expect(failuresIn([broken], '/here')).toEqual(['b.test.ts\n  no such module'])
})

test('a skipped test is named as such', () => {
  const skipped = { fullName: 'may hold', status: 'skipped' }
  expect(
    failuresIn(
      [{ name: 'd.test.ts', status: 'passed', message: '', assertionResults: [passed, skipped] }],
      '/',
    ),
  ).toEqual(['d.test.ts: may hold\n  skipped'])
})

test('what passed is not named', () => {
  expect(
    failuresIn([{ name: '/here/c.test.ts', status: 'passed', message: '', assertionResults: [passed] }], '/'),
  ).toEqual([])
})
