import { expect, onTestFinished, test } from 'vitest'
import { Query } from '../../protocol/index.ts'
import { freezes } from '../sim/clock.ts'
import { Scene } from './scene.ts'

const posts = (requests: readonly string[]) =>
  requests.filter(request => request.startsWith('POST ') && !request.includes(Query.awareness))

test('[T1] one of three tabs leads, and the others send nothing at all', async () => {
  const scene = new Scene()
  const browser = scene.browser({ presence: true })
  const [first, second, third] = browser.openMany(3)
  await scene.settle()
  for (const tab of [first, second, third]) tab?.type(tab.name)
  await scene.settle()
  expect(browser.leaders).toEqual([first])
  expect([second?.requests, third?.requests]).toEqual([[], []])
  expect(browser.present.map(({ provider }) => provider.tabs)).toEqual([
    { count: 3, leading: true },
    { count: 3, leading: false },
    { count: 3, leading: false },
  ])
  expect(scene.wrong).toEqual([])
})

test('[T2] edits of each tab reach the others before the server answers, and none is called saved', async () => {
  const scene = new Scene()
  const browser = scene.browser()
  const tabs = browser.openMany(3)
  await scene.settle()
  browser.cut()
  for (const [at, tab] of tabs.entries()) {
    tab.type(`${at}`)
    expect(tab.provider.saved).toBe(false)
    await scene.pass(50)
    expect(tabs.map(({ text }) => text)).toEqual(tabs.map(() => '012'.slice(0, at + 1)))
    expect(tabs.map(({ provider }) => provider.saved)).toEqual([false, false, false])
    expect(tabs.map(({ provider }) => provider.unsaved?.updates)).toEqual(tabs.map(() => at + 1))
  }
  expect(scene.logged).toBe('')
  browser.mend()
  await scene.settle()
  expect(scene.logged).toBe('012')
  expect(scene.wrong).toEqual([])
  expect(scene.journal.doubled).toEqual([])
})

test('[T3] every tab says what the leader knows of the server: away, back, caught up, saved', async () => {
  const scene = new Scene()
  const browser = scene.browser()
  const tabs = browser.openMany(3)
  const statuses = () => tabs.map(({ provider }) => provider.status)
  const synced = () => tabs.map(({ provider }) => provider.synced)
  await scene.settle()
  expect(statuses()).toEqual(['connected', 'connected', 'connected'])
  scene.server.crash()
  await scene.until('all know', () => statuses().every(status => status === 'connecting'))
  expect(synced()).toEqual([false, false, false])
  tabs[1]?.type('a')
  await scene.pass(5_000)
  expect(tabs.map(({ provider }) => provider.saved)).toEqual([false, false, false])
  scene.server.start()
  await scene.settle()
  expect(statuses()).toEqual(['connected', 'connected', 'connected'])
  // The edit may be acknowledged before or after the link is back.
  for (const { events } of tabs)
    expect(
      events.filter(event => event !== 'connecting').map((event, at) => (at < 4 ? event : 'then')),
    ).toEqual([...['connected', 'synced', 'not synced', 'unsaved'], ...['then', 'then', 'then']])
  expect(scene.wrong).toEqual([])
})

test('[T4] a server that is slow to keep what two tabs type makes no tab say saved too soon', async () => {
  const scene = new Scene({ writeMs: 800 })
  const browser = scene.browser()
  const tabs = browser.openMany(3)
  await scene.settle()
  for (let round = 0; round < 30; round++) {
    tabs[round % 3]?.type(String.fromCharCode(97 + (round % 26)))
    await scene.pass(37)
  }
  await scene.settle()
  expect(scene.logged).toHaveLength(30)
  expect(scene.wrong).toEqual([])
  expect(scene.journal.doubled).toEqual([])
  expect(posts(tabs.flatMap(({ requests }) => requests)).length).toBeLessThan(20)
})

