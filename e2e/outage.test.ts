import { expect, vi } from 'vitest'
import { sorted } from './log.ts'
import { test } from './openings.ts'
import { agree, patience, reads } from './texts.ts'
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
  await vi.waitFor(async () => expect(await ada.text()).toContain('Aw5 '), patience)
  await service.kill()
  await typing
  await ada.banner.waitFor({ state: 'visible' })
  await ada.says('not saved|away')
  await ada.picture('server-away')
  expect(await ada.text()).toContain('Aw39')

  await service.start()
  await Promise.all([ada.says('all changes saved'), ben.says('all changes saved')])
  await ada.banner.waitFor({ state: 'hidden' })
  const text = await agree(ada, ben)
  // Both type into one paragraph, so words may interleave; letters may not be lost or doubled.
  expect(sorted(text)).toBe(sorted(`Start. ${words.map(word => `A${word} B${word} `).join('')}`))

  const late = await Window.open(browser, address, 'Cleo')
  await reads(late, text)
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
