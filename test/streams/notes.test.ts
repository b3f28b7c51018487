import { describe, expect, test } from 'vitest'
import { openMemoryStore } from '../../server/store/memory.ts'
import { Batch } from '../../server/streams/batch.ts'
import { appendOf, creation, openStreams, stateOf, text, utf8, whole } from './fixture.ts'
import { gate } from './gates.ts'
import { settled } from './world.ts'

const name = 'stream/s'

const noted = async (opened: ReturnType<typeof openStreams>, key: string): Promise<string | undefined> => {
  const note = await opened.streams.note(name, key)
  return note?.bytes && text(note.bytes)
}

describe('A note', () => {
  test('is written with the creation, or set later, and kept apart from others', async () => {
    const opened = openStreams()
    await opened.streams.create(name, creation(), new Map([['a', utf8('1')]]))
    const { generation } = await stateOf(opened.streams, name)
    expect(await opened.streams.annotate(name, generation, 'b', () => utf8('2'))).toBe(true)
    expect([await noted(opened, 'a'), await noted(opened, 'b'), await noted(opened, 'c')]).toEqual([
      '1',
      '2',
      undefined,
    ])
  })

  test('of a stream that is not there is not there', async () => {
    const { streams } = openStreams()
    expect(await streams.note(name, 'a')).toBeUndefined()
    expect(await streams.annotate(name, 1, 'a', () => utf8('1'))).toBe(false)
  })

  test('is left alone when its owner says so, and nothing is written', async () => {
    let writes = 0
    const store = openMemoryStore({
      onWrite: write => {
        writes++
        return write()
      },
    })
    const { streams } = openStreams(store)
    await streams.create(name, creation())
    const { generation } = await stateOf(streams, name)
    writes = 0
    expect(await streams.annotate(name, generation, 'a', () => undefined)).toBe(false)
    expect(writes).toBe(0)
  })

  test('of an earlier life of the stream is not written into a later one', async () => {
    const opened = openStreams()
    await opened.streams.create(name, creation())
    const { generation } = await stateOf(opened.streams, name)
    await opened.streams.remove(name)
    await opened.streams.create(name, creation())
    expect(await opened.streams.annotate(name, generation, 'a', () => utf8('1'))).toBe(false)
    expect(await noted(opened, 'a')).toBeUndefined()
  })

  test('goes with its stream', async () => {
    const opened = openStreams()
    await opened.streams.create(name, creation(), new Map([['a', utf8('1')]]))
    await opened.streams.remove(name)
    await opened.streams.create(name, creation())
    expect(await noted(opened, 'a')).toBeUndefined()
  })

  test('set by many at once is compared and set by each in turn', async () => {
    const opened = openStreams()
    await opened.streams.create(name, creation())
    const { generation } = await stateOf(opened.streams, name)
    const plusOne = (current: Uint8Array | undefined) => utf8(`${Number(current ? text(current) : 0) + 1}`)
    await Promise.all(
      Array.from({ length: 50 }, () => opened.streams.annotate(name, generation, 'count', plusOne)),
    )
    expect(await noted(opened, 'count')).toBe('50')
  })

  test('set by two processes at once is decided again by the slower one', async () => {
    const inner = openMemoryStore()
    const gated = gate(inner, ['commit'])
    const slow = openStreams(gated.store)
    const quick = openStreams(inner)
    await quick.streams.create(name, creation())
    const { generation } = await stateOf(quick.streams, name)
    const seen: (string | undefined)[] = []
    const highest = (wanted: string) => (current: Uint8Array | undefined) => {
      seen.push(current && text(current))
      return current && text(current) >= wanted ? undefined : utf8(wanted)
    }
    const late = slow.streams.annotate(name, generation, 'a', highest('5'))
    await settled()
    expect(await quick.streams.annotate(name, generation, 'a', highest('7'))).toBe(true)
    gated.open()
    expect(await late).toBe(false)
    expect(seen).toEqual([undefined, undefined, '7'])
    expect(await noted(quick, 'a')).toBe('7')
  })

  test('changes neither the bytes of the stream nor what its live readers get', async () => {
    const { streams } = openStreams()
    await streams.create(name, creation({ body: utf8('abc') }))
    const before = await stateOf(streams, name)
    await streams.annotate(name, before.generation, 'a', () => utf8('1'))
    expect(await stateOf(streams, name)).toEqual(before)
  })
})

describe('Trimming', () => {
  const trimmed = async () => {
    const opened = openStreams()
    await opened.streams.create(name, creation())
    for (const body of ['abc', 'de', 'f']) await opened.streams.append(name, appendOf(body))
    const { generation } = await stateOf(opened.streams, name)
    return { ...opened, generation }
  }

  test('forgets what lies before a position, and only forwards', async () => {
    const { streams, generation } = await trimmed()
    expect(await streams.trim(name, generation, 3)).toBe(true)
    expect(await stateOf(streams, name)).toMatchObject({ start: 3, tail: 6 })
    expect(await whole(streams, name)).toBe('def')
    for (const position of [0, 2, 3]) expect(await streams.trim(name, generation, position)).toBe(false)
    expect(await streams.trim(name, generation, 6)).toBe(true)
    expect(await whole(streams, name)).toBe('')
    await streams.append(name, appendOf('g'))
    expect(await whole(streams, name)).toBe('g')
  })

  test('reaches neither beyond the tail nor into another life of the stream', async () => {
    const { streams, generation } = await trimmed()
    expect(await streams.trim(name, generation, 7)).toBe(false)
    expect(await streams.trim(name, generation - 1, 3)).toBe(false)
    expect(await streams.trim('stream/none', generation, 3)).toBe(false)
    expect(await whole(streams, name)).toBe('abcdef')
  })

  test('is told apart from a position that never was an offset', async () => {
    const { streams, generation } = await trimmed()
    const before = await stateOf(streams, name)
    expect(await streams.slice(name, before, 1)).toBe('split')
    await streams.trim(name, generation, 5)
    expect(await streams.slice(name, before, 0)).toBe('gone')
    expect(await streams.slice(name, before, 3)).toBe('gone')
    expect(await streams.slice(name, before, 5)).toBeInstanceOf(Batch)
  })
})

describe('A slice', () => {
  test('holds whole appends, as many as fit, and at least one', async () => {
    const { streams } = openStreams(openMemoryStore(), 4)
    await streams.create(name, creation())
    for (const body of ['ab', 'cd', 'e', 'longer than four', 'f']) await streams.append(name, appendOf(body))
    const state = await stateOf(streams, name)
    const slices: string[] = []
    for (let position = 0; position < state.tail; ) {
      const batch = await streams.slice(name, state, position)
      if (!(batch instanceof Batch)) throw new Error(batch)
      slices.push(`${text(batch.body())}${batch.upToDate ? '.' : ''}`)
      position = batch.to
    }
    expect(slices).toEqual(['abcd', 'e', 'longer than four', 'f.'])
  })

  test('is closed only where it ends the stream', async () => {
    const { streams } = openStreams(openMemoryStore(), 2)
    await streams.create(name, creation())
    await streams.append(name, appendOf('ab'))
    await streams.append(name, appendOf('cd', { close: true }))
    const state = await stateOf(streams, name)
    const ends = await Promise.all([0, 2, 4].map(position => streams.slice(name, state, position)))
    expect(ends.map(batch => batch instanceof Batch && batch.closed)).toEqual([false, true, true])
  })
})
