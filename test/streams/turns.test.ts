import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { StoreFailure } from '../../server/store/failure.ts'
import { openMemoryStore } from '../../server/store/memory.ts'
import type { Store } from '../../server/store/store.ts'
import { Streams } from '../../server/streams/streams.ts'
import { appendOf, creation, openStreams, stateOf, utf8, whole } from './fixture.ts'
import { gate } from './gates.ts'
import { chosenBy, play } from './schedules.ts'
import { FakeWorld, settled } from './world.ts'

const name = 'stream/s'
const producer = (seq: number, epoch = 0, id = 'p') => ({ producer: { id, epoch, seq } })

/** What became of promises so far, in their order. */
const watch = (promises: readonly Promise<{ readonly kind: string }>[]): string[] => {
  const fates = promises.map(() => 'pending')
  promises.forEach((promise, at) => {
    promise.then(
      ({ kind }) => {
        fates[at] = kind
      },
      (error: unknown) => {
        fates[at] = error instanceof StoreFailure ? error.code : String(error)
      },
    )
  })
  return fates
}

/** A store that fails the commits for which `fails` says so. */
const failing = (store: Store, fails: (change: Parameters<Store['commit']>[2]) => boolean): Store => ({
  ...gate(store, []).store,
  commit: (entry, expected, change) =>
    fails(change)
      ? Promise.reject(new StoreFailure('full', 'no room'))
      : store.commit(entry, expected, change),
})

describe('Many appends at once', () => {
  test('are all answered, each with a tail of its own, and the log is their order', async () => {
    const { streams } = openStreams()
    await streams.create(name, creation())
    const bodies = Array.from({ length: 3_000 }, (_, at) => `<${at}>`)
    const outcomes = await Promise.all(bodies.map(body => streams.append(name, appendOf(body))))
    const tails = outcomes.map(outcome => ('state' in outcome ? outcome.state.tail : 0))
    let sum = 0
    expect(tails).toEqual(bodies.map(body => (sum += body.length)))
    expect(await whole(streams, name)).toBe(bodies.join(''))
  })

  test('of one producer meet the state the one before them left', async () => {
    const { streams } = openStreams()
    await streams.create(name, creation())
    const sent = [
      appendOf('a', producer(0)),
      appendOf('a', producer(0)),
      appendOf('c', producer(2)),
      appendOf('b', producer(1)),
      appendOf('c', producer(2)),
      appendOf('x', producer(0, 1)),
      appendOf('d', producer(3)),
      appendOf('end', { ...producer(1, 1), close: true }),
      appendOf('end', { ...producer(1, 1), close: true }),
      appendOf('late', producer(2, 1)),
      appendOf('late'),
    ]
    const outcomes = await Promise.all(sent.map(command => streams.append(name, command)))
    expect(outcomes.map(({ kind }) => kind)).toEqual([
      'accepted',
      'duplicate',
      'gap',
      'accepted',
      'accepted',
      'accepted',
      'fenced',
      'accepted',
      'duplicate',
      'closed',
      'closed',
    ])
    expect(await whole(streams, name)).toBe('abcxend')
  })

  test('in one burst are one commit, and one commit follows for those that came meanwhile', async () => {
    const gated = gate(openMemoryStore(), ['commit'])
    const { streams } = openStreams(gated.store)
    const created = streams.create(name, creation())
    await settled()
    for (const one of [...gated.waiting]) one.pass()
    await settled()
    for (const one of [...gated.waiting]) one.pass()
    await created
    const first = Array.from({ length: 100 }, () => streams.append(name, appendOf('a')))
    await settled()
    expect(gated.waiting).toHaveLength(1)
    const second = Array.from({ length: 100 }, () => streams.append(name, appendOf('b')))
    await settled()
    expect(gated.waiting).toHaveLength(1)
    gated.waiting[0]?.pass()
    await settled()
    gated.waiting[0]?.pass()
    await Promise.all(first)
    await settled()
    expect(gated.waiting).toHaveLength(1)
    gated.open()
    await Promise.all(second)
    expect(await whole(streams, name)).toBe('a'.repeat(100) + 'b'.repeat(100))
  })

  test('larger than one turn takes are split over several, in order', async () => {
    const sizes: number[] = []
    const inner = openMemoryStore()
    const store: Store = {
      ...gate(inner, []).store,
      commit(entry, expected, change) {
        sizes.push((change.appends ?? []).reduce((sum, one) => sum + one.length, 0))
        return inner.commit(entry, expected, change)
      },
    }
    const { streams } = openStreams(store)
    await streams.create(name, creation())
    const megabyte = 1 << 20
    const bodies = Array.from({ length: 20 }, (_, at) => new Uint8Array(megabyte).fill(at))
    const outcomes = await Promise.all(bodies.map(body => streams.append(name, { ...appendOf(''), body })))
    expect(outcomes.every(({ kind }) => kind === 'appended')).toBe(true)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(9 * megabyte)
    expect((await stateOf(streams, name)).tail).toBe(20 * megabyte)
    const order = await Promise.all(
      bodies.map(async (_, at) => {
        const batch = await streams.slice(name, await stateOf(streams, name), at * megabyte)
        return typeof batch === 'string' ? batch : batch.body()[0]
      }),
    )
    expect(order).toEqual(bodies.map((_, at) => at))
  })

  test('to different streams do not wait for each other', async () => {
    const gated = gate(openMemoryStore(), ['commit'])
    const { streams } = openStreams(gated.store)
    const kinds = watch(['stream/a', 'stream/b'].map(one => streams.create(one, creation())))
    await settled()
    expect(gated.waiting.map(one => one.name)).toEqual(['stream/a', 'stream/b'])
    gated.waiting[1]?.pass()
    await settled()
    gated.waiting[1]?.pass()
    await settled()
    expect(kinds).toEqual(['pending', 'created'])
    gated.open()
  })
})

