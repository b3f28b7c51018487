import { afterEach, describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/index.ts'
import type { Authorize } from '../../server/index.ts'
import { Endings, opened, served, until } from './truth-world.ts'

const over = new Endings()
afterEach(() => over.run())

/** A server that takes one token, and a provider that has one. */
const guarded = async () => {
  const now = { taken: 'one', given: 'one' }
  const authorize: Authorize = ({ request }) =>
    request.headers.get('Authorization') === now.taken ? 'allow' : 'deny'
  const server = await served(over, { authorize, limits: { recheckMs: 50 } })
  const asked: boolean[] = []
  const ada = opened(over, server, {
    headers: ({ refused }) => {
      asked.push(refused)
      return { Authorization: now.given }
    },
  })
  await ada.provider.whenSynced()
  return { ...ada, now, server, asked }
}

describe('[unauthorized] A token that ends', () => {
  test('and has no successor is asked for once more, then told, and nothing is lost', async () => {
    const ada = await guarded()
    ada.now.taken = 'two'
    ada.text.insert(0, 'kept')
    await until(ada, () => ada.told.length > 0)
    const [[event, error] = []] = ada.told
    expect([event, error?.code, error?.fatal]).toEqual(['unauthorized', ErrorCode.unauthorized, true])
    expect([ada.provider.status, ada.provider.unsaved?.why]).toEqual(['disconnected', 'stopped'])
    // Each of what was under way asked once more, and shared the answer.
    expect(ada.asked.filter(Boolean).length).toBeGreaterThan(0)
    expect(ada.asked.filter(Boolean).length).toBeLessThanOrEqual(2)
  })

  test('is mended by `connect()` once there is another: everything is saved', async () => {
    const ada = await guarded()
    ada.now.taken = 'two'
    ada.text.insert(0, 'kept')
    await until(ada, () => ada.told.length > 0)
    const before = ada.requests.length
    expect(ada.requests.slice(before)).toEqual([])
    ada.now.given = 'two'
    void ada.provider.connect()
    await ada.provider.whenSaved()
    expect(ada.told.length).toBe(1)
    expect(ada.text.toString()).toBe('kept')
  })
})
