import { expect, test } from 'vitest'
import type { OpenLocalStore } from '../../provider/local/local-store.ts'
import { weathers } from '../sim/weather.ts'
import type { Browser } from './browser.ts'
import { Scene } from './scene.ts'
import type { Tab } from './tab.ts'

/** A browser that keeps the document, with one tab that is synced and holds `text`. */
const kept = async (text: string, seed = 1): Promise<{ scene: Scene; browser: Browser; tab: Tab }> => {
  const scene = new Scene({ seed })
  const browser = scene.browser({ offline: true })
  const tab = browser.open()
  await scene.settle()
  if (text) tab.type(text)
  await scene.settle()
  await scene.pass(2_000)
  return { scene, browser, tab }
}

const once = (scene: Scene, text: string) => {
  expect(scene.logged).toBe(text)
  expect(scene.journal.doubled).toEqual([])
  expect(scene.wrong).toEqual([])
}

const same = (a: Uint8Array | undefined, b: Uint8Array | undefined) => a?.join() === b?.join()

test('[K1] a reload opens from the browser, reads on from where it was, and sends nothing', async () => {
  const { scene, browser, tab } = await kept('kept')
  tab.leave()
  await scene.pass(1_000)
  const next = browser.open()
  await scene.until('it is loaded', () => next.provider.loaded, 100)
  expect(next.text).toBe('kept')
  await scene.settle()
  await scene.pass(2_000)
  expect(next.posts).toEqual([])
  expect(next.requests.filter(request => request.includes('snapshot'))).toEqual([])
  once(scene, 'kept')
})

test('[K2] without the server the document opens and is edited, over two reloads, and is sent when it is back', async () => {
  const { scene, browser, tab } = await kept('a')
  tab.leave()
  scene.server.crash()
  await scene.pass(10)
  for (const letter of 'bc') {
    const visit = browser.open()
    await scene.until('it is loaded', () => visit.provider.loaded)
    visit.type(letter)
    expect(visit.provider.saved).toBe(false)
    await scene.pass(3_000)
    visit.leave()
    await scene.pass(10)
  }
  const last = browser.open()
  await scene.until('it is loaded', () => last.provider.loaded)
  expect([last.text, last.provider.saved]).toEqual(['abc', false])
  scene.server.start()
  await scene.settle()
  once(scene, 'abc')
})

test('[K3] a request that arrived, whose answer did not, is kept as it was, and settled after a crash by what the log says', async () => {
  const { scene, browser, tab } = await kept('a')
  browser.line.weather = { ...weathers.calm, answerLost: 1, reset: 0 }
  tab.type('b')
  await scene.until('it arrived', () => scene.logged === 'ab')
  await scene.pass(100)
  expect(tab.provider.saved).toBe(false)
  const [flight] = browser.shelf.flights.values()
  expect(same(flight?.body, tab.posts.at(-1)?.body)).toBe(true)
  tab.crash()
  browser.line.weather = weathers.calm
  const next = browser.open()
  await scene.settle()
  await scene.pass(2_000)
  expect(next.posts).toEqual([])
  expect(browser.shelf.flights.size).toBe(0)
  once(scene, 'ab')
})

test('[K4] a request that did not arrive is sent after a crash as it was, and what came after it goes alone', async () => {
  const { scene, browser, tab } = await kept('a')
  browser.line.weather = { ...weathers.calm, requestLost: 1, reset: 0 }
  tab.type('b')
  await scene.pass(100)
  tab.type('c')
  await scene.pass(100)
  const lost = tab.posts.at(-1)
  tab.crash()
  browser.line.weather = weathers.calm
  const next = browser.open()
  await scene.settle()
  await scene.pass(2_000)
  expect(next.posts).toHaveLength(2)
  expect(next.posts[0]?.id).toBe(lost?.id)
  expect(same(next.posts[0]?.body, lost?.body)).toBe(true)
  expect(next.posts[1]?.id).not.toBe(lost?.id)
  expect(browser.shelf.flights.size).toBe(0)
  once(scene, 'abc')
})

