import { expect, test } from 'vitest'
import { Nudge } from '../../provider/nudge.ts'

/** Whether somebody is still waiting when everything that needs no time has happened. */
const waits = async (wait: Promise<void>): Promise<boolean> => {
  let is = true
  void wait.then(() => {
    is = false
  })
  await new Promise(resolve => setImmediate(resolve))
  return is
}

test('whoever waits is woken by a nudge, and by no earlier one', async () => {
  const nudge = new Nudge()
  const { signal } = new AbortController()
  nudge.give()
  const wait = nudge.wait(signal)
  expect(await waits(wait)).toBe(true)
  nudge.give()
  expect(await waits(wait)).toBe(false)
})

test('nobody waits beyond the end, nor after it', async () => {
  const nudge = new Nudge()
  const end = new AbortController()
  const wait = nudge.wait(end.signal)
  expect(await waits(wait)).toBe(true)
  end.abort()
  expect([await waits(wait), await waits(nudge.wait(end.signal))]).toEqual([false, false])
})
