import { describe, expect, test } from 'vitest'
import { ContentType, Header, Live, Sentinel } from '../../protocol/index.ts'
import { following, phases } from './follower.ts'
import { asked, bytesOf, events, Replay, textOf } from './replay.ts'
import { script, World } from './world.ts'

const replay = new Replay(['one', 'two', 'three'].map(bytesOf))

describe('a link by long-poll', () => {
  const answer = (index: number, body: string, more: Record<string, string> = {}) =>
    new Response(body, { headers: { [Header.nextOffset]: replay.offset(index), ...more } })
  const upToDate = { [Header.upToDate]: 'true' }
  const none = (index: number, more: Record<string, string> = {}) =>
    new Response(null, {
      status: 204,
      headers: { [Header.nextOffset]: replay.offset(index), ...upToDate, ...more },
    })
  const poll = { live: Live.longPoll } as const

  test('catches up by plain reads, then waits, and echoes the cursor', async () => {
    const world = new World(
      script(
        answer(1, 'one'),
        answer(2, 'two', upToDate),
        none(2, { [Header.cursor]: '5' }),
        answer(3, 'three', { ...upToDate, [Header.cursor]: '6' }),
        none(3, { [Header.closed]: 'TRUE' }),
      ),
    )
    world.onEvent = () => {
      world.time += 2000
    }
    const { done, texts, told } = following(world, poll)
    await world.until(done)
    expect(texts()).toEqual(['one', 'two', 'three', ''])
    expect(world.seen.map(asked)).toEqual([
      { offset: '-1', live: undefined, cursor: undefined },
      { offset: replay.offset(1), live: undefined, cursor: undefined },
      { offset: replay.offset(2), live: 'long-poll', cursor: undefined },
      { offset: replay.offset(2), live: 'long-poll', cursor: '5' },
      { offset: replay.offset(3), live: 'long-poll', cursor: '6' },
    ])
    expect(phases(told)).toEqual(['connecting', 'open', 'caught up'])
  })

  test('that answers nothing at once every time is asked ever more slowly', async () => {
    const gone = new AbortController()
    const world = new World(seen => {
      if (world.seen.length === 8) gone.abort()
      return asked(seen).live ? none(1) : answer(1, '', upToDate)
    })
    await world.until(following(world, { ...poll, offset: replay.offset(1), signal: gone.signal }).done)
    expect(world.slept).toEqual([125, 250, 500])
  })

  test('that comes late to a wait which a cache shares goes on with the next one, but not twice in a row', async () => {
    const moved = (cursor: string) => none(1, { [Header.cursor]: cursor })
    const world = new World(
      script(
        answer(1, 'one', upToDate),
        moved('5'),
        () => {
          world.time += 5_000
          return moved('6')
        },
        moved('7'),
        moved('8'),
        answer(2, 'two', { [Header.closed]: 'true' }),
      ),
    )
    const { done, told } = following(world, poll)
    await world.until(done)
    const early = ['connecting', 'open', 'caught up']
    expect(phases(told)).toEqual([...early, 'BAD_ANSWER 500', ...early])
    expect(world.seen.map(seen => asked(seen).cursor)).toEqual([
      undefined,
      undefined,
      '5',
      '6',
      '7',
      undefined,
    ])
  })

  test('shows after a failure that it works before it waits again', async () => {
    const world = new World(
      script(
        answer(1, 'one', upToDate),
        new TypeError('reset'),
        answer(1, '', upToDate),
        answer(2, 'two', { [Header.closed]: 'true' }),
      ),
    )
    const { done, told, texts } = following(world, poll)
    await world.until(done)
    expect(texts()).toEqual(['one', 'two'])
    expect(world.seen.map(seen => asked(seen).live)).toEqual([undefined, 'long-poll', undefined, 'long-poll'])
    expect(phases(told)).toEqual([
      'connecting',
      'open',
      'caught up',
      'NETWORK 125',
      'connecting',
      'open',
      'caught up',
    ])
  })

  test('gives no bytes for an empty JSON array', async () => {
    const json = { 'Content-Type': ContentType.json }
    const world = new World(
      script(
        answer(1, '[]', { ...json, ...upToDate }),
        answer(2, '[7]', { ...json, [Header.closed]: 'true' }),
      ),
    )
    const { done, texts } = following(world, { ...poll, offset: Sentinel.tail })
    await world.until(done)
    expect(texts()).toEqual(['', '[7]'])
  })

  test('that hangs is given up after the time for silence', async () => {
    const world = new World(
      script(answer(1, '', upToDate), () => new Promise(() => {}), none(1, { [Header.closed]: 'true' })),
    )
    const started = world.time
    await world.until(following(world, { ...poll, offset: replay.offset(1) }).done)
    expect(world.time - started).toBe(45_000 + 500)
  })

  test('whose answer is cut gives nothing of it', async () => {
    const cut = () =>
      new Response(world.body([bytesOf('on')], 'breaks'), {
        headers: { [Header.nextOffset]: replay.offset(1) },
      })
    const world: World = new World(script(cut, answer(1, 'one', { [Header.closed]: 'true' })))
    const { done, texts } = following(world, poll)
    await world.until(done)
    expect(texts()).toEqual(['one'])
  })
})

describe('a refusal of a live link', () => {
  const refused = (status: number, headers: Record<string, string> = {}, body = 'no') =>
    new Response(body, { status, headers })

  test.each([400, 401, 403, 404, 405, 409, 410, 413, 501])('by %d ends the follower', async status => {
    const world = new World(script(refused(status)))
    const { done } = following(world)
    await expect(world.until(done)).rejects.toMatchObject({ name: 'StreamError', status })
    expect(world.open).toEqual({ timers: 0, requests: 0, bodies: 0 })
  })

  test.each([408, 425, 429, 500, 502, 503, 504, 507])('by %d is tried again', async status => {
    const world = new World(script(refused(status), () => events(textOf(replay.ours(0)))))
    const { done, texts } = following(world)
    await world.until(done)
    expect(texts()).toEqual(['one', 'two', 'three'])
  })

  test('is waited out as long as the server asks, in either form, and at most an hour', async () => {
    const world: World = new World(
      script(
        refused(503, { 'Retry-After': '7' }),
        () => refused(503, { 'Retry-After': new Date(world.time + 9000).toUTCString() }),
        refused(503, { 'Retry-After': '99999999999' }),
        refused(503, { 'Retry-After': 'soon' }),
        () => events(textOf(replay.ours(0))),
      ),
      () => 0.5,
    )
    world.time -= world.time % 1000
    await world.until(following(world).done)
    const waits = [7000 + 500, 9000 - 500 + 500, 3_600_000 + 500, 1000]
    expect(world.slept.map(Math.round)).toEqual(waits)
  })
})
