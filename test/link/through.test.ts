import { describe, expect, onTestFinished, test } from 'vitest'
import { DurableStream, type FollowOptions, type LinkState } from '../../client/index.ts'
import { limits } from '../../client/limits.ts'
import { phases } from '../client/follower.ts'
import { textOf } from '../client/replay.ts'
import { Between, type Middle } from './between.ts'

const url = 'http://server/v1/stream/s'

/** Follows by what gets through, until the test is over. */
const followed = (between: Between, options: FollowOptions = {}) => {
  const gone = new AbortController()
  const told: LinkState[] = []
  const heard = { text: '', failed: undefined as unknown }
  const stream = new DurableStream({ url, env: between.world, contentType: 'text/plain' })
  const run = async () => {
    for await (const { bytes } of stream.follow({
      signal: gone.signal,
      onLink: state => told.push(state),
      ...options,
    }))
      heard.text += textOf(bytes)
  }
  const done = run().catch(error => {
    heard.failed = error
  })
  const leave = async () => {
    gone.abort()
    await between.world.quiet()
    await done
  }
  onTestFinished(leave)
  return { heard, told, leave }
}

const open = (middle: Middle, afterMs = 5_000) => {
  const between = new Between()
  between.middle = middle
  between.afterMs = afterMs
  between.append('a')
  return between
}
const last = (between: Between) => between.ways.at(-1)
const distrusted = ({ world }: Between) => [...world.kept.keys()]

/** Appends are heard once, in order and soon. */
const isLive = async (between: Between, { heard }: { readonly heard: { text: string } }) => {
  const before = heard.text
  for (const text of ['x', 'y', 'z']) {
    between.append(text)
    await between.world.pass(100)
  }
  expect(heard.text).toBe(`${before}xyz`)
}

test('[F1] where event streams get through they are used, and nothing else is asked', async () => {
  const between = open('nothing')
  const follower = followed(between)
  await between.world.pass(200_000)
  expect(new Set(between.ways)).toEqual(new Set(['sse']))
  await isLive(between, follower)
  expect(distrusted(between)).toEqual([])
})

describe.each([
  ['holds the head', 10_000],
  ['holds the body', 10_000],
  ['answers 502', 10_000],
  ['answers a page', 10_000],
  ['forbids with a page', 10_000],
  ['answers plain text', 10_000],
  ['resets', 10_000],
  ['cuts', 40_000],
  ['ends', 40_000],
  ['holds what comes later', 100_000],
] as const)('[F2] a middle that %s', (middle, withinMs) => {
  test('is got through by long-poll within a while, which is remembered once it has shown that it works', async () => {
    const between = open(middle)
    const follower = followed(between)
    await between.world.pass(withinMs)
    expect(last(between)).toBe('long-poll')
    await isLive(between, follower)
    expect(follower.heard).toEqual({ text: 'axyz', failed: undefined })
    const asked = between.ways.length
    await between.world.pass(100_000)
    expect(new Set(between.ways.slice(asked))).toEqual(new Set(['long-poll']))
    expect(distrusted(between)).toEqual(['durable-streams-yjs:polls:http://server'])
  })

  test('makes nothing lost or read twice, whatever is appended whenever', async () => {
    const between = open(middle)
    const { heard } = followed(between)
    let expected = 'a'
    for (let index = 0; index < 200; index++) {
      const text = `<${index}>`
      expected += text
      between.append(text)
      await between.world.pass((index * 997) % 2_003)
    }
    await between.world.pass(100_000)
    expect(heard.text).toBe(expected)
  })

  test('that is taken away is noticed after ten minutes, beside the long-poll that goes on', async () => {
    const between = open(middle)
    const follower = followed(between)
    await between.world.pass(withinMs + 30_000)
    expect(last(between)).toBe('long-poll')
    between.middle = 'nothing'
    await between.world.pass(limits.rememberMs - 60_000)
    expect(last(between)).toBe('long-poll')
    follower.told.length = 0
    await between.world.pass(150_000)
    expect(follower.told.filter(({ phase }) => phase === 'waiting')).toEqual([])
    expect(last(between)).toBe('sse')
    await isLive(between, follower)
    expect(distrusted(between)).toEqual([])
  })

  test('that stays is looked at every ten minutes by one request, and edits do not wait meanwhile', async () => {
    const between = open(middle)
    const follower = followed(between)
    await between.world.pass(withinMs + 30_000)
    const asked = between.ways.length
    follower.told.length = 0
    for (let minute = 0; minute < 25; minute++) {
      await isLive(between, follower)
      await between.world.pass(60_000)
    }
    expect(between.ways.slice(asked).filter(way => way === 'sse').length).toBe(2)
    expect(follower.told).toEqual([])
  })
})

