import { expect, vi } from 'vitest'
import { test } from './openings.ts'
import { Window } from './window.ts'

test('the server is killed while both type: the page says so, and after a restart nothing is lost', async ({
  browser,
  service,
}) => {
  const address = `${service.url}/outage`
  const ada = await Window.open(browser, address, 'Ada')
  const ben = await Window.open(browser, address, 'Ben')
  await ada.type('Start. ')
  const words = Array.from({ length: 40 }, (_, index) => `w${index}`)
  const typing = Promise.all([
    ada.type(words.map(word => `A${word} `).join(''), 15),
    ben.type(words.map(word => `B${word} `).join(''), 15),
  ])
  await vi.waitFor(async () => expect(await ada.text()).toContain('Aw5 '), { timeout: 15_000 })
  await service.kill()
  await typing
  await ada.banner.waitFor({ state: 'visible' })
  await ada.says('not saved|away')
  await ada.picture('server-away')
  expect(await ada.text()).toContain('Aw39')

  await service.start()
  await Promise.all([ada.says('all changes saved'), ben.says('all changes saved')])
  await ada.banner.waitFor({ state: 'hidden' })
  await vi.waitFor(async () => expect(await ada.text()).toBe(await ben.text()), { timeout: 15_000 })
  const text = await ada.text()
  // Both type into one paragraph, so words may interleave; letters may not be lost or doubled.
  const letters = [...'Start. ', ...words.flatMap(word => [...`A${word} B${word} `])].toSorted().join('')
  expect([...text].toSorted().join('')).toBe(letters)

  const late = await Window.open(browser, address, 'Cleo')
  await vi.waitFor(async () => expect(await late.text()).toBe(text))
  expect([...ada.errors, ...ben.errors, ...late.errors]).toEqual([])
  await Promise.all([ada, ben, late].map(window => window.close()))
}, 120_000)

test('a reload right after the server came back shows every character that was saved', async ({
  browser,
  service,
}) => {
  const address = `${service.url}/reload`
  const ada = await Window.open(browser, address, 'Ada')
  await ada.type('Kept through a kill.')
  await ada.says('all changes saved')
  await service.kill()
  await service.start()
  await ada.page.reload()
  await ada.says('all changes saved')
  expect(await ada.text()).toBe('Kept through a kill.')
  await ada.close()
})