describe('An answer', () => {
  test('to an append, a duplicate, a close or a refusal comes only after the store kept what it speaks of', async () => {
    const inner = openMemoryStore()
    const { streams: before } = openStreams(inner)
    await before.create(name, creation())
    const gated = gate(inner, ['commit'])
    const { streams } = openStreams(gated.store)
    const fates = watch([
      streams.append(name, appendOf('a', producer(0))),
      streams.append(name, appendOf('a', producer(0))),
      streams.append(name, appendOf('', { close: true })),
      streams.append(name, appendOf('late')),
    ])
    await settled()
    expect(fates).toEqual(['pending', 'pending', 'pending', 'pending'])
    expect(await whole(before, name)).toBe('')
    gated.waiting[0]?.pass()
    await settled()
    expect(await whole(before, name)).toBe('a')
    expect(fates).toEqual(['pending', 'pending', 'pending', 'pending'])
    gated.waiting[0]?.pass()
    await settled()
    expect(fates).toEqual(['accepted', 'duplicate', 'appended', 'closed'])
  })

  test('to a creation comes only after the store kept it', async () => {
    const gated = gate(openMemoryStore(), ['commit'])
    const { streams } = openStreams(gated.store)
    const fates = watch([streams.create(name, creation({ body: utf8('a') }))])
    await settled()
    gated.waiting[0]?.pass()
    await settled()
    expect(fates).toEqual(['pending'])
    gated.waiting[0]?.pass()
    await settled()
    expect(fates).toEqual(['created'])
  })
})

