import { describe, expect, test } from 'vitest'
import { formatOffset, LinkType, Sentinel } from '../../protocol/index.ts'
import { offsetAt } from '../../server/rules/parts.ts'
import { Glob } from '../../server/subscriptions/glob.ts'
import {
  type AckOutcome,
  ackTold,
  applyAcks,
  describeLink,
  describeTold,
  firstPending,
  listed,
  tailOf,
} from '../../server/subscriptions/links.ts'
import { addExplicit, atTails, joinFound, removeExplicit } from '../../server/subscriptions/membership.ts'
import { cursorAt, type Link } from '../../server/subscriptions/record.ts'
import { forkOf, streamState } from '../rules/states.ts'
import { linkAt, linksOf, tailsOf } from './states.ts'

const token = (position: number, generation = 7) => formatOffset({ generation, position })

describe('Pending work', () => {
  test('[N2] is where the tail lies past the cursor', () => {
    expect(firstPending(linksOf({ a: 10, b: 9 }), tailsOf({ a: 10, b: 10 }))).toBe('b')
    expect(firstPending(linksOf({ a: 10, b: 9 }), tailsOf({ a: 10, b: 9 }))).toBeUndefined()
    expect(firstPending(linksOf({ a: 1 }), tailsOf({}))).toBeUndefined()
  })

  test('[N1] is all of a stream that was created anew, and nothing of an empty one', () => {
    const links = linksOf({ a: 10 })
    expect(firstPending(links, tailsOf({ a: { generation: 8, tail: 1 } }))).toBe('a')
    expect(firstPending(links, tailsOf({ a: { generation: 8, tail: 0 } }))).toBeUndefined()
    expect(describeLink('a', linkAt(10), 8).acked_offset).toBe(Sentinel.start)
    expect(describeLink('a', linkAt(10), 7).acked_offset).toBe(token(10))
    expect(describeLink('a', linkAt(10), undefined).acked_offset).toBe(token(10))
  })

  test('[N2] is told with both offsets, and whether there is any', () => {
    const links = new Map([
      ['a', linkAt(4, { explicit: true })],
      ['b', linkAt(10)],
    ])
    expect(describeTold(links, listed(links, tailsOf({ a: 10, b: 10 }), 10_000))).toEqual([
      {
        path: 'a',
        link_type: LinkType.explicit,
        acked_offset: token(4),
        tail_offset: token(10),
        has_pending: true,
      },
      {
        path: 'b',
        link_type: LinkType.glob,
        acked_offset: token(10),
        tail_offset: token(10),
        has_pending: false,
      },
    ])
  })

  test('[N3] comes before streams without any, as far as the room reaches', () => {
    const links = linksOf({ a: 10, b: 0, c: 0, d: 0 })
    const tails = tailsOf({ a: 10, b: 10, c: 10, d: 10 })
    expect([...listed(links, tails, 10_000).keys()]).toEqual(['b', 'c', 'd', 'a'])
    expect([...listed(links, tails, 2 * 193).keys()]).toEqual(['b', 'c'])
    expect([...listed(links, tails, 2 * 193 - 1).keys()]).toEqual(['b'])
  })

  test('[N3] never takes more room than it was given', () => {
    const paths = Array.from({ length: 200 }, (_, at) => `${'"é\u{1f600}'.repeat(at % 30)}${at}`)
    const links = linksOf(Object.fromEntries(paths.map(path => [path, 0])))
    const tails = tailsOf(Object.fromEntries(paths.map(path => [path, 10])))
    for (const bytes of [1_000, 5_000, 20_000]) {
      const told = describeTold(links, listed(links, tails, bytes))
      expect(Buffer.byteLength(JSON.stringify(told))).toBeLessThanOrEqual(bytes)
      expect(told.length).toBeGreaterThan(0)
    }
  })
})

describe('An acknowledgement', () => {
  const links = linksOf({ a: 4, b: 4 })
  const tails = tailsOf({ a: 10, b: 10 })
  const acked = (...acks: [string, string][]): AckOutcome =>
    applyAcks(
      links,
      tails,
      acks.map(([path, offset]) => ({ path, offset })),
    )
  const positions = (outcome: AckOutcome) =>
    outcome.kind === 'acked' && [...outcome.links].map(([path, { at }]) => [path, at?.position])

  test('[N5] moves the cursor, at most to the tail, and not at all when repeated', () => {
    expect(positions(acked(['b', token(10)]))).toEqual([
      ['a', 4],
      ['b', 10],
    ])
    expect(positions(acked(['b', token(4)]))).toEqual([
      ['a', 4],
      ['b', 4],
    ])
    expect(acked(['b', token(11)])).toMatchObject({ kind: 'badAck', path: 'b', malformed: false })
    expect(acked(['b', token(3)])).toMatchObject({ kind: 'badAck', path: 'b', malformed: false })
  })

  test('[N4] names a stream of the subscription that is there, in its present life', () => {
    expect(acked(['c', token(10)])).toMatchObject({ kind: 'badAck', path: 'c' })
    expect(acked(['a', token(10, 6)])).toMatchObject({ kind: 'badAck', malformed: false })
    expect(acked(['a', token(10, 8)])).toMatchObject({ kind: 'badAck', malformed: false })
    expect(applyAcks(links, tailsOf({}), [{ path: 'a', offset: token(4) }])).toMatchObject({ kind: 'badAck' })
  })

  test('[N4] that was never an offset is malformed', () => {
    expect(acked(['a', 'what'])).toMatchObject({ kind: 'badAck', malformed: true })
  })

  test('[N6] is no sentinel', () => {
    expect(acked(['a', Sentinel.start])).toMatchObject({ kind: 'badAck' })
    expect(acked(['a', Sentinel.tail])).toMatchObject({ kind: 'badAck' })
  })

  test('[N4] that is wrong leaves the others undone', () => {
    expect(acked(['a', token(10)], ['b', token(11)])).toMatchObject({ kind: 'badAck', path: 'b' })
  })

  test('[N7] puts its stream behind the others', () => {
    expect(positions(acked(['a', token(10)]))).toEqual([
      ['b', 4],
      ['a', 10],
    ])
  })

  test('[N4] of a fork may be a token of its source', () => {
    const source = streamState({ generation: 7, tail: 10 })
    const fork = forkOf(source, 6, { generation: 9, tail: 20 })
    const outcome = applyAcks(new Map([['f', { explicit: false }]]), new Map([['f', fork]]), [
      { path: 'f', offset: offsetAt(fork, 6) },
    ])
    expect(offsetAt(fork, 6)).toBe(token(6, 7))
    expect(outcome.kind === 'acked' && outcome.links.get('f')?.at).toEqual(cursorAt(fork, 6))
    expect(
      outcome.kind === 'acked' && describeLink('f', outcome.links.get('f') ?? linkAt(), 9).acked_offset,
    ).toBe(token(6, 7))
  })
})

