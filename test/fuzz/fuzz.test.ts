import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Choices } from './choices.ts'
import { corpus, perform } from './corpus.ts'
import { readLives } from './lives.ts'
import { failureText, summary } from './report.ts'
import { fuzz } from './run.ts'
import { Session } from './session.ts'
import { openReader } from './yjs-reader.ts'

const seconds = 20
/** On a machine that does nothing else there are ten times as many. */
const leastExecutions = 300

describe('Against a server', () => {
  let session: Session
  let close = async (): Promise<void> => undefined

  beforeAll(async () => {
    const reader = await openReader()
    session = await Session.open({ reader, lives: await readLives() })
    close = async () => {
      await session.close()
      await reader.close()
    }
  }, 60_000)

  afterAll(() => close(), 60_000)

  test.each(corpus.map(one => [one.says, one] as const))(
    'it does not happen again that %s',
    async (_says, one) => {
      const failure = await session.perform(Choices.given([]), 'corpus', arena => perform(arena, one))
      expect(failure?.finding.message).toBeUndefined()
      expect(session.subject.complaints).toEqual([])
    },
  )

  test('an execution is the same every time, down to its last choice', async () => {
    for (let index = 0; index < 40; index++) {
      const [once, again] = [Choices.drawn(7, index), Choices.drawn(7, index)]
      await session.execute(once)
      await session.execute(again)
      expect(again.taken).toEqual(once.taken)
      const given = Choices.given(once.taken)
      await session.execute(given)
      expect(given.taken).toEqual(once.taken)
    }
  })
})

test('whatever is sent, every rule of test/fuzz/finding.ts holds', { timeout: 600_000 }, async () => {
  // The same one every time, so that a run says the same of the same code; `npm run fuzz` takes a new one.
  const seed = Number(process.env['SEED'] ?? 1)
  const report = await fuzz({ seed, seconds, executions: Number.POSITIVE_INFINITY, at: 0 })
  process.stdout.write(`${summary(report)}\n`)
  expect(report.found.map(found => failureText(seed, found)).join('\n\n')).toBe('')
  expect(report.executions).toBeGreaterThan(leastExecutions)
})
