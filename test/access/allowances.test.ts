import type { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { originOf } from '../../server/access/address.ts'
import { allowanceKey } from '../../server/access/allowances.ts'
import { Buckets } from '../../server/access/buckets.ts'
import { connectionCounter } from '../../server/access/connections.ts'
import { Seats } from '../../server/access/seats.ts'
import { FakeWorld } from '../streams/world.ts'

const opened = (perSecond: number, most = 10) => {
  const world = new FakeWorld()
  return { world, buckets: new Buckets({ perSecond, most, world }) }
}
const times = (count: number, task: () => number): number[] => Array.from({ length: count }, task)

describe('A bucket', () => {
  test('[B1] gives a second’s worth at once, then as much as it gains', () => {
    const { world, buckets } = opened(3)
    const take = () => buckets.take('a', 1)
    expect(times(4, take)).toEqual([0, 0, 0, 334])
    world.time += 333
    expect(take()).toBe(1)
    world.time += 1
    expect(times(2, take)).toEqual([0, 333])
    world.time += 60_000
    expect(times(4, take)).toEqual([0, 0, 0, 334])
  })

  test('[B1] is nobody else’s', () => {
    const { buckets } = opened(1)
    expect([buckets.take('a', 1), buckets.take('b', 1)]).toEqual([0, 0])
    expect(buckets.take('a', 1)).toBe(1_000)
  })

  test('[B2] gives more than it holds when it is full, and is owed the rest', () => {
    const { world, buckets } = opened(100)
    expect(buckets.take('a', 250)).toBe(0)
    expect(buckets.take('a', 1)).toBe(1_510)
    world.time += 1_510
    expect(times(2, () => buckets.take('a', 1))).toEqual([0, 10])
    expect(buckets.take('a', 1_000)).toBe(1_000)
  })

  test('[B2] is owed no more than is gained in a minute', () => {
    const { buckets } = opened(100)
    buckets.spend('a', 1_000_000)
    expect(buckets.take('a', 1)).toBe(60_010)
  })

  test('[B3] takes nothing for what it refuses', () => {
    const { world, buckets } = opened(1)
    buckets.take('a', 1)
    for (let at = 0; at < 100; at++) expect(buckets.take('a', 1)).toBe(1_000)
    world.time += 1_000
    expect(buckets.take('a', 1)).toBe(0)
  })

  test.each([3_600_000, -3_600_000])(
    'gains by the time that passes, though the clock is set by %d ms',
    skewMs => {
      const { world, buckets } = opened(1)
      buckets.take('a', 1)
      world.skewMs = skewMs
      expect(buckets.take('a', 1)).toBe(1_000)
      world.time += 1_000
      expect(buckets.take('a', 1)).toBe(0)
    },
  )

  test('that was longest unused is forgotten when there are too many', () => {
    const { buckets } = opened(1, 2)
    for (const key of ['a', 'b', 'c']) buckets.take(key, 1)
    expect(buckets.take('c', 1)).toBe(1_000)
    expect(buckets.take('b', 1)).toBe(1_000)
    expect(buckets.take('a', 1)).toBe(0)
  })
})

test('Seats are so many at a time for each key, and none is left twice', () => {
  const seats = new Seats(2)
  const first = seats.take('a')
  const second = seats.take('a')
  expect([typeof first, typeof second, seats.take('a')]).toEqual(['function', 'function', undefined])
  expect(seats.take('b')).toBeDefined()
  first?.()
  first?.()
  expect(seats.take('a')).toBeDefined()
  expect(seats.take('a')).toBeUndefined()
  second?.()
  expect(seats.taken).toBe(2)
})

test('A caller cannot be named like an address, and a long name takes no more room than a short one', () => {
  expect(allowanceKey('192.0.2.1', '')).not.toBe(allowanceKey(undefined, '192.0.2.1'))
  expect(allowanceKey('x'.repeat(16_000), '').length).toBeLessThan(80)
  expect(allowanceKey('x'.repeat(16_000), '')).not.toBe(allowanceKey('x'.repeat(16_001), ''))
})

describe('A request comes from', () => {
  test.each([
    ['the peer', '192.0.2.1', undefined, 0, '192.0.2.1'],
    ['the peer, whatever it claims', '192.0.2.1', '198.51.100.7', 0, '192.0.2.1'],
    ['an IPv4 address inside IPv6', '::ffff:192.0.2.1', undefined, 0, '192.0.2.1'],
    ['a network of IPv6', '2001:db8:1:2:3:4:5:6', undefined, 0, '2001:db8:1:2::'],
    ['whom the one proxy saw', '10.0.0.1', '198.51.100.7', 1, '198.51.100.7'],
    ['whom the one proxy saw, whatever was claimed', '10.0.0.1', '1.2.3.4, 198.51.100.7', 1, '198.51.100.7'],
    ['whom the outer of two saw', '10.0.0.1', '1.2.3.4, 198.51.100.7,10.0.0.2', 2, '198.51.100.7'],
    ['the best that is known when fewer spoke', '10.0.0.1', '198.51.100.7', 3, '198.51.100.7'],
    ['the peer when no proxy spoke', '10.0.0.1', undefined, 1, '10.0.0.1'],
    ['the peer when a proxy said nonsense', '10.0.0.1', 'unknown', 1, '10.0.0.1'],
    ['the peer when there is nothing in it', '10.0.0.1', ' , ', 1, '10.0.0.1'],
    ['nowhere when there is no peer', undefined, undefined, 0, 'unknown'],
  ])('%s', (_, peer, forwarded, hops, address) => expect(originOf(peer, forwarded, hops)).toBe(address))
})

test('Connections are counted by address, and not behind proxies', () => {
  const left: (() => void)[] = []
  const from = (remoteAddress: string) =>
    ({ remoteAddress, once: (_: string, leave: () => void) => left.push(leave) }) as unknown as Socket
  const mayStay = connectionCounter({ connectionsPerAddress: 2 }, 0)
  expect(['192.0.2.1', '::ffff:192.0.2.1', '192.0.2.1', '192.0.2.2'].map(from).map(mayStay)).toEqual([
    true,
    true,
    false,
    true,
  ])
  left[0]?.()
  expect(mayStay(from('192.0.2.1'))).toBe(true)
  const behind = connectionCounter({ connectionsPerAddress: 1 }, 1)
  expect(['10.0.0.1', '10.0.0.1'].map(from).map(behind)).toEqual([true, true])
})
