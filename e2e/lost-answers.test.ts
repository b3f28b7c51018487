import { expect, vi } from 'vitest'
import { type Asked, fairWeather } from '../test/faulty-proxy.ts'
import { readLog, sorted } from './log.ts'
import { test } from './openings.ts'
import { agree, patience } from './texts.ts'
import { Window } from './window.ts'

const isEdit = ({ line }: Asked): boolean => line.startsWith('POST ') && !line.includes('awareness=')

test('the service is killed after it took an edit and before it said so: the edit is in the log once, and the page does not say saved before it knows', async ({
  browser,
  service,
  proxy,
}) => {
  const ada = await Window.open(browser, `${proxy.url}/mid-post`, 'Ada')
  proxy.weather = {
    fault: asked => (isEdit(asked) ? { side: 'down', after: 0, how: 'stall' } : undefined),
  }
  await ada.type('Once.')
  await vi.waitFor(
    async () => expect((await readLog(service.url, 'mid-post')).written).not.toBe(''),
    patience,
  )
  await ada.says('saving')
  expect(proxy.underWay.some(isEdit)).toBe(true)

  await service.kill()
  proxy.hangUp()
  await ada.says('kept in this')
  proxy.weather = fairWeather
  await service.start()
  await ada.says('all changes saved')
  expect((await readLog(service.url, 'mid-post')).written).toBe(sorted('Once.'))
  expect(await ada.text()).toBe('Once.')
  expect(ada.errors).toEqual([])
  await ada.close()
})

test('every other answer to an edit is lost on its way: nothing is sent twice', async ({
  browser,
  service,
  proxy,
}) => {
  const ada = await Window.open(browser, `${proxy.url}/lost-answers`, 'Ada')
  const text = 'Every second answer is lost. '.repeat(2)
  let edits = 0
  proxy.weather = {
    fault: asked => (isEdit(asked) && edits++ % 2 === 0 ? { side: 'down', after: 0, how: 'cut' } : undefined),
  }
  await ada.type(text, 20)
  await ada.says('all changes saved')
  expect(edits).toBeGreaterThan(4)
  expect((await readLog(service.url, 'lost-answers')).written).toBe(sorted(text))
  await ada.close()
})

test('the service is killed again and again while two type: no letter is lost or doubled', async ({
  browser,
  service,
  proxy,
}) => {
  const [ada, ben] = await Promise.all([
    Window.open(browser, `${proxy.url}/kills`, 'Ada'),
    Window.open(browser, `${proxy.url}/kills`, 'Ben'),
  ])
  const rounds = ['first', 'second', 'third']
  for (const round of rounds) {
    const typing = Promise.all([ada.type(`${round} A `.repeat(4), 10), ben.type(`${round} B `.repeat(4), 10)])
    // In the middle of it, with requests under way.
    await vi.waitFor(() => expect(proxy.underWay.some(isEdit)).toBe(true), { ...patience, interval: 1 })
    await service.kill()
    await typing
    await service.start()
  }
  await Promise.all([ada.says('all changes saved'), ben.says('all changes saved')])
  const text = await agree(ada, ben)
  const typed = sorted(rounds.map(round => `${round} A ${round} B `.repeat(4)).join(''))
  expect(sorted(text)).toBe(typed)
  const log = await readLog(service.url, 'kills')
  expect(log.written).toBe(typed)
  expect(log.text).toBe(text)
  expect([...ada.errors, ...ben.errors]).toEqual([])
  await Promise.all([ada.close(), ben.close()])
}, 120_000)
