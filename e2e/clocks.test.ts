import { expect } from 'vitest'
import { test } from './openings.ts'
import { allRead } from './texts.ts'
import { Window } from './window.ts'

/** Where the time of day can be set, as a person or a time server does: it jumps, and timers run on. */
const settable = (): void => {
  const real = Date.now
  let offMs = 0
  Date.now = () => real() + offMs
  window.addEventListener('set-clock', event => {
    if (event instanceof CustomEvent) offMs += Number(event.detail)
  })
}
const setClock = ({ page }: Window, hours: number): Promise<boolean> =>
  page.evaluate(detail => dispatchEvent(new CustomEvent('set-clock', { detail })), hours * 3_600_000)

test('a clock that is set hours ahead and hours back stops nothing', async ({
  browser,
  profile,
  service,
}) => {
  await profile.addInitScript(settable)
  const ada = await Window.openIn(profile, `${service.url}/clocks`, 'Ada')
  const ben = await Window.open(browser, `${service.url}/clocks`, 'Ben')
  let typed = ''
  for (const hours of [6, -12, 6]) {
    await setClock(ada, hours)
    for (const window of [ada, ben]) {
      const words = `${hours} hours. `
      await window.type(words)
      typed += words
      await allRead([ada, ben], typed)
      await Promise.all([ada.says('all changes saved'), ben.says('all changes saved')])
    }
    await ada.person('Ben').waitFor({ state: 'attached' })
    await ben.person('Ada').waitFor({ state: 'attached' })
  }
  expect([...ada.errors, ...ben.errors]).toEqual([])
  await Promise.all([ada.close(), ben.close()])
})