describe('Being done', () => {
  const positions = (links: ReadonlyMap<string, Link>) =>
    [...links].map(([path, { at }]) => [path, at?.position])
  const told = (position: number, generation = 7) =>
    new Map([['a', tailOf(streamState({ generation, tail: position }))]])

  test('[N8] acknowledges what was told, and nothing else', () => {
    expect(positions(ackTold(linksOf({ a: 4, b: 4 }), told(9)))).toEqual([
      ['b', 4],
      ['a', 9],
    ])
  })

  test('[N8] takes nothing back, also of a later life', () => {
    expect(positions(ackTold(linksOf({ a: 9 }), told(4)))).toEqual([['a', 9]])
    expect(positions(ackTold(linksOf({ a: 9 }), told(12, 6)))).toEqual([['a', 9]])
    expect(positions(ackTold(linksOf({ a: 9 }), told(2, 8)))).toEqual([['a', 2]])
  })

  test('[N8] passes over a stream that was taken out meanwhile', () => {
    expect(positions(ackTold(linksOf({ b: 4 }), told(9)))).toEqual([['b', 4]])
  })
})

describe('Membership', () => {
  const tails = tailsOf({ a: 10, b: 5 })

  test('[N9] a stream asked for by name begins at its tail, or at its beginning when it is not there', () => {
    expect([...addExplicit(new Map(), ['a', 'x'], tails)]).toEqual([
      ['a', linkAt(10, { explicit: true })],
      ['x', { explicit: true }],
    ])
  })

  test('[N10] one that is linked already keeps its cursor', () => {
    expect([...addExplicit(linksOf({ a: 3 }), ['a'], tails)]).toEqual([['a', linkAt(3, { explicit: true })]])
    const twice = addExplicit(addExplicit(new Map(), ['a'], tails), ['a'], tailsOf({ a: 99 }))
    expect([...twice]).toEqual([['a', linkAt(10, { explicit: true })]])
  })

  test('[N11] taken out by name it stays when the pattern covers it', () => {
    const links = new Map([['a', linkAt(3, { explicit: true })]])
    expect([...removeExplicit(links, 'a', undefined)]).toEqual([])
    expect([...removeExplicit(links, 'a', new Glob('b'))]).toEqual([])
    expect([...removeExplicit(links, 'a', new Glob('*'))]).toEqual([['a', linkAt(3)]])
    expect(removeExplicit(linksOf({ a: 3 }), 'a', new Glob('*'))).toEqual(linksOf({ a: 3 }))
    expect(removeExplicit(links, 'x', undefined)).toBe(links)
  })

  test('[N15] what the pattern covers at first begins at its tail', () => {
    expect([...atTails(['a', 'b', 'x'], tails)]).toEqual([
      ['a', linkAt(10)],
      ['b', linkAt(5)],
    ])
  })

  test('[N12] what is found later begins before its first byte', () => {
    expect([...joinFound(linksOf({ a: 3 }), ['a', 'b'], tails, 10).links]).toEqual([
      ['a', linkAt(3)],
      ['b', { explicit: false }],
    ])
  })

  test('[N13] what is gone is forgotten if it was looked for, and was not asked for by name', () => {
    const links = new Map([
      ['a', linkAt(3)],
      ['x', linkAt(3)],
      ['y', linkAt(3, { explicit: true })],
      ['z', linkAt(3)],
    ])
    expect([...joinFound(links, ['a', 'x', 'y'], tails, 10).links.keys()]).toEqual(['a', 'y', 'z'])
  })

  test('[N12] [N13] nothing found is nothing changed', () => {
    const links = linksOf({ a: 3 })
    expect(joinFound(links, ['a', 'q'], tails, 10)).toEqual({ links, left: 0 })
    expect(joinFound(links, ['a', 'q'], tails, 10).links).toBe(links)
  })

  test.each([
    [1, ['a'], 1],
    [2, ['a', 'b'], 0],
    [3, ['a', 'b'], 0],
  ])('[N14] of two streams %i fit', (most, expected, left) => {
    const joined = joinFound(linksOf({ a: 3 }), ['b'], tails, most)
    expect([...joined.links.keys()]).toEqual(expected)
    expect(joined.left).toBe(left)
  })
})
