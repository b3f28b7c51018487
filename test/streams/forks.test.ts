import { describe, expect, test } from 'vitest'
import { ContentType } from '../../protocol/index.ts'
import { locate } from '../../server/rules/locate.ts'
import { offsetAt } from '../../server/rules/parts.ts'
import { openMemoryStore } from '../../server/store/memory.ts'
import type { Store } from '../../server/store/store.ts'
import { Batch } from '../../server/streams/batch.ts'
import { Streams } from '../../server/streams/streams.ts'
import { appendOf, creation, forking, Notebook, openStreams, stateOf, text, utf8, whole } from './fixture.ts'
import { Follower } from './follower.ts'
import { gate } from './gates.ts'
import { checkLineage, entriesOf } from './lineage.ts'
import { settled } from './world.ts'

const source = 'stream/source'
const fork = 'stream/fork'
const contentType = ContentType.binary

/** A source of the appends `bodies`; answers the token after each. */
const written = async (streams: Streams, name: string, ...bodies: readonly string[]): Promise<string[]> => {
  await streams.create(name, creation())
  const tokens: string[] = []
  for (const body of bodies) {
    const outcome = await streams.append(name, appendOf(body))
    if (outcome.kind === 'appended') tokens.push(offsetAt(outcome.state, outcome.state.tail))
  }
  return tokens
}

const from = async (streams: Streams, name: string, token: string): Promise<string> => {
  const state = await stateOf(streams, name)
  const place = locate(state, token)
  if (place.kind !== 'at') return place.kind
  const batch = await streams.slice(name, state, place.position)
  return batch instanceof Batch ? text(batch.body()) : batch
}

/** The store's calls, counted. */
const counting = (store: Store) => {
  const calls = { read: 0, readBytes: 0 }
  const counted: Store = {
    ...gate(store, []).store,
    read: async (generation, position, limit) => {
      const slice = await store.read(generation, position, limit)
      calls.read++
      for (const { bytes } of slice.records) calls.readBytes += bytes.length
      return slice
    },
  }
  return { store: counted, calls }
}