describe('[F3] what says nothing against event streams', () => {
  test.each([
    ['is away', 60_000],
    ['is slow', 60_000],
    ['is crowded', 60_000],
    ['cuts live reads', 100_000],
  ] as const)('a server that %s for a while, and then is as before', async (middle, forMs) => {
    const between = open('nothing')
    const follower = followed(between)
    await between.world.pass(1_000)
    between.middle = middle
    await between.world.pass(forMs)
    between.middle = 'nothing'
    await between.world.pass(100_000)
    expect(last(between)).toBe('sse')
    expect(distrusted(between)).toEqual([])
    await isLive(between, follower)
  })

  test('a server that comes and goes in the middle of every question', async () => {
    const between = open('nothing')
    const follower = followed(between)
    for (let turn = 0; turn < 40; turn++) {
      between.middle = turn % 2 === 0 ? 'is away' : 'nothing'
      await between.world.pass(300 + ((turn * 761) % 4_000))
    }
    await between.world.pass(60_000)
    expect(last(between)).toBe('sse')
    expect(distrusted(between)).toEqual([])
    await isLive(between, follower)
  })

  test('a network on which everything takes longer than an event stream is waited for', async () => {
    const between = open('is slow', limits.firstByteMs + 500)
    const { heard } = followed(between)
    await between.world.pass(20_000)
    expect(heard.text).toBe('a')
    expect(between.ways).toEqual(['sse', 'read'])
    await between.world.pass(200_000)
    expect(between.ways).not.toContain('long-poll')
    expect(distrusted(between)).toEqual([])
  })
})

test.each([
  [-1, false],
  [1, true],
])(
  '[F3] an event stream that comes %d ms after the time in which it must be slower than a plain read is overtaken: %s',
  async (beyondMs, isOvertaken) => {
    const between = open('delays the head', limits.firstByteMs + limits.graceMs + beyondMs)
    const { heard } = followed(between)
    await between.world.pass(20_000)
    expect(between.ways).toContain('read')
    expect(between.ways.includes('long-poll')).toBe(isOvertaken)
    expect(heard.text).toBe('a')
  },
)

test('[F9] the way to long-poll is told as a link that works and turns over, not as one that is lost', async () => {
  const between = open('holds the body')
  const { told } = followed(between)
  await between.world.pass(40_000)
  expect(phases(told)).toEqual(['connecting', 'open', 'caught up', 'turnover', 'open', 'caught up'])
})

test('[F4] two followers of one page share what one of them has learnt, and a new one after a reload begins with it', async () => {
  const between = open('holds the body')
  const first = followed(between)
  await between.world.pass(10_000)
  expect(last(between)).toBe('long-poll')
  const asked = between.ways.length
  const second = followed(between)
  await between.world.pass(1_000)
  expect(between.ways.slice(asked)).toEqual(['read', 'long-poll'])
  await first.leave()
  await second.leave()
  const later = between.ways.length
  const third = followed(between)
  await between.world.pass(1_000)
  expect(between.ways.slice(later)).toEqual(['read', 'long-poll'])
  await isLive(between, third)
})

test('[F5] of several followers one looks again, and all go back to event streams', async () => {
  const between = open('holds the body')
  const followers = [followed(between), followed(between), followed(between)]
  await between.world.pass(60_000)
  between.middle = 'nothing'
  const asked = between.ways.length
  await between.world.pass(limits.rememberMs + 5_000)
  expect(between.ways.slice(asked).filter(way => way === 'sse').length).toBe(1 + followers.length)
  expect(between.ways.slice(-3)).toEqual(['sse', 'sse', 'sse'])
  for (const follower of followers) await isLive(between, follower)
})

test('[F6] what was remembered for too long ago is tried anew at once by who begins', async () => {
  const between = open('holds the body')
  const first = followed(between)
  await between.world.pass(60_000)
  await first.leave()
  between.middle = 'nothing'
  await between.world.pass(limits.rememberMs)
  const asked = between.ways.length
  followed(between)
  await between.world.pass(30_000)
  expect(between.ways.slice(asked)).toEqual(['sse'])
  expect(distrusted(between)).toEqual([])
})

test.each(['sse', 'long-poll'] as const)('[F7] who asks for %s gets nothing else', async live => {
  for (const middle of ['holds the body', 'answers 502', 'cuts'] as const) {
    const between = open(middle)
    followed(between, { live })
    await between.world.pass(120_000)
    const others = new Set(between.ways.filter(way => way !== live))
    expect(others).toEqual(new Set(live === 'sse' ? [] : ['read']))
    expect(distrusted(between)).toEqual([])
  }
})

test('[F8] a refusal that event streams hold back is told by the plain read', async () => {
  const between = open('holds the body')
  between.trimmed = true
  const { heard } = followed(between, { offset: '0000_0001' })
  await between.world.pass(10_000)
  expect(heard.failed).toMatchObject({ status: 410, code: 'OFFSET_EXPIRED' })
})
