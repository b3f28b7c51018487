import { afterEach, describe, expect, test } from 'vitest'
import { realEnv } from '../../client/index.ts'
import { ErrorCode } from '../../protocol/index.ts'
import type { Authorize, Verdict } from '../../server/index.ts'
import { settled } from '../streams/world.ts'
import { Endings, opened, readBack, served, until } from './truth-world.ts'

const over = new Endings()
afterEach(() => over.run())

/** A server that lets everybody do everything, but the guest. */
const guarded = async () => {
  const rights: { guest: Verdict } = { guest: 'read-only' }
  const authorize: Authorize = ({ request }) =>
    request.headers.get('Authorization') === 'guest' ? rights.guest : 'allow'
  const server = await served(over, { authorize })
  const owner = opened(over, server)
  owner.text.insert(0, 'hers')
  await owner.provider.whenSaved()
  return { server, rights, owner }
}
const guestOf = (server: { url: string }, fetch?: typeof globalThis.fetch) =>
  opened(over, server, { headers: { Authorization: 'guest' }, ...(fetch && { fetch }) })
const textOf = async (server: { url: string }) => (await readBack(over, server)).getText('text').toString()

describe('A caller who may only read', () => {
  test('is told so with the first edit, once, and keeps what is typed', async () => {
    const { server, owner } = await guarded()
    const guest = guestOf(server)
    await guest.provider.whenSynced()
    expect([guest.provider.readOnly, guest.readonly]).toEqual([false, []])
    guest.text.insert(4, ' mine')
    await until(guest, () => guest.provider.readOnly)
    expect(guest.errors).toMatchObject([{ code: ErrorCode.readOnly, condition: 'readonly', fatal: false }])
    expect([guest.readonly, guest.told]).toEqual([[true], []])
    guest.text.insert(9, ' too')
    expect(guest.provider.unsaved).toMatchObject({ updates: 2, why: 'read-only' })
    owner.text.insert(0, 'all ')
    await until(guest, () => guest.text.toString() === 'all hers mine too')
    expect([guest.provider.status, guest.errors.length, guest.posts().length]).toEqual(['connected', 1, 1])
    expect(await textOf(server)).toBe('all hers')
  })

  test('stays so over connections, and is tried once in each', async () => {
    const { server } = await guarded()
    const guest = guestOf(server)
    guest.text.insert(0, 'mine')
    await until(guest, () => guest.provider.readOnly)
    guest.provider.disconnect()
    expect([guest.provider.readOnly, guest.provider.unsaved?.why]).toEqual([true, 'offline'])
    const before = guest.posts().length
    const tried = () => guest.posts().slice(before)
    void guest.provider.connect()
    await until(guest, () => guest.provider.status === 'connected')
    while (tried()[0]?.status !== 403) await new Promise(resolve => setImmediate(resolve))
    expect([guest.errors.length, guest.readonly, tried().length]).toEqual([1, [true], 1])
  })

  test('is tried again after five minutes on the same connection', async () => {
    const { server, rights } = await guarded()
    let end: () => void = () => undefined
    const guest = opened(over, server, {
      headers: { Authorization: 'guest' },
      sleep: (ms, signal) =>
        ms === 300_000
          ? new Promise(resolve => {
              end = resolve
            })
          : realEnv.sleep(ms, signal),
    })
    guest.text.insert(0, 'mine ')
    await until(guest, () => guest.errors.length > 0)
    await settled()
    end()
    while (guest.posts().length < 2) await settled()
    while (guest.posts()[1]?.status === 0) await settled()
    expect([guest.posts().length, guest.errors.length, guest.provider.readOnly]).toEqual([2, 1, true])
    rights.guest = 'allow'
    await settled()
    end()
    await guest.provider.whenSaved()
    expect(guest.readonly).toEqual([true, false])
    expect(await textOf(server)).toMatch(/mine/)
  })

  test('who may write again has everything sent with the next connection', async () => {
    const { server, rights } = await guarded()
    const guest = guestOf(server)
    await guest.provider.whenSynced()
    guest.text.insert(4, ' mine')
    await until(guest, () => guest.provider.readOnly)
    guest.text.insert(9, ' too')
    rights.guest = 'allow'
    guest.provider.disconnect()
    void guest.provider.connect()
    await guest.provider.whenSaved()
    expect([guest.readonly, guest.provider.readOnly]).toEqual([[true, false], false])
    expect(await textOf(server)).toBe('hers mine too')
  })
})

describe('Who may not come in', () => {
  test('[forbidden] is told, and can try again', async () => {
    const { server, rights } = await guarded()
    rights.guest = { verdict: 'deny', caller: 'guest' } as never
    const guest = guestOf(server)
    guest.text.insert(0, 'kept ')
    await expect(guest.provider.whenSynced()).rejects.toMatchObject({ condition: 'forbidden', fatal: true })
    expect(guest.told.map(([event]) => event)).toEqual(['forbidden'])
    expect(guest.provider.unsaved?.why).toBe('stopped')
    rights.guest = 'allow'
    void guest.provider.connect()
    await guest.provider.whenSynced()
    expect(guest.provider.unsaved).toBeUndefined()
  })
})
