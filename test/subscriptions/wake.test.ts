import { describe, expect, test } from 'vitest'
import { formatOffset } from '../../protocol/index.ts'
import type { Subscription, Wake } from '../../server/subscriptions/record.ts'
import {
  acknowledge,
  beginAttempt,
  type Credentials,
  claim,
  doneAtOnce,
  failAttempt,
  nextDue,
  release,
  retryDelay,
  settle,
  told,
} from '../../server/subscriptions/wake.ts'
import { linksOf, moment, start, subscriptionOf, tailsOf, webhookOf } from './states.ts'

const lease = 30_000
const wakeOf = ({ wake }: Subscription): Wake => {
  if (!wake) throw new Error('no wake is in flight')
  return wake
}
const issued = (found: Subscription, now = start) => settle(found, moment({ now, wakeId: 'w_1' }))
const claimed = (worker = 'one', now = start): Subscription => {
  const outcome = claim(subscriptionOf(), worker, moment({ now, wakeId: 'w_1' }))
  if (outcome.kind !== 'claimed') throw new Error(outcome.kind)
  return outcome.next
}
const of = (changes: Partial<Credentials> = {}): Credentials => ({
  tokenGeneration: 1,
  generation: 1,
  wakeId: 'w_1',
  ...changes,
})
const ackOf = (position: number) => ({ path: 'a', offset: formatOffset({ generation: 7, position }) })

describe('A wake', () => {
  test('[W1] [W2] is issued for pending work, with the next generation', () => {
    const first = issued(subscriptionOf({ generation: 4 }))
    expect(first).toMatchObject({ generation: 5, wake: { id: 'w_1', stream: 'a', told: false } })
  })

  test('[W1] is not issued without work, beside another one, or before its time', () => {
    const idle = subscriptionOf({ links: linksOf({ a: 10 }) })
    expect(settle(idle, moment())).toBe(idle)
    const busy = issued(subscriptionOf())
    expect(settle(busy, moment({ tails: tailsOf({ a: 99 }) }))).toBe(busy)
    const waiting = subscriptionOf({ nextAttemptAt: start + 1 })
    expect(settle(waiting, moment())).toBe(waiting)
    expect(settle(waiting, moment({ now: start + 1 })).generation).toBe(1)
  })

  test('[W3] of a webhook has a lease and the tails; of pull-wake neither', () => {
    expect(wakeOf(issued(webhookOf())).leaseUntil).toBe(start + lease)
    expect([...wakeOf(issued(webhookOf())).tails.values()]).toMatchObject([{ position: 10 }])
    expect(wakeOf(issued(subscriptionOf())).leaseUntil).toBeUndefined()
    expect(wakeOf(issued(subscriptionOf())).tails.size).toBe(0)
  })

  test('[W4] is over with its lease, and another one follows', () => {
    const first = issued(webhookOf())
    expect(settle(first, moment({ now: start + lease - 1 }))).toBe(first)
    const second = settle(first, moment({ now: start + lease }))
    expect(second).toMatchObject({ generation: 2, wake: { id: 'w_new', leaseUntil: start + 2 * lease } })
    expect(settle(first, moment({ now: start + lease, tails: tailsOf({}) })).wake).toBeUndefined()
  })

  test('[W4] that nobody claimed stays', () => {
    const first = issued(subscriptionOf())
    expect(settle(first, moment({ now: start + 1_000 * lease }))).toBe(first)
  })
})

