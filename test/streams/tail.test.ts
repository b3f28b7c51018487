import { describe, expect, test } from 'vitest'
import { ContentType } from '../../protocol/index.ts'
import type { StreamState } from '../../server/rules/state.ts'
import { Batch } from '../../server/streams/batch.ts'
import { Tail, Tails } from '../../server/streams/tail.ts'
import { Notebook, utf8 } from './fixture.ts'

const state = (tail: number, closed = false, generation = 1): StreamState => ({
  generation,
  start: 0,
  tail,
  closed,
  refs: 0,
  deleted: false,
  config: { contentType: ContentType.binary },
})

const batch = (from: number, body: string, closed = false, generation = 1): Batch =>
  new Batch(state(from + body.length, closed, generation), {
    from,
    to: from + body.length,
    upToDate: true,
    closed,
    records: body === '' ? [] : [utf8(body)],
  })

const attached = (tail: Tail): Notebook => {
  const reader = new Notebook()
  tail.attach(reader)
  return reader
}

describe('A tail', () => {
  test('hands the same batch to everybody who waits', () => {
    const tail = new Tail()
    tail.settle(state(3), false)
    const readers = [attached(tail), attached(tail)]
    const published = batch(3, 'abc')
    tail.publish(published)
    for (const reader of readers) expect(reader.batches).toEqual([published])
    expect(readers[0]?.batches[0]).toBe(readers[1]?.batches[0])
    expect(tail.position).toBe(6)
  })

  test('hands nothing to one who left, or who came later', () => {
    const tail = new Tail()
    const early = attached(tail)
    tail.detach(early)
    tail.publish(batch(0, 'a'))
    const late = attached(tail)
    expect([early.batches, late.batches]).toEqual([[], []])
  })

  test('tells those who wait when somebody saw more in the store than was published', () => {
    const tail = new Tail()
    tail.settle(state(0), false)
    const reader = attached(tail)
    tail.settle(state(0), false)
    expect(reader.behinds).toBe(0)
    tail.settle(state(5), false)
    expect(reader.behinds).toBe(1)
    tail.publish(batch(0, 'abcde'))
    expect(reader.batches).toEqual([])
    tail.settle(state(5, true), false)
    expect(reader.behinds).toBe(2)
    expect(tail.closed).toBe(true)
  })

  test('leaves it to the commit under way to bring what was seen of it too early', () => {
    const tail = new Tail()
    tail.settle(state(0), false)
    const reader = attached(tail)
    expect(tail.settle(state(5), true)).toBe(true)
    expect([reader.behinds, tail.position]).toEqual([0, 0])
    const published = batch(0, 'abcde')
    tail.publish(published)
    expect(reader.batches).toEqual([published])
  })

  test('is not moved back by a load that was slow', () => {
    const tail = new Tail()
    tail.publish(batch(0, 'abcde', true))
    tail.settle(state(2, false), false)
    expect([tail.position, tail.closed]).toEqual([5, true])
  })

  test('ignores a batch that is older than what it knows', () => {
    const tail = new Tail()
    tail.settle(state(5, true), false)
    const reader = attached(tail)
    tail.publish(batch(2, 'abc'))
    tail.publish(batch(1, 'abc'))
    expect(reader.batches).toEqual([])
    expect(tail.closed).toBe(true)
  })

  test('delivers the last batch before it says that nothing follows, and only once', () => {
    const tail = new Tail()
    const told: string[] = []
    tail.attach({
      deliver: ({ closed }) => told.push(`batch, closed ${closed}`),
      behind: () => told.push('behind'),
      end: reason => told.push(reason),
    })
    tail.publish(batch(0, 'a', true))
    tail.publish(batch(0, 'a', true))
    expect(told).toEqual(['batch, closed true', 'closed'])
  })

  test('closed without a last batch still says so', () => {
    const tail = new Tail()
    tail.settle(state(4), false)
    const reader = attached(tail)
    tail.publish(batch(4, '', true))
    expect(reader.batches.map(({ closed }) => closed)).toEqual([true])
    expect(reader.ends).toEqual(['closed'])
  })

  test('once ended lets everybody go, also who comes later, with the first reason', () => {
    const tail = new Tail()
    const early = attached(tail)
    tail.end('gone')
    tail.end('draining')
    expect([early.ends, attached(tail).ends, tail.ended]).toEqual([['gone'], ['gone'], 'gone'])
  })

  test('delivers to each reader once when one of them leaves and comes back meanwhile', () => {
    const tail = new Tail()
    let deliveries = 0
    const restless = {
      deliver: () => {
        if (++deliveries > 10) return
        tail.detach(restless)
        tail.attach(restless)
      },
      behind: () => undefined,
      end: () => undefined,
    }
    tail.attach(restless)
    tail.publish(batch(0, 'a'))
    expect(deliveries).toBe(1)
  })

  test('of an earlier life of the stream ends when a later one shows itself', () => {
    for (const show of [
      (tail: Tail) => expect(tail.settle(state(0, false, 2), false)).toBe(false),
      (tail: Tail) => tail.publish(batch(0, 'a', false, 2)),
    ]) {
      const tail = new Tail()
      tail.settle(state(5, false, 1), false)
      const reader = attached(tail)
      show(tail)
      expect([reader.ends, reader.batches, tail.position]).toEqual([['gone'], [], 5])
    }
  })

  test('takes no notice of an earlier life of the stream', () => {
    const tail = new Tail()
    tail.settle(state(5, false, 2), false)
    const reader = attached(tail)
    expect(tail.settle(state(9, true, 1), false)).toBe(false)
    tail.publish(batch(0, 'abcdefgh', true, 1))
    expect([reader.ends, reader.batches, reader.behinds, tail.position]).toEqual([[], [], 0, 5])
  })
})