test('[T5] a leader that is closed in order is followed by another within a blink, which has everything', async () => {
  const scene = new Scene()
  const browser = scene.browser()
  const [first, second, third] = browser.openMany(3)
  await scene.settle()
  first?.type('a')
  second?.type('b')
  first?.close()
  const began = scene.clock.elapsed
  await scene.until('another leads', () => browser.leaders.length === 1)
  expect(scene.clock.elapsed - began).toBeLessThan(100)
  third?.type('c')
  await scene.settle()
  expect([...scene.logged].sort()).toEqual(['a', 'b', 'c'])
  expect(third?.text).toBe(scene.logged)
  expect(scene.journal.doubled).toEqual([])
  expect(scene.wrong).toEqual([])
})

for (const seed of [1, 2, 3, 4, 5]) {
  test(`[T6] a leader that crashes with edits under way loses none of them, and doubles none (${seed})`, async () => {
    const scene = new Scene({ seed, writeMs: 100 })
    const browser = scene.browser()
    const [first, second, third] = browser.openMany(3)
    await scene.settle()
    first?.type('a')
    second?.type('b')
    third?.type('c')
    await scene.pass(20 * seed)
    first?.crash()
    await scene.settle()
    expect([...scene.logged].sort()).toEqual(['a', 'b', 'c'])
    expect(second?.text).toBe(scene.logged)
    expect(scene.journal.doubled).toEqual([])
    expect(scene.wrong).toEqual([])
  })
}

for (const what of freezes) {
  test(`[T7] a leader whose ${what} is frozen is replaced within two seconds, and what it had under way is kept once`, async () => {
    const scene = new Scene()
    const browser = scene.browser()
    const [first, second, third] = browser.openMany(3)
    await scene.settle()
    first?.type('a')
    await scene.pass(10)
    first?.freeze(what)
    second?.type('b')
    await scene.until('another leads', () => second?.leads === true || third?.leads === true, 2_000)
    third?.type('c')
    await scene.until('saved', () => third?.provider.synced === true && second?.provider.synced === true)
    expect([...scene.logged].sort()).toEqual(['a', 'b', 'c'])
    await scene.pass(30_000)
    first?.thaw()
    first?.type('d')
    await scene.settle()
    expect([...scene.logged].sort()).toEqual(['a', 'b', 'c', 'd'])
    expect(first?.leads).toBe(false)
    expect(scene.journal.doubled).toEqual([])
    expect(scene.wrong).toEqual([])
  })
}

test('[T8] edits typed while nobody leads are sent by whoever leads next', async () => {
  const scene = new Scene()
  const browser = scene.browser()
  const [first, second, third] = browser.openMany(3)
  await scene.settle()
  first?.crash()
  second?.type('b')
  third?.type('c')
  expect(browser.leaders).toEqual([])
  await scene.settle()
  expect([...scene.logged].sort()).toEqual(['b', 'c'])
  expect(scene.journal.doubled).toEqual([])
  expect(scene.wrong).toEqual([])
})

test('[T9] a tab that opens while the lead changes, and two that type meanwhile, end with the same text', async () => {
  for (const delayMs of [0, 1, 2, 3, 5, 8, 13, 21]) {
    const scene = new Scene({ seed: delayMs + 1 })
    const browser = scene.browser()
    const [first, second, third] = browser.openMany(3)
    await scene.settle()
    first?.close()
    const late = browser.open()
    for (const letter of 'abcdefgh') {
      second?.type(letter)
      await scene.pass(delayMs)
      third?.type(letter.toUpperCase())
      await scene.pass(1)
    }
    await scene.settle()
    expect([...late.text].sort().join('')).toBe('ABCDEFGHabcdefgh')
    expect(late.text).toBe(scene.logged)
    expect(scene.journal.doubled).toEqual([])
    expect(scene.wrong).toEqual([])
  }
})