describe('Telling the worker', () => {
  test('[W5] begins when it is due, and writes the next time down first', () => {
    const begun = beginAttempt(issued(webhookOf()), start, 5_000, 0.5)
    expect(begun?.nextAttemptAt).toBe(start + 5_000 + 1_000)
    expect(begun && beginAttempt(begun, start + 5_999, 5_000, 0.5)).toBeUndefined()
    expect(begun && beginAttempt(begun, start + 6_000, 5_000, 0.5)?.wake?.id).toBe('w_1')
  })

  test('[W5] has nothing to do without a wake, for one that was told, or after its lease', () => {
    expect(beginAttempt(webhookOf(), start, 5_000, 0.5)).toBeUndefined()
    expect(beginAttempt(told(issued(webhookOf()), 'w_1'), start, 5_000, 0.5)).toBeUndefined()
    expect(beginAttempt(issued(webhookOf()), start + lease, 5_000, 0.5)).toBeUndefined()
  })

  test('[W6] waits twice as long after each failure, up to a minute, a fifth more or less', () => {
    const delays = (random: number) => Array.from({ length: 9 }, (_, at) => retryDelay(at + 1, random))
    expect(delays(0.5)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000])
    expect(delays(0)).toEqual([800, 1_600, 3_200, 6_400, 12_800, 25_600, 48_000, 48_000, 48_000])
    expect(retryDelay(1, 0.999_999)).toBe(1_200)
    expect(retryDelay(2_000, 0.5)).toBe(60_000)
  })

  test('[W6] that failed is counted, and said', () => {
    const begun = beginAttempt(issued(webhookOf()), start, 5_000, 0.5) ?? webhookOf()
    const failed = failAttempt(begun, 'it answered 500', start + 100, 0.5)
    expect(failed).toMatchObject({ failures: 1, failure: 'it answered 500', nextAttemptAt: start + 1_100 })
    expect(failed && failAttempt(failed, 'again', start + 1_100, 0.5)).toMatchObject({
      failures: 2,
      nextAttemptAt: start + 3_100,
    })
  })

  test('[W6] that failed holds up the next wake as well', () => {
    const begun = beginAttempt(issued(webhookOf()), start, 5_000, 0.5) ?? webhookOf()
    const failed = failAttempt(begun, 'no', start + lease - 1, 0.5) ?? webhookOf()
    const over = settle(failed, moment({ now: start + lease }))
    expect(over.wake).toBeUndefined()
    expect(settle(over, moment({ now: start + lease + 999 }))).toMatchObject({ generation: 2 })
  })

  test('[W6] [W15] that failed does not count when the worker called back meanwhile', () => {
    const begun = beginAttempt(issued(webhookOf()), start, 5_000, 0.5) ?? webhookOf()
    for (const done of [false, true]) {
      const outcome = acknowledge(begun, of(), [ackOf(10)], done, moment())
      expect(outcome.kind === 'acked' && failAttempt(outcome.next, 'no', start, 0.5)).toBeUndefined()
      expect(outcome.kind).toBe('acked')
    }
  })

  test('[W7] that succeeded ends the count of failures; a result that comes late does the same', () => {
    const failing = { ...issued(webhookOf()), failures: 3, failure: 'no', nextAttemptAt: start + 9 }
    expect(told(failing, 'w_1')).toMatchObject({ failures: 0, nextAttemptAt: 0, wake: { told: true } })
    expect(told(failing, 'w_0')).toMatchObject({ failures: 0, nextAttemptAt: 0, wake: { told: false } })
    expect('failure' in told(failing, 'w_1')).toBe(false)
  })

  test('[W8] that is answered by "done" acknowledges what was told; what came meanwhile wakes again', () => {
    const first = issued(webhookOf())
    const done = doneAtOnce(first, 'w_1', moment())
    expect(done).toMatchObject({ generation: 1, failures: 0 })
    expect(done?.wake).toBeUndefined()
    expect(done?.links.get('a')?.at?.position).toBe(10)
    const again = doneAtOnce(first, 'w_1', moment({ tails: tailsOf({ a: 12 }) }))
    expect(again).toMatchObject({ generation: 2, wake: { id: 'w_new' } })
    expect(again?.links.get('a')?.at?.position).toBe(10)
  })

  test('[W8] does not acknowledge a wake that is over', () => {
    const first = issued(webhookOf())
    expect(doneAtOnce(first, 'w_0', moment())).toBeUndefined()
    expect(doneAtOnce(first, 'w_1', moment({ now: start + lease }))).toBeUndefined()
  })

  test('Its next time is that of the retry, of the lease, or none', () => {
    const tails = moment().tails
    expect(nextDue(subscriptionOf({ nextAttemptAt: 5 }), tails)).toBe(5)
    expect(nextDue(subscriptionOf({ links: linksOf({ a: 10 }) }), tails)).toBeUndefined()
    expect(nextDue({ ...issued(webhookOf()), nextAttemptAt: start + 7 }, tails)).toBe(start + 7)
    expect(nextDue(told(issued(webhookOf()), 'w_1'), tails)).toBe(start + lease)
    expect(nextDue(told(issued(subscriptionOf()), 'w_1'), tails)).toBeUndefined()
  })
})

