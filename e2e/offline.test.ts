import { expect, vi } from 'vitest'
import { readLog, sorted } from './log.ts'
import { test } from './openings.ts'
import { agree, patience, reads } from './texts.ts'
import { Window } from './window.ts'

test('with the service away a document opens, is edited, reloaded, closed and opened again, and then reaches the log once', async ({
  profile,
  service,
  site,
}) => {
  const address = `${site.url}/away`
  const ada = await Window.openIn(profile, address, 'Ada')
  await ada.type('Before. ')
  await ada.says('all changes saved')
  await service.kill()
  await ada.type('Without. ')
  await ada.says('kept in this browser')
  await ada.page.reload()
  await reads(ada, 'Before. Without. ')
  await ada.says('kept in this browser')
  await ada.picture('opened-offline')
  await ada.type('Again. ')
  await ada.page.close({ runBeforeUnload: true })
  await ada.page.waitForEvent('close')

  const later = await Window.visit(profile, address)
  await reads(later, 'Before. Without. Again. ')
  await later.type('Later. ')
  await later.says('kept in this browser')
  await service.start()
  await later.says('all changes saved')
  const text = 'Before. Without. Again. Later. '
  const log = await readLog(service.url, 'away')
  expect(log.text).toBe(text)
  expect(log.written).toBe(sorted(text))

  // Nor does a visit with nothing new send anything.
  await later.page.reload()
  await reads(later, text)
  await later.says('all changes saved')
  expect((await readLog(service.url, 'away')).written).toBe(sorted(text))
  expect([...ada.errors, ...later.errors]).toEqual([])
})

test('what others wrote while a window was away, and what it wrote, are both there', async ({
  browser,
  profile,
  service,
  site,
}) => {
  const address = `${site.url}/both`
  const ada = await Window.openIn(profile, address, 'Ada')
  await ada.type('Start. ')
  await ada.says('all changes saved')
  await service.kill()
  await ada.type('Ada away. ')
  await ada.says('kept in this browser')
  await ada.page.close()
  await service.start()
  const ben = await Window.open(browser, address, 'Ben')
  await ben.type('Ben here. ')
  await ben.says('all changes saved')

  const back = await Window.openIn(profile, address)
  const text = await agree(back, ben)
  await back.says('all changes saved')
  const log = await readLog(service.url, 'both')
  expect(log.text).toBe(text)
  expect(log.written).toBe(sorted('Start. Ada away. Ben here. '))
  await ben.close()
})

test('the browser forgets the database under an open page: nothing that is in the page is lost', async ({
  profile,
  service,
  site,
}) => {
  const address = `${site.url}/evicted`
  const ada = await Window.openIn(profile, address, 'Ada')
  await ada.type('Saved. ')
  await ada.says('all changes saved')
  await service.kill()
  await ada.type('Kept. ')
  await ada.says('not saved|kept in this')
  await (await ada.devtools()).send('Storage.clearDataForOrigin', {
    origin: site.url,
    storageTypes: 'indexeddb',
  })
  await ada.type('After. ')
  await service.start()
  await ada.says('all changes saved')
  const text = 'Saved. Kept. After. '
  const log = await readLog(service.url, 'evicted')
  expect(log.text).toBe(text)
  expect(log.written).toBe(sorted(text))
  // The browser takes its time to let anything be stored again.
  await vi.waitFor(
    async () => expect((await ada.page.evaluate(values, false))['updates']).toBeGreaterThan(0),
    patience,
  )
  await service.kill()
  await ada.type('Anew. ')
  await ada.page.reload()
  await reads(ada, `${text}Anew. `)
  expect(ada.errors).toEqual([])
})

test('a database full of nonsense is recovered from the service', async ({ profile, service, site }) => {
  const address = `${site.url}/nonsense`
  const ada = await Window.openIn(profile, address, 'Ada')
  await ada.type('On the server. ')
  await ada.says('all changes saved')
  await ada.page.close()

  // A page of the same origin without a provider, which would have its own word to say.
  const vandal = await profile.newPage()
  await vandal.goto(`${site.url}/favicon.svg`)
  expect((await vandal.evaluate(values, true))['updates']).toBeGreaterThan(0)
  await vandal.close()

  const back = await Window.visit(profile, address)
  await reads(back, 'On the server. ')
  await back.type('And on.')
  await back.says('all changes saved')
  expect((await readLog(service.url, 'nonsense')).written).toBe(sorted('On the server. And on.'))
  await back.page.reload()
  await reads(back, 'On the server. And on.')
  expect(back.errors).toEqual([])
})

/**
 * How many values each store has, of all databases of the page's origin. If `spoils`, they are overwritten, where their keys
 * stand beside them.
 */
const values = async (spoils: boolean): Promise<Record<string, number>> => {
  const done = <Result>(request: IDBRequest<Result>): Promise<Result> =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error)
    })
  const found: Record<string, number> = {}
  for (const { name = '' } of await indexedDB.databases()) {
    const database = await done(indexedDB.open(name))
    for (const storeName of database.objectStoreNames) {
      const store = database.transaction(storeName, spoils ? 'readwrite' : 'readonly').objectStore(storeName)
      const keys = await done(store.getAllKeys())
      found[storeName] = (found[storeName] ?? 0) + keys.length
      if (!spoils || store.keyPath !== null) continue
      for (const key of keys) await done(store.put(new Uint8Array([1, 2, 255, 255, 255, 255, 255, 7]), key))
    }
    database.close()
  }
  return found
}