describe('A fork', () => {
  test('reads as its source up to the fork point and then as itself, in one slice', async () => {
    const { streams } = openStreams()
    const [first] = await written(streams, source, 'aa', 'bb', 'cc')
    expect(await streams.fork(fork, forking(source, { offset: first }))).toMatchObject({ kind: 'created' })
    expect(await whole(streams, fork)).toBe('aa')
    await streams.append(fork, appendOf('xx'))
    await streams.append(source, appendOf('dd'))
    const state = await stateOf(streams, fork)
    const batch = await streams.slice(fork, state, 0)
    expect(batch).toMatchObject({ from: 0, to: 4, upToDate: true, generation: state.generation })
    expect(await whole(streams, fork)).toBe('aaxx')
    expect(await whole(streams, source)).toBe('aabbccdd')
  })

  test.each([1, 2, 3, 4, 5, 1 << 20])(
    'of a fork reads whole appends, %i bytes at a time',
    async readBytes => {
      const { streams } = openStreams(openMemoryStore(), readBytes)
      const [, second] = await written(streams, source, 'aa', 'bbb', 'c')
      await streams.fork('stream/mid', forking(source, { offset: second }))
      await streams.append('stream/mid', appendOf('dd'))
      await streams.fork(fork, forking('stream/mid'))
      await streams.append(fork, appendOf('ee'))
      const state = await stateOf(streams, fork)
      const ends: number[] = []
      let all = ''
      for (let position = 0; position < state.tail; ) {
        const batch = await streams.slice(fork, state, position)
        if (!(batch instanceof Batch)) throw new Error(batch)
        for (const record of batch.records) expect(['aa', 'bbb', 'dd', 'ee']).toContain(text(record))
        if (batch.records.length > 1) expect(batch.to - batch.from).toBeLessThanOrEqual(readBytes)
        expect(batch.upToDate).toBe(batch.to === state.tail)
        position = batch.to
        ends.push(position)
        all += text(batch.body())
      }
      expect(all).toBe('aabbbddee')
      if (readBytes === 1) expect(ends).toEqual([2, 5, 7, 9])
      if (readBytes === 5) expect(ends).toEqual([5, 9])
    },
  )

  test('takes the tokens of its source up to the fork point, and gives out the same', async () => {
    const { streams } = openStreams()
    const tokens = await written(streams, source, 'aa', 'bb', 'cc')
    const made = await streams.fork(fork, forking(source, { offset: tokens[1] }))
    expect('state' in made && offsetAt(made.state, made.state.tail)).toBe(tokens[1])
    await streams.append(fork, appendOf('xx'))
    expect(await from(streams, fork, tokens[0] ?? '')).toBe('bbxx')
    expect(await from(streams, fork, tokens[1] ?? '')).toBe('xx')
    expect(await from(streams, fork, tokens[2] ?? '')).toBe('beyond')
    const state = await stateOf(streams, fork)
    expect(offsetAt(state, 2)).toBe(tokens[0])
    expect(offsetAt(state, 6) > (tokens[2] ?? '')).toBe(true)
  })

  test('inherits no offset inside an append, neither of its source nor of its own', async () => {
    const { streams } = openStreams()
    const [, second] = await written(streams, source, 'aaa', 'bbb', 'ccc')
    await streams.fork(fork, forking(source, { offset: second }))
    const before = await stateOf(streams, fork)
    for (const position of [1, 2, 4, 5]) expect(await streams.slice(fork, before, position)).toBe('split')
    await streams.append(fork, appendOf('xxx'))
    const after = await stateOf(streams, fork)
    for (const position of [1, 5, 7, 8]) expect(await streams.slice(fork, after, position)).toBe('split')
    await streams.remove(fork)
    // Who loaded it before goes on as far as there is something, never past what it was.
    expect(await streams.slice(fork, after, 0)).toMatchObject({ from: 0, to: 6, upToDate: false })
    for (const position of [6, 7]) expect(await streams.slice(fork, after, position)).toBe('gone')
  })

  test('at a place inside an append is refused, at every place between two made', async () => {
    const { streams } = openStreams()
    await written(streams, source, 'aa', 'bb')
    const { generation } = await stateOf(streams, source)
    for (let position = 0; position <= 4; position++) {
      const offset = offsetAt({ generation, start: 0, tail: 4 }, position)
      const outcome = await streams.fork(`stream/${position}`, forking(source, { offset }))
      expect(outcome.kind).toBe(position % 2 === 0 ? 'created' : 'badPoint')
      if (position % 2 === 0)
        expect(await whole(streams, `stream/${position}`)).toBe('aabb'.slice(0, position))
    }
    expect((await stateOf(streams, source)).refs).toBe(3)
  })

  test('inherits neither producers, nor Stream-Seq, nor notes, nor closure', async () => {
    const { streams } = openStreams()
    await streams.create(source, creation(), new Map([['k', utf8('note')]]))
    const producer = { id: 'p', epoch: 3, seq: 0 }
    await streams.append(source, appendOf('a', { producer, seq: '5' }))
    await streams.append(source, appendOf('', { close: true }))
    await streams.fork(fork, forking(source))
    expect((await streams.note(fork, 'k'))?.bytes).toBeUndefined()
    const again = { producer: { ...producer, epoch: 0 }, seq: '1' }
    expect(await streams.append(fork, appendOf('b', again))).toMatchObject({ kind: 'accepted' })
    expect(await whole(streams, fork)).toBe('ab')
    expect(await streams.append(source, appendOf('c'))).toMatchObject({ kind: 'closed' })
  })

  test('takes a part of an append as its own first one, and the body as the next', async () => {
    const { streams } = openStreams()
    const [first] = await written(streams, source, 'aa', 'hello')
    const wanted = forking(source, { offset: first, subOffset: 3, body: utf8('XY') })
    expect(await streams.fork(fork, wanted)).toMatchObject({ kind: 'created', state: { tail: 7 } })
    expect(await whole(streams, fork)).toBe('aahelXY')
    const state = await stateOf(streams, fork)
    expect(await streams.slice(fork, state, 5)).toMatchObject({ from: 5, to: 7 })
    expect(await streams.slice(fork, state, 4)).toBe('split')
    expect(await streams.fork(fork, wanted)).toMatchObject({ kind: 'exists' })
    expect(await streams.fork(fork, { ...wanted, subOffset: 2 })).toMatchObject({ kind: 'mismatch' })
    for (const [name, changes] of Object.entries({
      'stream/over': { offset: first, subOffset: 6 },
      'stream/tail': { offset: offsetAt(await stateOf(streams, source), 7), subOffset: 1 },
    })) {
      expect(await streams.fork(name, forking(source, changes))).toEqual({ kind: 'badSubOffset' })
    }
    expect((await stateOf(streams, source)).refs).toBe(1)
  })

  test('takes a part of what its source inherited', async () => {
    const { streams } = openStreams()
    const [first] = await written(streams, source, 'aa', 'hello', 'zz')
    await streams.fork('stream/mid', forking(source))
    await streams.fork(fork, forking('stream/mid', { offset: first, subOffset: 4 }))
    expect(await whole(streams, fork)).toBe('aahell')
  })

  test('copies nothing and reads nothing through, however long the source is', async () => {
    const { store, calls } = counting(openMemoryStore())
    const { streams } = openStreams(store)
    const bodies = Array.from({ length: 500 }, (_, at) => `${at};`.padStart(100, '.'))
    const tokens = await written(streams, source, ...bodies)
    calls.read = 0
    expect(await streams.fork('stream/tail', forking(source))).toMatchObject({ kind: 'created' })
    expect(calls).toEqual({ read: 0, readBytes: 0 })
    const middle = forking(source, { offset: tokens[250] })
    expect(await streams.fork('stream/middle', middle)).toMatchObject({ kind: 'created' })
    expect(calls).toEqual({ read: 1, readBytes: 100 })
    for (const name of ['stream/tail', 'stream/middle']) {
      const entry = await store.load(name)
      expect([entry?.tail, (entry?.head.length ?? 0) < 500]).toEqual([0, true])
    }
    expect(await whole(streams, 'stream/middle')).toBe(bodies.slice(0, 251).join(''))
  })

  test('is made by one of many who ask at once, and the others are told it is there', async () => {
    const { streams, store } = openStreams()
    await written(streams, source, 'aa')
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => streams.fork(fork, forking(source))))
    expect(outcomes.map(({ kind }) => kind).toSorted()).toEqual(['created', ...Array(19).fill('exists')])
    await checkLineage(store)
  })

  test('of many at once, and of appends among them, none is lost', async () => {
    const { streams, store } = openStreams()
    await written(streams, source, 'a')
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, at) =>
        at % 2
          ? streams.append(source, appendOf(String.fromCharCode(98 + at / 2)))
          : streams.fork(`stream/${at}`, forking(source)),
      ),
    )
    expect(outcomes.filter(({ kind }) => kind !== 'created' && kind !== 'appended')).toEqual([])
    const all = await whole(streams, source)
    for (let at = 0; at < 100; at += 2)
      expect(all.startsWith(await whole(streams, `stream/${at}`))).toBe(true)
    await checkLineage(store)
  })

  test('cannot be made of nothing, of itself, or too deep', async () => {
    const { streams, store } = openStreams()
    expect(await streams.fork(fork, forking(source))).toEqual({ kind: 'sourceMissing' })
    expect(await streams.fork(fork, forking(fork))).toEqual({ kind: 'sourceMissing' })
    await written(streams, source, 'aa')
    expect(await streams.fork(source, forking(source))).toMatchObject({ kind: 'mismatch' })
    const named = (depth: number) => (depth === 0 ? source : `stream/${depth}`)
    for (let depth = 1; depth <= 4; depth++) {
      const outcome = await streams.fork(named(depth), forking(named(depth - 1), { deepest: 3 }))
      expect(outcome.kind).toBe(depth < 4 ? 'created' : 'tooDeep')
    }
    await checkLineage(store)
  })
})