describe('Two processes over one store', () => {
  test('a commit that came second is decided again on what the first one left', async () => {
    const inner = openMemoryStore()
    const gated = gate(inner, ['commit'])
    const { streams: slow } = openStreams(gated.store)
    const { streams: quick } = openStreams(inner)
    await quick.create(name, creation())
    const fates = watch([
      slow.append(name, appendOf('a', producer(0))),
      slow.append(name, appendOf('b', producer(2))),
    ])
    await settled()
    await quick.append(name, appendOf('a', producer(0)))
    await quick.append(name, appendOf('x', producer(1)))
    gated.open()
    await settled()
    // Decided first: accepted and a gap. Decided again: a duplicate and the next one.
    expect(fates).toEqual(['duplicate', 'accepted'])
    expect(await whole(quick, name)).toBe('axb')
  })

  test('an append that lost against a close is told so, against a removal that there is nothing', async () => {
    const inner = openMemoryStore()
    const gated = gate(inner, ['commit'])
    const { streams: slow } = openStreams(gated.store)
    const { streams: quick } = openStreams(inner)
    await quick.create('stream/closed', creation())
    await quick.create('stream/gone', creation())
    const fates = watch([
      slow.append('stream/closed', appendOf('a')),
      slow.append('stream/gone', appendOf('a')),
    ])
    await settled()
    await quick.append('stream/closed', appendOf('', { close: true }))
    await quick.remove('stream/gone')
    gated.open()
    await settled()
    expect(fates).toEqual(['closed', 'missing'])
  })

  test('of two creations at once one is the first', async () => {
    const store = openMemoryStore()
    const servers = [openStreams(store).streams, openStreams(store).streams]
    const outcomes = await Promise.all(
      servers.map((streams, at) => streams.create(name, creation({ body: utf8(`${at}`) }))),
    )
    expect(outcomes.map(({ kind }) => kind).toSorted()).toEqual(['created', 'exists'])
    const first = outcomes.findIndex(({ kind }) => kind === 'created')
    expect(await whole(openStreams(store).streams, name)).toBe(`${first}`)
  })

  test('each batch of a producer that sends everything to both is stored once', async () => {
    const schedule = fc.array(fc.nat(20), { maxLength: 80 })
    await fc.assert(
      fc.asyncProperty(schedule, fc.integer({ min: 1, max: 5 }), async (numbers, count) => {
        const inner = openMemoryStore()
        const world = new FakeWorld()
        await new Streams({ store: inner, world, readBytes: 100 }).create(name, creation())
        const gates = [gate(inner), gate(inner)]
        const servers = gates.map(({ store }) => new Streams({ store, world, readBytes: 100 }))
        const fates: string[][] = []
        const steps = Array.from({ length: count }, (_, seq) => () => {
          fates.push(watch(servers.map(streams => streams.append(name, appendOf(`${seq}`, producer(seq))))))
        })
        await play(gates, steps, chosenBy(numbers))
        for (const pair of fates) {
          expect(pair.filter(kind => kind === 'accepted').length).toBeLessThanOrEqual(1)
          expect(pair.filter(kind => !['accepted', 'duplicate', 'gap'].includes(kind))).toEqual([])
        }
        const accepted = fates.filter(pair => pair.includes('accepted')).length
        const { streams } = openStreams(inner)
        expect(await whole(streams, name)).toBe(Array.from({ length: accepted }, (_, seq) => seq).join(''))
      }),
      { numRuns: 100 },
    )
  }, 60_000)
})

describe('A failure of the store', () => {
  test('reaches every command of the turn it ended, and none before or after', async () => {
    const inner = openMemoryStore()
    let isFull = false
    const { streams } = openStreams(failing(inner, () => isFull))
    await streams.create(name, creation())
    const before = watch([streams.append(name, appendOf('a'))])
    await settled()
    isFull = true
    const during = watch([streams.append(name, appendOf('b')), streams.append(name, appendOf('c'))])
    await settled()
    isFull = false
    const after = watch([streams.append(name, appendOf('d'))])
    await settled()
    expect([before, during, after]).toEqual([['appended'], ['full', 'full'], ['appended']])
    expect(await whole(streams, name)).toBe('ad')
  })

  test('on one stream does not reach another', async () => {
    const inner = openMemoryStore()
    const { streams } = openStreams(failing(inner, change => (change.appends?.[0]?.length ?? 0) > 10))
    await streams.create('stream/a', creation())
    await streams.create('stream/b', creation())
    const fates = watch([
      streams.append('stream/a', appendOf('more than ten bytes')),
      streams.append('stream/b', appendOf('few')),
    ])
    await settled()
    expect(fates).toEqual(['full', 'appended'])
  })

  test('while loading reaches those who asked for it, and those who come later are served', async () => {
    const gated = gate(openMemoryStore(), ['load'])
    const { streams } = openStreams(gated.store)
    const fates = watch([streams.append(name, appendOf('a'))])
    await settled()
    gated.waiting[0]?.fail(new StoreFailure('damaged', 'a checksum differs'))
    await settled()
    expect(fates).toEqual(['damaged'])
    gated.open()
    expect(await streams.append(name, appendOf('a'))).toEqual({ kind: 'missing' })
  })

  test('for good is told to everybody from then on', async () => {
    let broken = false
    const store = openMemoryStore({
      onWrite: write => (broken ? Promise.reject(new Error('EIO')) : write()),
    })
    const { streams } = openStreams(store)
    await streams.create(name, creation())
    await streams.append(name, appendOf('a'))
    broken = true
    const fates = watch([streams.append(name, appendOf('b'))])
    await settled()
    broken = false
    const later = watch([streams.append(name, appendOf('c')), streams.create('stream/t', creation())])
    await settled()
    expect([...fates, ...later]).toEqual(['failed', 'failed', 'failed'])
    expect(await whole(streams, name)).toBe('a')
  })
})
