import { afterEach, describe, expect, test } from 'vitest'
import type { Channel, Locks } from '../../provider/tabs/origin.ts'
import type { Authorize, Verdict } from '../../server/index.ts'
import { Endings, opened, readBack, served, until } from './truth-world.ts'

const over = new Endings()
afterEach(() => over.run())

/** Locks of which each is held by one, in the order of asking. */
const locksOf = (): Locks => {
  const queues = new Map<string, Promise<void>>()
  return {
    request: async (name, { signal, ifAvailable }, held) => {
      const before = queues.get(name)
      if (ifAvailable && before) return held(null)
      let release: () => void = () => undefined
      const mine = new Promise<void>(resolve => {
        release = resolve
      })
      const turn = (before ?? Promise.resolve()).then(() => mine)
      queues.set(name, turn)
      try {
        await before
        if (signal?.aborted) throw signal.reason
        return await held({})
      } finally {
        release()
        if (queues.get(name) === turn) queues.delete(name)
      }
    },
  }
}

const openChannel = (name: string): Channel => {
  const real = new BroadcastChannel(name)
  const channel: Channel = {
    onmessage: null,
    postMessage: message => real.postMessage(message),
    close: () => real.close(),
  }
  real.onmessage = ({ data }) => channel.onmessage?.({ data })
  return channel
}

/** Two tabs of one browser, the first of which leads. */
const twoTabs = async (options: Parameters<typeof served>[1]) => {
  const server = await served(over, options)
  const shared = { locks: locksOf(), openChannel }
  const headers = { Authorization: 'guest' }
  const leader = opened(over, server, { shared, headers })
  await leader.provider.whenSynced()
  const follower = opened(over, server, { shared, headers })
  await follower.provider.whenSynced()
  expect([leader.provider.tabs, follower.provider.tabs]).toEqual([
    { count: 2, leading: true },
    { count: 2, leading: false },
  ])
  return { server, leader, follower, open: () => opened(over, server, { shared, headers }) }
}

describe('What the leader is told of the edits of another tab', () => {
  test('[too-large] the other tab is told as well, and goes on typing past it', async () => {
    const { server, follower, leader } = await twoTabs({ limits: { bodyBytes: 20_000 } })
    const { clientID } = follower.doc
    follower.doc.getArray('list').insert(0, [new Uint8Array(50_000)])
    await until(follower, () => follower.told.length > 0)
    expect(follower.told).toMatchObject([['too-large', { ranges: [{ client: clientID }], fatal: false }]])
    expect(follower.told[0]?.[1].bytes).toBeGreaterThan(50_000)
    expect(follower.doc.clientID).not.toBe(clientID)
    follower.text.insert(0, 'later')
    await until(leader, () => leader.text.toString() === 'later')
    const isSaved = async () => (await readBack(over, server)).getText('text').toString() === 'later'
    while (!(await isSaved()));
    expect([follower.provider.unsaved?.why, leader.provider.unsaved?.why]).toEqual(['too-large', 'too-large'])
    follower.doc.getArray('list').delete(0, 1)
    await follower.provider.whenSaved()
    await leader.provider.whenSaved()
    expect(follower.requests).toEqual([])
  })

  test('[readonly] the other tab is read-only as well, also one that comes later, until it is not', async () => {
    const rights: { guest: Verdict } = { guest: 'allow' }
    const authorize: Authorize = ({ request }) =>
      request.headers.get('Authorization') === 'guest' ? rights.guest : 'allow'
    const { server, follower, leader, open } = await twoTabs({ authorize })
    rights.guest = 'read-only'
    follower.text.insert(0, 'mine')
    await until(follower, () => follower.provider.readOnly)
    expect([leader.provider.readOnly, follower.provider.unsaved?.why]).toEqual([true, 'read-only'])
    await until(follower, () => follower.errors.length > 0)
    expect(follower.errors).toMatchObject([{ condition: 'readonly' }])
    const third = open()
    await until(third, () => third.provider.readOnly)
    third.provider.destroy()
    rights.guest = 'allow'
    leader.provider.disconnect()
    await until(follower, () => follower.provider.tabs?.leading === true)
    await follower.provider.whenSaved()
    expect([follower.readonly, (await readBack(over, server)).getText('text').toString()]).toEqual([
      [true, false],
      'mine',
    ])
  })
})