describe('Live readers', () => {
  test('of a fork get what it inherits, then what is appended to it, and nothing of its source', async () => {
    const { streams } = openStreams()
    const [first] = await written(streams, source, 'aa', 'bb')
    await streams.fork(fork, forking(source, { offset: first }))
    const follower = new Follower(streams, fork)
    await follower.follow('start')
    await streams.append(source, appendOf('no'))
    await streams.append(fork, appendOf('xx'))
    expect([follower.got, follower.places]).toEqual([
      'aaxx',
      [
        [0, 2],
        [2, 4],
      ],
    ])
    await streams.append(fork, appendOf('', { close: true }))
    expect(follower.ended).toBe('closed')
  })

  test('of a source that is deleted are let go, those of its forks are not', async () => {
    const { streams } = openStreams()
    await written(streams, source, 'aa')
    await streams.fork(fork, forking(source))
    const [old, kept] = await Promise.all([streams.hold(source), streams.hold(fork)])
    const readers = [new Notebook(), new Notebook()] as const
    old?.tail.attach(readers[0])
    kept?.tail.attach(readers[1])
    await streams.remove(source)
    expect(readers.map(({ ends }) => ends)).toEqual([['gone'], []])
    expect(await streams.hold(source)).toBeUndefined()
    await streams.append(fork, appendOf('xx'))
    expect(readers[1].text).toBe('xx')
    old?.release()
    kept?.release()
  })
})

