import { describe, expect, test } from 'vitest'
import { PageLocks } from '../../provider/turns/page-locks.ts'
import { firstSlot, holdSlot, isAwaited } from '../../provider/turns/slot.ts'

const never = new AbortController().signal

describe('locks of a page', () => {
  test('[PL1] are held by one at a time, in the order they were asked for', async () => {
    const locks = new PageLocks()
    const order: number[] = []
    const first = await holdSlot(locks, 'a', { signal: never })
    const rest = [1, 2, 3].map(async at => {
      const slot = await holdSlot(locks, 'a', { signal: never })
      order.push(at)
      slot.release()
    })
    await Promise.resolve()
    expect(order).toEqual([])
    first.release()
    await Promise.all(rest)
    expect(order).toEqual([1, 2, 3])
  })

  test('[PL2] of different names do not wait for each other', async () => {
    const locks = new PageLocks()
    const [a, b] = await Promise.all(['a', 'b'].map(name => holdSlot(locks, name, { signal: never })))
    expect([a?.name, b?.name]).toEqual(['a', 'b'])
  })

  test('[PL3] are not waited for any more by who gave up, before or after asking', async () => {
    const locks = new PageLocks()
    const held = await holdSlot(locks, 'a', { signal: never })
    const leaving = new AbortController()
    const left = holdSlot(locks, 'a', { signal: leaving.signal })
    const next = holdSlot(locks, 'a', { signal: never })
    leaving.abort()
    await expect(left).rejects.toThrow('not asked for any more')
    await expect(holdSlot(locks, 'a', { signal: leaving.signal })).rejects.toThrow('not asked for any more')
    held.release()
    expect((await next).name).toBe('a')
  })

  test('[PL4] stay with who has them when the wish is withdrawn too late', async () => {
    const locks = new PageLocks()
    const late = new AbortController()
    const held = await holdSlot(locks, 'a', { signal: late.signal })
    late.abort()
    await Promise.resolve()
    expect(held.lost.aborted).toBe(false)
    expect(await isAwaited(locks, ['a'])).toBe(false)
  })

  test('[PL5] can be taken by force: the holder is told, the line stays, and a late release takes nothing away', async () => {
    const locks = new PageLocks()
    const held = await holdSlot(locks, 'a', { signal: never })
    const waiting = holdSlot(locks, 'a', { signal: never })
    const thief = await holdSlot(locks, 'a', { steal: true })
    await new Promise<void>(resolve => {
      if (held.lost.aborted) resolve()
      held.lost.addEventListener('abort', () => resolve())
    })
    held.release()
    expect(await isAwaited(locks, ['a'])).toBe(true)
    thief.release()
    expect((await waiting).lost.aborted).toBe(false)
  })

  test('[PL6] the first of several is one, and the others are free again', async () => {
    const locks = new PageLocks()
    const names = ['a', 'b', 'c']
    const slot = await firstSlot(locks, names, never)
    expect(slot?.name).toBe('a')
    const others = await Promise.all(['b', 'c'].map(name => holdSlot(locks, name, { signal: never })))
    const leaving = new AbortController()
    const none = firstSlot(locks, names, leaving.signal)
    expect(await isAwaited(locks, names)).toBe(true)
    leaving.abort()
    expect(await none).toBeUndefined()
    expect(await isAwaited(locks, names)).toBe(false)
    const next = firstSlot(locks, names, never)
    others[1]?.release()
    expect((await next)?.name).toBe('c')
  })

  test('[PL7] that cannot say who waits are waited for', async () => {
    const locks = new PageLocks()
    expect(await isAwaited({ request: (...given) => locks.request(...given) }, ['a'])).toBe(true)
    const refusing = () => Promise.reject(new DOMException('no', 'InvalidStateError'))
    expect(await isAwaited({ request: (...given) => locks.request(...given), query: refusing }, ['a'])).toBe(
      true,
    )
    expect(await isAwaited(locks, ['a'])).toBe(false)
  })

  test('[PL8] a browser that gives no locks at all says why', async () => {
    const refuse = () => Promise.reject(new DOMException('no', 'SecurityError'))
    await expect(firstSlot({ request: refuse }, ['a', 'b'], never)).rejects.toThrow('no')
  })
})