test('[T10] a tab that opens while the server is away gets the document from another tab', async () => {
  const scene = new Scene()
  const browser = scene.browser()
  const first = browser.open()
  await scene.settle()
  first.type('seen')
  await scene.settle()
  scene.server.crash()
  first.type(' and unsaved')
  const late = browser.open()
  await scene.pass(1_000)
  expect(late.text).toBe('seen and unsaved')
  expect(late.provider.saved).toBe(false)
  expect(late.provider.status).toBe('connecting')
  scene.server.start()
  await scene.settle()
  expect(scene.logged).toBe('seen and unsaved')
  expect(late.requests).toEqual([])
  expect(scene.wrong).toEqual([])
})

test('[T16] a tab that opens while others type without a server misses nothing of it', async () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const scene = new Scene({ seed })
    const browser = scene.browser()
    const [first, second, third] = browser.openMany(3)
    await scene.settle()
    browser.cut()
    const late = browser.open()
    for (let round = 0; round < 20; round++) {
      second?.type('x')
      third?.type('y')
      await scene.pass(1)
    }
    await scene.pass(100)
    expect(late.text).toHaveLength(40)
    expect(late.text).toBe(first?.text)
    expect(late.provider.saved).toBe(false)
    expect(scene.wrong).toEqual([])
  }
})

test('[T17] a leader that was frozen and thawed keeps nobody for itself that greeted it meanwhile', async () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const scene = new Scene({ seed })
    const browser = scene.browser()
    const [first, second] = browser.openMany(2)
    await scene.settle()
    first?.freeze()
    await scene.until('the other leads', () => second?.leads === true, 2_000)
    const third = browser.open()
    await scene.pass(1_000)
    first?.thaw()
    await scene.pass(1_000)
    third.type('x')
    first?.type('y')
    await scene.settle(10_000)
    expect([...scene.logged].sort()).toEqual(['x', 'y'])
    expect(scene.wrong).toEqual([])
  }
})

test('[T91] a leader whose page is frozen, and which still hears the others, welcomes none of them', async () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const scene = new Scene({ seed })
    const browser = scene.browser()
    const [first, ...others] = browser.openMany(3)
    await scene.settle()
    first?.freeze('page')
    const leads = (): boolean => others.some(tab => tab.leads)
    await scene.until('another leads', leads, 2_000)
    others.push(browser.open())
    await scene.settle()
    const elsewhere = scene.browser().open()
    await scene.settle()
    elsewhere.type('x')
    await scene.until('all read it', () => others.every(({ text }) => text === 'x'), 2_000)
    first?.thaw()
    await scene.settle()
    expect([first?.text, first?.leads]).toEqual(['x', false])
    expect(scene.wrong).toEqual([])
  }
})

/** The tab that led is dead, the one that knows the document too is in no group, and the server is out of reach. */
const knownToOne = async () => {
  const scene = new Scene()
  const browser = scene.browser()
  const [first, second] = browser.openMany(2)
  await scene.settle()
  second?.type('known')
  await scene.settle()
  second?.provider.disconnect()
  browser.cut()
  first?.crash()
  return { scene, browser, knowing: second }
}

test('[T11] a new leader that has not read the document learns it from another tab, and does not create it', async () => {
  const { scene, browser, knowing } = await knownToOne()
  const third = browser.open()
  const fourth = browser.open()
  await scene.until('a newcomer leads', () => third.leads)
  await scene.pass(100)
  knowing?.provider.connect()
  await scene.until('it taught', () => third.text === 'known' && fourth.text === 'known')
  expect(browser.count('teach')).toBe(1)
  third.type('!')
  await scene.pass(100)
  browser.mend()
  await scene.settle()
  expect(scene.logged).toBe('known!')
  expect(third.requests.filter(request => request.startsWith('PUT'))).toEqual([])
  expect(scene.journal.doubled).toEqual([])
  expect(scene.wrong).toEqual([])
})