describe('The tails of a process', () => {
  test('are shared while somebody holds them and forgotten with the last one', () => {
    const tails = new Tails()
    const holds = [tails.hold('a'), tails.hold('a')]
    expect(holds[0]?.tail).toBe(holds[1]?.tail)
    expect(tails.holders('a')).toBe(2)
    holds[0]?.release()
    holds[0]?.release()
    expect(tails.holders('a')).toBe(1)
    holds[1]?.release()
    expect(tails.holders('a')).toBe(0)
    expect(tails.hold('a').tail).not.toBe(holds[0]?.tail)
  })

  test('of a stream that is gone end, and the next of that name is another, whoever still holds the old one', () => {
    const tails = new Tails()
    const old = tails.hold('a')
    const reader = attached(old.tail)
    tails.forget('a')
    expect(reader.ends).toEqual(['gone'])
    const fresh = tails.hold('a')
    old.release()
    expect(tails.holders('a')).toBe(1)
    tails.publish('a', batch(0, 'x'))
    expect(fresh.tail.position).toBe(1)
    expect(reader.batches).toEqual([])
  })

  test('of a later life replace one that ended by itself', () => {
    const tails = new Tails()
    const old = tails.hold('a')
    old.tail.settle(state(5, false, 1), false)
    old.tail.settle(state(0, false, 2), false)
    const fresh = tails.hold('a')
    expect(fresh.tail.settle(state(0, false, 2), false)).toBe(true)
    expect(fresh.tail).not.toBe(old.tail)
  })

  test('when draining let everybody go, and everybody who comes', () => {
    const tails = new Tails()
    const readers = ['a', 'b'].map(one => attached(tails.hold(one).tail))
    tails.drain()
    readers.push(attached(tails.hold('a').tail), attached(tails.hold('c').tail))
    expect(readers.map(({ ends }) => ends)).toEqual([['draining'], ['draining'], ['draining'], ['draining']])
  })

  test('take no notice of what nobody holds', () => {
    const tails = new Tails()
    tails.publish('a', batch(0, 'x'))
    tails.forget('a')
    expect(tails.holders('a')).toBe(0)
    expect(tails.hold('a').tail.position).toBe(0)
  })
})
