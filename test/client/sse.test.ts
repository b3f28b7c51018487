import { describe, expect, test } from 'vitest'
import { DurableStream, type LinkState } from '../../client/index.ts'
import { ContentType, controlEvent, dataEvent, Header, heartbeat } from '../../protocol/index.ts'
import { following, phases, url } from './follower.ts'
import { asked, bytesOf, eventHeaders, events, Replay, textOf } from './replay.ts'
import { script, World } from './world.ts'

const replay = new Replay(['one', 'two', 'three'].map(bytesOf))
const end = replay.offset(3)

const control = (index: number, more: { upToDate?: boolean; closed?: boolean; cursor?: string } = {}) =>
  controlEvent({ nextOffset: replay.offset(index), cursor: `c${index}`, ...more })
const data = (text: string) => dataEvent(Buffer.from(text).toString('base64'))

describe('a link by server-sent events', () => {
  test('tells how it is, step by step, and of a loss at once and why', async () => {
    const world: World = new World(
      script(
        () =>
          events(
            world.body(
              [bytesOf(data('one') + control(1)), bytesOf(control(1, { upToDate: true }))],
              'breaks',
            ),
          ),
        new TypeError('refused'),
        () => events(textOf(replay.ours(1))),
      ),
    )
    const { told, done, texts } = following(world)
    await world.until(done)
    expect(phases(told)).toEqual([
      'connecting',
      'open',
      'caught up',
      'NETWORK 125',
      'connecting',
      'NETWORK 250',
      'connecting',
      'open',
      'caught up',
    ])
    expect(texts()).toEqual(['one', '', 'two', 'three'])
  })

  test('counts as caught up only once the caller has taken the last batch', async () => {
    const told: LinkState[] = []
    const world: World = new World(() =>
      events(world.body([bytesOf(data('one') + control(1, { upToDate: true }))], 'hangs')),
    )
    const batches = new DurableStream({ url, env: world }).follow({ onLink: state => told.push(state) })
    expect((await batches.next()).value).toMatchObject({ upToDate: true })
    await world.quiet()
    expect(phases(told)).toEqual(['connecting', 'open'])
    void batches.next()
    await world.quiet()
    expect(phases(told)).toEqual(['connecting', 'open', 'caught up'])
  })

  test('asks for what follows the last offset and echoes the last cursor', async () => {
    const world: World = new World(
      script(
        () => events(data('one') + control(1, { cursor: '77' })),
        () => events(textOf(replay.ours(1))),
      ),
    )
    await world.until(following(world, { query: { awareness: 'x', zoo: '1' } }).done)
    expect(world.seen.map(seen => seen.url.search)).toEqual([
      '?awareness=x&live=sse&offset=-1&zoo=1',
      `?awareness=x&cursor=77&live=sse&offset=${replay.offset(1)}&zoo=1`,
    ])
  })

  test('that the server ends after a minute is opened again after a moment, drawn from a quarter of a second', async () => {
    const world: World = new World(
      script(
        async () => {
          world.time += 60_000
          return events(control(0, { upToDate: true }))
        },
        () => events(textOf(replay.ours(0))),
      ),
    )
    const { done, told } = following(world, { offset: replay.offset(0) })
    await world.until(done)
    expect(world.slept).toEqual([125])
    expect(phases(told)).toEqual(['connecting', 'open', 'caught up', 'turnover', 'open', 'caught up'])
  })

  test('that the server ends at once every time is opened ever more slowly', async () => {
    const gone = new AbortController()
    const world: World = new World(() => {
      if (world.seen.length === 10) gone.abort()
      return events(control(1, { upToDate: true }))
    })
    const { done, batches } = following(world, { offset: replay.offset(1), signal: gone.signal })
    await world.until(done)
    expect(world.slept).toEqual([125, 250, 500, 1000, 2000, 3875, 7750, 15_000, 15_000])
    expect(batches).toHaveLength(1)
  })

  test('that brings something each time before it ends is not slowed down', async () => {
    const world: World = new World(seen => {
      const index = replay.index(asked(seen).offset)
      return events(data('x') + control(index + 1, { closed: index === 29 }))
    })
    const { done, batches } = following(world)
    await world.until(done)
    expect(batches).toHaveLength(30)
    expect(world.slept).toEqual([])
  })

  test('that works for a while makes earlier failures forgotten, and one that does not, not', async () => {
    const gone = new AbortController()
    const healthyFor = [0, 0, 0, 6000, 0, 4000, 0]
    const world: World = new World(async () => {
      const lasts = healthyFor[world.seen.length - 1]
      if (lasts === undefined) gone.abort()
      if (!lasts) throw new TypeError('refused')
      const late = new ReadableStream(
        {
          pull: controller => {
            world.time += lasts
            controller.error(new TypeError('terminated'))
          },
        },
        { highWaterMark: 0 },
      )
      return events(late)
    })
    await world.until(following(world, { signal: gone.signal }).done)
    expect(world.slept).toEqual([125, 250, 500, 500, 1000, 2000, 4000])
  })

  test('on which nothing comes, not even a comment, is given up and opened again', async () => {
    const world: World = new World(
      script(
        () => events(world.body([bytesOf(data('one') + control(1)), bytesOf(heartbeat)], 'hangs')),
        () => events(textOf(replay.ours(1))),
      ),
    )
    const started = world.time
    const { done, told, texts } = following(world)
    await world.until(done)
    expect(phases(told)).toContain('TIMEOUT 500')
    expect(world.time - started).toBe(45_000 + 500)
    expect(texts()).toEqual(['one', 'two', 'three'])
  })

  test('is given up in time also when the clock was set back meanwhile', async () => {
    const world: World = new World(
      script(
        () => events(world.body([bytesOf(heartbeat)], 'hangs')),
        () => events(textOf(replay.ours(0))),
      ),
    )
    const { done } = following(world)
    await world.quiet()
    world.skew = -3_600_000
    const started = world.time
    await world.until(done)
    expect(world.time - started).toBe(30_000 + 45_000 + 125) // the wait begins anew where that is seen
  })

  test('that was cut between data and its offset is a lost one, not one that the server ended', async () => {
    const world: World = new World(
      script(
        async () => {
          world.time += 60_000
          return events(data('one'))
        },
        () => events(textOf(replay.ours(0))),
      ),
    )
    const { done, told, texts } = following(world)
    await world.until(done)
    expect(phases(told).slice(0, 3)).toEqual(['connecting', 'open', 'NETWORK 125'])
    expect(texts()).toEqual(['one', 'two', 'three'])
  })

  test('that is kept by comments alone stays open', async () => {
    const gone = new AbortController()
    let beats = 0
    const world: World = new World(() => {
      const beating = new ReadableStream<Uint8Array>(
        {
          pull: async controller => {
            await world.sleep(30_000, gone.signal)
            if (++beats === 20) gone.abort()
            controller.enqueue(bytesOf(heartbeat))
          },
        },
        { highWaterMark: 0 },
      )
      return events(beating)
    })
    const { done, told } = following(world, { signal: gone.signal })
    await world.until(done)
    expect(world.seen).toHaveLength(1)
    expect(phases(told)).toEqual(['connecting', 'open'])
  })

  test('does not count the time in which its caller is busy as silence', async () => {
    const world: World = new World(() =>
      events(
        world.body(
          [bytesOf(data('one') + control(1)), bytesOf(data('two') + control(2, { closed: true }))],
          'ends',
        ),
      ),
    )
    const batches = new DurableStream({ url, env: world }).follow()
    await batches.next()
    while (world.open.timers > 0) await world.tick()
    world.time += 600_000
    expect(textOf((await batches.next()).value?.bytes ?? bytesOf(''))).toBe('two')
    expect(world.seen).toHaveLength(1)
  })

  test('that never answers is given up after the time for an answer', async () => {
    const world: World = new World(
      script(
        () => new Promise(() => {}),
        () => events(textOf(replay.ours(0))),
      ),
    )
    const started = world.time
    const { done, told } = following(world)
    await world.until(done)
    expect(phases(told)[1]).toBe('TIMEOUT 125')
    expect(world.time - started).toBe(30_000 + 125)
  })

  test.each([
    ['is not base64', data('one').replace('b', '*')],
    ['is base64 for URLs', dataEvent('__--')],
    ['lacks its padding', dataEvent('b25lIQ')],
    ['has a broken control event', `${data('one')}event: control\ndata: {"streamNextOffset":5}\n\n`],
    ['goes back', data('one') + control(2) + data('two') + control(1), 'WENT_BACK'],
    ['repeats an offset', data('one') + control(1) + data('two') + control(1)],
  ])('whose data %s is a broken link, and its data is read again', async (_, text, code = 'BAD_ANSWER') => {
    const broken = text.includes('control') && text.startsWith(data('one')) ? text : text + control(1)
    const world: World = new World(
      script(
        () => events(broken),
        seen => events(textOf(replay.ours(replay.index(asked(seen).offset)))),
      ),
    )
    const { done, told, batches } = following(world)
    await world.until(done)
    expect(phases(told)).toContain(`${code} 125`)
    expect(new Set(batches.map(batch => batch.next)).size).toBe(batches.length)
    expect(batches.at(-1)).toMatchObject({ next: end, closed: true })
  })

  test('takes a page that is no event stream for a broken link', async () => {
    const page = new Response('<html>sign in</html>', { headers: { 'Content-Type': 'text/html' } })
    const world: World = new World(script(page, () => events(textOf(replay.ours(0)))))
    const { done, told } = following(world)
    await world.until(done)
    expect(phases(told).slice(0, 3)).toEqual(['connecting', 'BAD_ANSWER 125', 'connecting'])
  })

  test('reads no further than the batch that its caller has taken', async () => {
    const chunks = Array.from({ length: 50 }, (_, index) => bytesOf(data('x') + control(index + 1)))
    let pulled = 0
    const world: World = new World(() => events(world.body(chunks, 'hangs')))
    const batches = new DurableStream({ url, env: world }).follow()
    await batches.next()
    world.onEvent = () => pulled++
    for (let turn = 0; turn < 10; turn++) await world.quiet()
    expect(pulled).toBe(0)
    await batches.next()
    await world.quiet()
    expect(pulled).toBe(1)
    await batches.return()
    expect(world.open).toEqual({ timers: 0, requests: 0, bodies: 0 })
  })

  test('of text gives text, and of several JSON events before one offset a single array', async () => {
    const body = `${dataEvent('[1]')}${dataEvent('[\n2,\n3\n]')}${dataEvent('[]')}${control(3, { closed: true })}`
    const plain = () => new Response(body, { headers: { 'Content-Type': ContentType.eventStream } })
    const head = new Response(null, {
      headers: { 'Content-Type': ContentType.json, [Header.nextOffset]: end },
    })
    const undeclared = new World(script(plain, head))
    const one = following(undeclared)
    await undeclared.until(one.done)
    expect(one.texts()).toEqual(['[1,2,\n3]'])
    expect(undeclared.seen[1]?.method).toBe('HEAD')
    const declared = new World(script(plain))
    const told = []
    for await (const batch of new DurableStream({ url, env: declared, contentType: 'text/plain' }).follow())
      told.push(textOf(batch.bytes))
    expect(told).toEqual(['[1][\n2,\n3\n][]'])
  })

  test('of a binary stream is decoded also where the browser hides the header that says so', async () => {
    const hidden = () =>
      new Response(new Uint8Array(replay.ours(0)), { headers: { 'Content-Type': ContentType.eventStream } })
    const head = new Response(null, {
      headers: { 'Content-Type': ContentType.binary, [Header.nextOffset]: end },
    })
    for (const contentType of [ContentType.binary, undefined]) {
      const world = new World(script(hidden, ...(contentType ? [] : [head])))
      const texts = []
      const stream = new DurableStream({ url, env: world, ...(contentType && { contentType }) })
      for await (const batch of stream.follow()) texts.push(textOf(batch.bytes))
      expect(texts).toEqual(['one', 'two', 'three'])
    }
  })
})

test('a follower whose caller throws leaves nothing open', async () => {
  const world: World = new World(
    () => new Response(world.body([replay.ours(0)], 'hangs'), { headers: eventHeaders }),
  )
  const work = async () => {
    for await (const _ of new DurableStream({ url, env: world }).follow()) throw new RangeError('mine')
  }
  await expect(work()).rejects.toThrow(RangeError)
  await world.quiet()
  expect(world.open).toEqual({ timers: 0, requests: 0, bodies: 0 })
})
