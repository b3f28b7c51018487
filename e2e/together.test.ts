import { expect, vi } from 'vitest'
import { test } from './openings.ts'
import { agree, patience } from './texts.ts'
import { Window } from './window.ts'

test.override('args', () => ['--compact-bytes', '1024'])

test('two windows type at once in one paragraph and converge, and each sees the other by caret and name', async ({
  browser,
  service,
}) => {
  const address = `${service.url}/two-windows`
  const ada = await Window.open(browser, address, 'Ada')
  const ben = await Window.open(browser, address, 'Ben')
  await ada.type('Shared: ')
  await agree(ada, ben)
  await Promise.all([ada.type('a'.repeat(60)), ben.type('b'.repeat(60))])
  await Promise.all([ada.says('all changes saved'), ben.says('all changes saved')])
  const text = await agree(ada, ben)
  expect(text).toHaveLength('Shared: '.length + 120)
  expect([...text].filter(letter => letter === 'a')).toHaveLength(60 + 1)
  expect([...text].filter(letter => letter === 'b')).toHaveLength(60)
  await ada.caretOf('Ben').waitFor({ state: 'attached' })
  await ben.caretOf('Ada').waitFor({ state: 'attached' })
  await ada.picture('two-windows')

  await ben.close()
  await ada.caretOf('Ben').waitFor({ state: 'detached' })

  await ada.page.reload()
  await ada.says('all changes saved')
  expect(await ada.text()).toBe(text)
  expect(ada.errors).toEqual([])
  await ada.close()
})

test('a late third window opens a compacted document from its snapshot, not from the log', async ({
  browser,
  service,
}) => {
  const address = `${service.url}/late-joiner`
  const ada = await Window.open(browser, address, 'Ada')
  const ben = await Window.open(browser, address, 'Ben')
  for (let round = 0; round < 6; round++) await ada.type(`Round ${round}: ${'lorem ipsum '.repeat(4)}`, 0)
  await ada.says('all changes saved')
  const text = await agree(ada, ben)
  await vi.waitFor(async () => {
    const discovery = await fetch(`${service.url}/v1/yjs/default/docs/late-joiner?offset=snapshot`, {
      redirect: 'manual',
    })
    expect(discovery.headers.get('location')).toMatch(/_snapshot$/)
  }, patience)

  const late = await Window.open(browser, address, 'Cleo')
  expect(await agree(ada, ben, late)).toBe(text)
  const reads = late.requests.filter(request => request.startsWith('GET') && !request.includes('awareness='))
  expect(reads[0]).toBe('GET ?offset=snapshot')
  expect(reads[1]).toMatch(/^GET \?offset=\d+_\d+_snapshot$/)
  expect(reads[2]).toMatch(/^GET \?.*live=sse.*offset=\d+_\d+$/)
  expect(reads.filter(request => request.includes('offset=-1'))).toEqual([])
  for (const window of [ada, ben, late]) expect(window.errors).toEqual([])
  await late.picture('late-joiner')
  await Promise.all([ada, ben, late].map(window => window.close()))
})

test('a window goes offline by its button, edits, and comes back with everything', async ({
  browser,
  service,
}) => {
  const address = `${service.url}/offline`
  const ada = await Window.open(browser, address, 'Ada')
  const ben = await Window.open(browser, address, 'Ben')
  await ada.type('Before. ')
  await agree(ada, ben)
  await ada.page.getByTestId('offline').click()
  await ada.says('offline')
  await ben.person('Ada').waitFor({ state: 'detached' })
  await Promise.all([ada.type('Ada alone. '), ben.type('Ben alone. ')])
  await ada.says('not saved')
  expect(await ben.text()).not.toContain('Ada alone')
  await ada.picture('offline')
  await ada.page.getByTestId('offline').click()
  await Promise.all([ada.says('all changes saved'), ben.says('all changes saved')])
  const text = await agree(ada, ben)
  expect(text).toContain('Ada alone. ')
  expect(text).toContain('Ben alone. ')
  await ben.person('Ada').waitFor({ state: 'attached' })
  await ada.type('Back.')
  await ben.caretOf('Ada').waitFor({ state: 'attached' })
  await Promise.all([ada.close(), ben.close()])
})