test('[K5] a request that is on its way for long is the same in each of two later visits, and the log has it once', async () => {
  const { scene, browser, tab } = await kept('a')
  browser.line.weather = { ...weathers.calm, latencyMs: [5_000, 5_000] }
  tab.type('b')
  await scene.pass(50)
  tab.crash()
  browser.line.weather = weathers.calm
  const second = browser.open()
  second.provider.on('status', () => {
    browser.line.weather = { ...weathers.calm, latencyMs: [5_000, 5_000] }
  })
  await scene.until('it sends', () => second.posts.length > 0, 500)
  const again = second.posts[0]
  second.crash()
  browser.line.weather = weathers.calm
  const third = browser.open()
  await scene.settle()
  await scene.pass(10_000)
  for (const post of [again, third.posts[0]]) {
    expect(post?.id).toBe(tab.posts.at(-1)?.id)
    expect(same(post?.body, tab.posts.at(-1)?.body)).toBe(true)
  }
  once(scene, 'ab')
})

test('[K6] what was typed right before the page is left leaves with it, and the next visit has nothing to add', async () => {
  const { scene, browser, tab } = await kept('a')
  tab.type('b')
  tab.leave()
  await scene.until('it arrived', () => scene.logged === 'ab', 1_000)
  const next = browser.open()
  await scene.settle()
  expect(next.text).toBe('ab')
  once(scene, 'ab')
})

test('[K7] a stored place is never ahead of the stored updates, whenever the browser is cut off', async () => {
  for (let ms = 0; ms < 3_000; ms += 370) {
    const scene = new Scene({ seed: ms + 1 })
    const browser = scene.browser({ offline: true, writeMs: 200 })
    const writer = scene.browser().open()
    const tab = browser.open()
    await scene.settle()
    for (let round = 0; round < 20; round++) {
      writer.type('w')
      tab.type('t')
      await scene.pass(60)
    }
    await scene.pass(ms)
    tab.crash()
    browser.shelf.cut(tab.life)
    await scene.pass(1_000)
    const next = browser.open()
    await scene.settle()
    // Read on from the place alone it would lack what was not stored.
    expect(next.text).toBe(writer.text)
    expect(next.text).toHaveLength(scene.logged.length)
    expect(scene.wrong).toEqual([])
  }
})

test('[K8] edits typed while the document is being loaded, and content from before, are sent with the rest', async () => {
  const { scene, browser, tab } = await kept('a')
  tab.leave()
  await scene.pass(1_000)
  const slow = scene.browser({ offline: true, readMs: 4_000 })
  const next = slow.open({ content: 'before ' })
  next.type('during ')
  expect([next.provider.loaded, next.provider.saved]).toEqual([false, false])
  await scene.settle()
  const again = browser.open({ content: 'b' })
  again.type('c')
  await scene.settle()
  expect([...again.text].sort().join('')).toBe([...'before during abc'].sort().join(''))
  expect(scene.journal.doubled).toEqual([])
  expect(scene.wrong).toEqual([])
})

test('[K9] a store that opens after five seconds is waited for, and edits made meanwhile are counted', async () => {
  const scene = new Scene()
  const open: OpenLocalStore = async parts => {
    await new Promise<void>(resolve => scene.clock.after(5_000, resolve))
    return browser.shelf.opener(tab.life, scene.clock, scene.chance)(parts)
  }
  const browser = scene.browser({ offline: true, openLocal: open })
  const tab = browser.open()
  tab.type('x')
  await scene.pass(4_900)
  expect(tab.provider.loaded).toBe(false)
  expect(tab.provider.unsaved).toMatchObject({ updates: 1 })
  expect(tab.requests).toEqual([])
  await scene.settle()
  expect(tab.provider.loaded).toBe(true)
  once(scene, 'x')
})

test('[K10] a store whose code cannot be downloaded is told, and the provider goes on without', async () => {
  const scene = new Scene()
  const browser = scene.browser({
    offline: true,
    openLocal: () => Promise.reject(new TypeError('no such chunk')),
  })
  const tab = browser.open()
  tab.type('x')
  await scene.settle()
  expect(tab.errors.map(({ code, fatal }) => [code, fatal])).toEqual([['LOCAL_STORE_FAILED', false]])
  expect(tab.events).toContain('loaded')
  once(scene, 'x')
})