describe('A deleted source', () => {
  test('is there for its forks and nobody else, until the last of them is deleted', async () => {
    const { streams, store } = openStreams()
    await written(streams, source, 'aa', 'bb')
    await streams.fork(fork, forking(source))
    await streams.fork('stream/other', forking(source))
    const state = await stateOf(streams, source)
    expect(await streams.remove(source)).toMatchObject({ generation: state.generation })
    expect(await streams.load(source)).toBeUndefined()
    expect(await streams.absence(source)).toBe('deleted')
    expect(await streams.remove(source)).toBeUndefined()
    expect(await streams.append(source, appendOf('x'))).toEqual({ kind: 'deleted' })
    expect(await streams.create(source, creation())).toEqual({ kind: 'deleted' })
    expect(await streams.fork(source, forking(fork))).toEqual({ kind: 'deleted' })
    expect(await streams.fork('stream/late', forking(source))).toEqual({ kind: 'sourceDeleted' })
    expect(await streams.annotate(source, state.generation, 'k', () => utf8('v'))).toBe(false)
    expect(await streams.note(source, 'k')).toBeUndefined()
    expect(await whole(streams, fork)).toBe('aabb')
    await streams.remove('stream/other')
    expect(await streams.absence(source)).toBe('deleted')
    expect(await whole(streams, fork)).toBe('aabb')
    await streams.remove(fork)
    expect(await streams.absence(source)).toBe('missing')
    expect(await store.list('', undefined, 10)).toEqual([])
    expect(await streams.create(source, creation())).toMatchObject({ kind: 'created' })
  })

  test('goes with the whole chain above it, and a living one above stays', async () => {
    const { streams, store } = openStreams()
    const names = ['stream/0', 'stream/1', 'stream/2', 'stream/3', 'stream/4']
    await written(streams, 'stream/0', 'a')
    for (const [at, name] of names.slice(1).entries()) {
      await streams.fork(name, forking(`stream/${at}`))
      await streams.append(name, appendOf(`${at}`))
    }
    for (const name of ['stream/1', 'stream/3', 'stream/2']) await streams.remove(name)
    expect(await whole(streams, 'stream/4')).toBe('a0123')
    await checkLineage(store)
    await streams.remove('stream/4')
    expect(await store.list('', undefined, 10)).toEqual(['stream/0'])
    expect(await stateOf(streams, 'stream/0')).toMatchObject({ refs: 0, tail: 1 })
  })

  test('that expires while forks hold it is kept for them', async () => {
    const { streams, store, world } = openStreams()
    await streams.create(source, creation({ body: utf8('aa'), config: { contentType, ttlSeconds: 10 } }))
    await streams.fork(fork, forking(source, { lifetime: { ttlSeconds: 100 } }))
    const held = await streams.hold(source)
    const reader = new Notebook()
    held?.tail.attach(reader)
    world.time += 11_000
    expect(await streams.sweep(10)).toBe(1)
    expect(reader.ends).toEqual(['gone'])
    expect(await streams.sweep(10)).toBe(0)
    expect(await streams.absence(source)).toBe('deleted')
    expect(await whole(streams, fork)).toBe('aa')
    world.time += 100_000
    await streams.sweep(10)
    expect(await store.list('', undefined, 10)).toEqual([])
    held?.release()
  })

  test('is told of once when it expired, and not again when it goes', async () => {
    const store = openMemoryStore()
    const expired: string[] = []
    const { world } = openStreams(store)
    const streams = new Streams({ store, world, readBytes: 100, onExpired: name => expired.push(name) })
    await streams.create(source, creation({ config: { contentType, ttlSeconds: 10 } }))
    await streams.fork(fork, forking(source, { lifetime: { ttlSeconds: 100 } }))
    await streams.fork('stream/deleted', forking(source, { lifetime: { ttlSeconds: 100 } }))
    await streams.remove('stream/deleted')
    world.time += 11_000
    await streams.load(source)
    expect(expired).toEqual([source])
    world.time += 100_000
    await streams.load(fork)
    expect(expired).toEqual([source, fork])
    expect(await store.list('', undefined, 10)).toEqual([])
  })

  test('that was lost does not keep a fork from being deleted', async () => {
    const { streams, store } = openStreams()
    await written(streams, source, 'aa')
    await streams.fork(fork, forking(source))
    const entry = await store.load(source)
    if (entry) await store.remove(source, entry.revision)
    expect(await streams.remove(fork)).toBeDefined()
    expect(await store.list('', undefined, 10)).toEqual([])
  })
})

