import { expect, test } from 'vitest'
import { limits } from '../../provider/tabs/limits.ts'
import { Scene } from './scene.ts'

/**
 * A third tab comes and says hello; before its leader gets to that, the second one `types`, which the third hears before the
 * welcome that lacks it. The server is away, so that nothing comes by the log.
 */
const lateComer = async (types: (type: (what: string) => void) => void) => {
  const scene = new Scene()
  const browser = scene.browser()
  const [first, second] = browser.openMany(2)
  await scene.settle()
  browser.cut()
  await scene.pass(1_000)
  first?.freeze()
  const late = browser.open()
  await scene.until('it says hello', () => browser.said.at(-1)?.kind === 'hello')
  const hellos = browser.count('hello')
  await scene.pass(20)
  types(what => second?.type(what))
  await scene.pass(20)
  expect(late.text).toBe('')
  first?.thaw()
  await scene.pass(100)
  return { scene, browser, second, late, greetings: browser.count('hello') - hellos }
}

test('[T18] what others typed before a newcomer was welcomed is there when it is, without another hello', async () => {
  const { scene, browser, second, late, greetings } = await lateComer(type => {
    for (let round = 0; round < 10; round++) type('x')
  })
  expect([late.text, greetings]).toEqual(['x'.repeat(10), 0])
  expect(late.provider.saved).toBe(false)
  browser.mend()
  await scene.settle()
  expect([scene.logged, second?.text]).toEqual(['x'.repeat(10), 'x'.repeat(10)])
  expect(scene.wrong).toEqual([])
})

for (const [what, types] of [
  [
    'more edits',
    (type: (what: string) => void) => {
      for (let round = 0; round <= limits.earlyEdits; round++) type('x')
    },
  ],
  ['a larger paste', (type: (what: string) => void) => type('x'.repeat(limits.earlyBytes))],
] as const) {
  test(`[T19] ${what} than a newcomer keeps until it is welcomed: it asks for another welcome, and misses nothing`, async () => {
    const { scene, browser, second, late, greetings } = await lateComer(types)
    expect(greetings).toBe(1)
    expect(late.text).toBe(second?.text)
    expect(late.text.length).toBeGreaterThanOrEqual(limits.earlyEdits)
    expect(late.provider.saved).toBe(false)
    second?.type('!')
    await scene.pass(100)
    expect(late.text.at(-1)).toBe('!')
    browser.mend()
    await scene.settle()
    expect(scene.logged).toBe(late.text)
    expect(late.requests).toEqual([])
    expect(scene.journal.doubled).toEqual([])
    expect(scene.wrong).toEqual([])
  })
}