test('[K11] a provider that is destroyed while its document is loaded ends at once, and leaves nothing behind', async () => {
  const scene = new Scene()
  const browser = scene.browser({ offline: true, readMs: 4_000 })
  const tab = browser.open()
  const waited = tab.provider.whenLoaded().then(
    () => 'loaded',
    error => error.code,
  )
  await scene.pass(10)
  tab.close()
  await expect(waited).resolves.toBe('ABORTED')
  await scene.pass(10_000)
  tab.type('after')
  await scene.pass(1_000)
  expect(browser.shelf.updates).toEqual([])
  expect(tab.requests).toEqual([])
  expect(tab.life.pending).toBe(0)
})

test('[K12] what is cleared stays cleared, and the document goes on being saved', async () => {
  const { scene, browser, tab } = await kept('a')
  let cleared = false
  void tab.provider.clearLocal().then(() => {
    cleared = true
  })
  await scene.until('it is cleared', () => cleared)
  tab.type('b')
  await scene.settle()
  await scene.pass(3_000)
  tab.leave()
  await scene.pass(1_000)
  expect([browser.shelf.updates, browser.shelf.place, browser.shelf.flights.size]).toEqual([[], undefined, 0])
  once(scene, 'ab')
})

test('[K13] since when something is unsaved survives the reload', async () => {
  const { scene, browser, tab } = await kept('a')
  scene.server.crash()
  await scene.pass(1_000)
  const at = scene.clock.now()
  tab.type('b')
  await scene.pass(5_000)
  tab.type('c')
  expect(tab.provider.unsaved?.since).toBe(at)
  await scene.pass(5_000)
  tab.crash()
  await scene.pass(60_000)
  const next = browser.open()
  await scene.until('it is loaded', () => next.provider.loaded)
  expect(next.provider.unsaved?.since).toBe(at)
  scene.server.start()
  await scene.settle()
  once(scene, 'abc')
})

test('[K14] a place that cannot be read makes the whole log be read again, and is told', async () => {
  const { scene, browser, tab } = await kept('a')
  tab.leave()
  await scene.pass(1_000)
  const { place } = browser.shelf
  if (!place) throw new Error('there is no place')
  browser.shelf.place = { ...place, ledger: new Uint8Array([255, 255]) }
  const next = browser.open()
  await scene.settle()
  expect(next.text).toBe('a')
  expect(next.errors.map(({ code, fatal }) => [code, fatal])).toEqual([['LOCAL_STORE_FAILED', false]])
  expect(next.posts).toEqual([])
  once(scene, 'a')
})

test('[K15] tabs that share keep the document too, and what a dead leader had under way is settled by the next visit', async () => {
  const { scene, browser, tab } = await kept('a')
  const follower = browser.open()
  await scene.settle()
  browser.line.weather = { ...weathers.calm, answerLost: 1, reset: 0 }
  tab.type('b')
  await scene.until('it arrived', () => scene.logged === 'ab')
  tab.crash()
  browser.line.weather = weathers.calm
  await scene.settle()
  follower.type('c')
  await scene.settle()
  await scene.pass(2_000)
  follower.leave()
  await scene.pass(100)
  const next = browser.open()
  await scene.settle()
  await scene.pass(2_000)
  expect(next.text).toBe('abc')
  expect(next.posts).toEqual([])
  expect(browser.shelf.flights.size).toBe(0)
  once(scene, 'abc')
})

test('[K16] what was typed while the document was being loaded leaves with the page', async () => {
  const { scene, browser, tab } = await kept('a')
  tab.leave()
  await scene.pass(1_000)
  const slow = scene.browser({ offline: true, readMs: 60_000 })
  const next = slow.open()
  next.type('b')
  next.leave()
  await scene.until('it arrived', () => scene.logged.includes('b'), 1_000)
  const last = browser.open()
  await scene.settle()
  expect([...last.text].sort()).toEqual(['a', 'b'])
  expect(scene.journal.doubled).toEqual([])
})