test('[T12] a new leader that was taught a document which is deleted does not create it again', async () => {
  const { scene, browser, knowing } = await knownToOne()
  expect(await scene.operate('DELETE')).toBe(204)
  const third = browser.open()
  await scene.until('the newcomer leads', () => third.leads)
  knowing?.provider.connect()
  await scene.until('it taught', () => third.text === 'known')
  browser.mend()
  await scene.until('both stopped', () =>
    browser.present.every(({ provider }) => provider.status === 'disconnected'),
  )
  expect(
    browser.present.map(({ errors }) =>
      errors.filter(({ fatal }) => fatal).map(({ condition }) => condition),
    ),
  ).toEqual([['deleted'], ['deleted']])
  expect(
    browser.present.flatMap(({ requests }) => requests).filter(request => request.startsWith('PUT')),
  ).toEqual([])
  expect(browser.leaders).toEqual([])
})

test('[T13] a lead that changes hands with everything saved makes nobody send anything', async () => {
  const scene = new Scene()
  const browser = scene.browser()
  const [first, second, third, fourth] = browser.openMany(4)
  await scene.settle()
  for (const tab of browser.tabs) tab.type('x')
  await scene.settle()
  await scene.pass(1_000)
  const sent = scene.journal.bytes
  first?.close()
  await scene.pass(3_000)
  second?.crash()
  await scene.pass(3_000)
  third?.freeze()
  await scene.pass(3_000)
  third?.thaw()
  await scene.settle()
  expect(fourth?.leads).toBe(true)
  expect(scene.journal.bytes).toBe(sent)
  expect([...(second?.posts ?? []), ...(third?.posts ?? []), ...(fourth?.posts ?? [])]).toEqual([])
  // Nor does anybody read again what was read.
  expect(
    fourth?.requests.filter(request => request.includes('offset=snapshot') && !request.includes('awareness')),
  ).toEqual([])
  expect(scene.wrong).toEqual([])
})

test('[T15] a follower that was frozen knows everything when it is thawed, whoever leads by then', async () => {
  for (const what of freezes) {
    const scene = new Scene()
    const browser = scene.browser()
    const [first, second, third] = browser.openMany(3)
    await scene.settle()
    third?.freeze(what)
    first?.type('a')
    await scene.pass(1_000)
    first?.close()
    second?.type('b')
    await scene.pass(60_000)
    third?.thaw()
    third?.type('c')
    await scene.settle()
    expect([...scene.logged].sort()).toEqual(['a', 'b', 'c'])
    expect([second?.leads, third?.requests]).toEqual([true, []])
    expect(scene.journal.doubled).toEqual([])
    expect(scene.wrong).toEqual([])
  }
})

test('[T14] listeners of the app that throw stop no tab, and are not the last to hear', async () => {
  const scene = new Scene()
  const thrown = strayRejections()
  const browser = scene.browser()
  const tabs = browser.openMany(3)
  for (const { provider } of tabs)
    for (const event of ['error', 'status', 'saved', 'sync', 'tabs'] as const)
      provider.on(event, () => {
        throw new AppError(event)
      })
  await scene.settle()
  scene.server.crash()
  await scene.pass(3_000)
  scene.server.start()
  tabs[1]?.type('x')
  let saved = false
  void tabs[2]?.provider.whenSaved().then(() => {
    saved = true
  })
  await scene.settle()
  expect([scene.logged, saved]).toEqual(['x', true])
  expect(tabs.flatMap(({ errors }) => errors).filter(({ fatal }) => fatal)).toEqual([])
  expect(thrown.every(reason => reason instanceof AppError)).toBe(true)
  expect(new Set(thrown.map(reason => String(reason))).size).toBe(5)
})

class AppError extends Error {}

/** What would be reported as unhandled, collected until the end of the test. */
const strayRejections = (): readonly unknown[] => {
  const strays: unknown[] = []
  const others = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection')
  process.on('unhandledRejection', reason => strays.push(reason))
  onTestFinished(() => {
    process.removeAllListeners('unhandledRejection')
    for (const other of others) process.on('unhandledRejection', other)
  })
  return strays
}