describe('The time of a fork', () => {
  test('is moved by its own use, and the time of its source is not', async () => {
    const { streams, world } = openStreams()
    await streams.create(source, creation({ config: { contentType, ttlSeconds: 100 } }))
    await streams.fork(fork, forking(source))
    const { deadline } = await stateOf(streams, source)
    world.time += 60_000
    streams.touch(fork, await stateOf(streams, fork))
    await settled()
    await streams.append(fork, appendOf('x'))
    expect((await stateOf(streams, source)).deadline).toBe(deadline)
    expect((await stateOf(streams, fork)).deadline).toBeGreaterThanOrEqual(world.time + 100_000)
    world.time += 60_000
    expect(await streams.absence(source)).toBe('deleted')
    expect(await streams.load(source)).toBeUndefined()
    expect(await whole(streams, fork)).toBe('x')
  })

  test('prolonged by another process just before it is over keeps its live readers', async () => {
    const inner = openMemoryStore()
    const gated = gate(inner, ['commitAll'])
    const { streams, world } = openStreams(gated.store)
    const { streams: other } = openStreams(inner)
    await written(other, source, 'aa')
    await other.fork(fork, forking(source, { lifetime: { ttlSeconds: 10 } }))
    const held = await streams.hold(fork)
    const reader = new Notebook()
    held?.tail.attach(reader)
    world.time += 10_000
    const append = streams.append(fork, appendOf('a'))
    await settled()
    expect(gated.waiting.map(one => one.name)).toEqual([`${source} ${fork}`])
    await other.append(fork, appendOf('b'))
    world.time -= 10_000
    gated.open()
    expect(await append).toMatchObject({ kind: 'appended' })
    expect(reader.ends).toEqual([])
    expect((await stateOf(streams, source)).refs).toBe(1)
    held?.release()
  })

  test('when it is over frees its name for another fork', async () => {
    const { streams, world, store } = openStreams()
    await written(streams, source, 'aa')
    for (let round = 0; round < 3; round++) {
      const wanted = forking(source, { lifetime: { ttlSeconds: 10 } })
      expect(await streams.fork(fork, wanted)).toMatchObject({ kind: 'created' })
      world.time += 20_000
    }
    await streams.sweep(10)
    expect((await stateOf(streams, source)).refs).toBe(0)
    await checkLineage(store)
  })
})

test('What forks hold is not trimmed, nor is a fork; once they are gone it is', async () => {
  const { streams } = openStreams()
  await written(streams, source, 'aa', 'bb')
  await streams.fork(fork, forking(source))
  const { generation } = await stateOf(streams, source)
  expect(await streams.trim(source, generation, 2)).toBe(false)
  expect(await streams.trim(fork, (await stateOf(streams, fork)).generation, 2)).toBe(false)
  await streams.remove(fork)
  expect(await streams.trim(source, generation, 2)).toBe(true)
  await streams.fork(fork, forking(source))
  expect(await stateOf(streams, fork)).toMatchObject({ start: 2, tail: 4 })
  expect(await whole(streams, fork)).toBe('bb')
})

test('A head that says nothing of forks is that of a stream without any', async () => {
  const { streams, store } = openStreams()
  const head = { config: { contentType }, deadline: undefined, closed: false }
  await store.commit(source, undefined, { head: utf8(JSON.stringify(head)), appends: [utf8('aa')] })
  expect(await stateOf(streams, source)).toMatchObject({ refs: 0, deleted: false })
  await streams.fork(fork, forking(source))
  expect((await entriesOf(store)).get(source)).toMatchObject({ refs: 1 })
  expect(await whole(streams, fork)).toBe('aa')
})
