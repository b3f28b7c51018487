import { expect, test } from 'vitest'
import { settleEnv } from '../../client/index.ts'
import { welcome } from '../../provider/presence/newcomers.ts'

/** Waits that end when the test says so. */
const opened = () => {
  const waits: { readonly ms: number; end(): void }[] = []
  let greetings = 0
  const gone = new AbortController()
  const env = settleEnv({
    random: () => 0.5,
    sleep: ms => new Promise(resolve => waits.push({ ms, end: resolve })),
  })
  const came = welcome(
    env,
    () => {
      greetings++
    },
    gone.signal,
  )
  const end = async () => {
    waits.shift()?.end()
    await Promise.resolve()
  }
  return { came, waits, end, gone, greetings: () => greetings }
}

test('Newcomers are greeted once for all who came in a random wait below a second, and later ones anew', async () => {
  const { came, waits, end, greetings } = opened()
  for (let count = 0; count < 5; count++) came()
  expect(waits.map(({ ms }) => ms)).toEqual([500])
  expect(greetings()).toBe(0)
  await end()
  expect(greetings()).toBe(1)
  came()
  await end()
  expect(greetings()).toBe(2)
})

test('Who leaves meanwhile greets nobody any more', async () => {
  const { came, waits, end, gone, greetings } = opened()
  came()
  gone.abort()
  await end()
  came()
  expect([greetings(), waits.length]).toEqual([0, 0])
})