describe('A claim', () => {
  test('[W9] takes the lease, which another worker is told of', () => {
    const held = claimed('one')
    expect(wakeOf(held)).toMatchObject({ holder: 'one', leaseUntil: start + lease, told: true })
    expect(claim(held, 'two', moment({ now: start + lease - 1 }))).toEqual({
      kind: 'alreadyClaimed',
      holder: 'one',
      generation: 1,
    })
  })

  test('[W9] [W4] after the lease is a wake of its own', () => {
    expect(claim(claimed('one'), 'two', moment({ now: start + lease }))).toMatchObject({
      kind: 'claimed',
      next: { generation: 2, wake: { id: 'w_new', holder: 'two' } },
    })
  })

  test('[W10] finds nothing without work, and takes back a wake that nobody held', () => {
    const none = claim(issued(subscriptionOf()), 'one', moment({ tails: tailsOf({}) }))
    expect(none).toMatchObject({ kind: 'noPendingWork', next: { generation: 1 } })
    expect(none.kind === 'noPendingWork' && none.next.wake).toBeUndefined()
    const idle = subscriptionOf({ links: linksOf({ a: 10 }), failures: 2, nextAttemptAt: start + 9 })
    expect(claim(idle, 'one', moment())).toEqual({ kind: 'noPendingWork', next: idle })
  })

  test('[W11] takes the wake in flight, or makes one', () => {
    expect(claim(issued(subscriptionOf()), 'one', moment())).toMatchObject({ wake: { id: 'w_1' } })
    const waiting = subscriptionOf({ nextAttemptAt: start + 60_000, failures: 7 })
    expect(claim(waiting, 'one', moment())).toMatchObject({ wake: { id: 'w_new' }, next: { failures: 0 } })
  })
})

describe('A request of a worker', () => {
  test.each<[string, Partial<Credentials>]>([
    ['another wake', { wakeId: 'w_0' }],
    ['an earlier generation', { generation: 0 }],
    ['a later generation', { generation: 2 }],
    ['a token of an earlier wake', { tokenGeneration: 0 }],
  ])('[W12] of %s is fenced', (_, changes) => {
    expect(acknowledge(claimed(), of(changes), [], true, moment())).toEqual({ kind: 'fenced' })
    expect(release(claimed(), of(changes), moment())).toBeUndefined()
  })

  test('[W12] after the end of its lease is fenced', () => {
    const last = moment({ now: start + lease - 1 })
    const late = moment({ now: start + lease })
    expect(acknowledge(claimed(), of(), [], true, last).kind).toBe('acked')
    expect(acknowledge(claimed(), of(), [], true, late)).toEqual({ kind: 'fenced' })
    expect(release(claimed(), of(), late)).toBeUndefined()
  })

  test('[W12] without a wake, or for one that nobody claimed, is fenced', () => {
    expect(acknowledge(subscriptionOf({ generation: 1 }), of(), [], true, moment())).toEqual({
      kind: 'fenced',
    })
    expect(acknowledge(issued(subscriptionOf()), of(), [], true, moment())).toEqual({ kind: 'fenced' })
  })

  test('[W13] [W15] that is not done extends the lease, and proves that it was told', () => {
    const later = moment({ now: start + 20_000 })
    const outcome = acknowledge(issued(webhookOf()), of(), [ackOf(5)], false, later)
    expect(outcome).toMatchObject({
      kind: 'acked',
      nextWake: false,
      next: { generation: 1, wake: { id: 'w_1', told: true, leaseUntil: start + 20_000 + lease } },
    })
    expect(outcome.kind === 'acked' && outcome.next.links.get('a')?.at?.position).toBe(5)
  })

  test('[W14] that is done ends the lease', () => {
    const outcome = acknowledge(claimed(), of(), [ackOf(10)], true, moment())
    expect(outcome).toMatchObject({ kind: 'acked', nextWake: false, next: { generation: 1 } })
    expect(outcome.kind === 'acked' && outcome.next.wake).toBeUndefined()
  })

  test('[W14] that is done and leaves work is followed by the next wake', () => {
    expect(acknowledge(claimed(), of(), [ackOf(5)], true, moment())).toMatchObject({
      nextWake: true,
      next: { generation: 2, wake: { id: 'w_new', told: false } },
    })
    expect(acknowledge(claimed(), of(), [], true, moment())).toMatchObject({ nextWake: true })
  })

  test('A bad acknowledgement changes nothing', () => {
    expect(acknowledge(claimed(), of(), [ackOf(11)], true, moment())).toMatchObject({ kind: 'badAck' })
  })

  test('[W16] that gives the lease back leaves the work to the next wake', () => {
    const released = release(claimed(), of(), moment())
    expect(released).toMatchObject({ generation: 2, wake: { told: false } })
    expect(released?.links.get('a')?.at?.position).toBe(0)
    expect(release(claimed(), of(), moment({ tails: tailsOf({ a: 0 }) }))?.wake).toBeUndefined()
  })
})
