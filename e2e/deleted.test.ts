import { expect } from 'vitest'
import { readLog, sorted } from './log.ts'
import { test } from './openings.ts'
import { reads } from './texts.ts'
import { Window } from './window.ts'

const press = (window: Window, name: string): Promise<void> =>
  window.page.getByRole('button', { name, exact: true }).click()

const answer = async (service: string, name: string, method: string): Promise<number> =>
  (await fetch(`${service}/v1/yjs/default/docs/${name}`, { method })).status

test('a document that was deleted on the service goes on under a new name, with what was typed since', async ({
  profile,
  service,
  site,
}) => {
  const ada = await Window.openIn(profile, `${site.url}/deleted`, 'Ada')
  await ada.type('Old life. ')
  await ada.says('all changes saved')
  await press(ada, 'Go offline')
  expect(await answer(service.url, 'deleted', 'DELETE')).toBe(204)
  await ada.type('Still. ')
  await press(ada, 'Back online')
  await ada.banner
    .filter({ hasText: 'It was deleted on the server. Your last changes were not saved' })
    .waitFor()
  expect(await ada.text()).toBe('Old life. Still. ')
  await ada.picture('deleted')

  await service.kill()
  await press(ada, 'Continue as a new document')
  const pending = ada.page.getByRole('button', { name: 'Saving it, as soon as the server answers…' })
  expect(await pending.isDisabled()).toBe(true)
  await ada.type('Awaited. ')
  await service.start()
  await ada.page.waitForURL(url => url.pathname !== '/deleted')
  await reads(ada, 'Old life. Still. Awaited. ')
  await ada.says('all changes saved')
  const name = new URL(ada.page.url()).pathname.slice(1)
  expect((await readLog(service.url, name)).text).toBe('Old life. Still. Awaited. ')
  expect(await answer(service.url, 'deleted', 'HEAD')).toBe(404)
  expect(ada.errors).toEqual([])
})

test('one that was created anew is not merged with what is in the page, and can be opened instead', async ({
  browser,
  profile,
  service,
  site,
}) => {
  const address = `${site.url}/renewed`
  const ada = await Window.openIn(profile, address, 'Ada')
  await ada.type('Old life. ')
  await ada.says('all changes saved')
  await press(ada, 'Go offline')
  expect(await answer(service.url, 'renewed', 'DELETE')).toBe(204)
  const ben = await Window.open(browser, address, 'Ben')
  await ben.type('New life. ')
  await ben.says('all changes saved')
  await ada.type('Still. ')
  await press(ada, 'Back online')
  await ada.banner.filter({ hasText: 'another one has its name now' }).waitFor()
  expect(await ada.text()).toBe('Old life. Still. ')
  await ada.picture('renewed')

  await press(ada, 'Open the one that has its name')
  await reads(ada, 'New life. ')
  await ada.says('all changes saved')
  await ada.type('Both. ')
  await reads(ben, 'New life. Both. ')
  expect((await readLog(service.url, 'renewed')).written).toBe(sorted('New life. Both. '))
  expect([...ada.errors, ...ben.errors]).toEqual([])
  await ben.close()
})
