import { expect, test } from 'vitest'
import type { Basis, BasisOutcome } from '../../server/rules/basis.ts'
import type { AppendOutcome } from '../../server/rules/outcome.ts'
import { StoreFailure } from '../../server/store/failure.ts'
import { openMemoryStore } from '../../server/store/memory.ts'
import type { Store } from '../../server/store/store.ts'
import type { Streams } from '../../server/streams/streams.ts'
import { appendOf, creation, openStreams, stateOf, utf8, whole } from './fixture.ts'
import { gate } from './gates.ts'
import { settled } from './world.ts'

const name = 'stream/s'

/** What is appended was made for the stream as it is now. */
const basisOf = async (streams: Streams): Promise<Basis> => {
  const { generation, tail } = await stateOf(streams, name)
  return { generation, position: tail, sound: true, exact: true }
}

const kinds = async (outcomes: readonly Promise<AppendOutcome | BasisOutcome>[]): Promise<string[]> =>
  (await Promise.all(outcomes)).map(({ kind }) => kind)

/** A server of two on one store, whose commits are held, and the other one. */
const opened = async () => {
  const store = openMemoryStore()
  const gated = gate(store, ['commit'], ['asked'])
  const { streams: other } = openStreams(store)
  await other.create(name, creation())
  const { streams } = openStreams(gated.store)
  return { gated, streams, other, basis: await basisOf(other) }
}

test('What was judged at the tail holds after all that the same server appends before its turn, in this turn or the next', async () => {
  const { gated, streams, basis } = await opened()
  const append = (body: string) => streams.append(name, appendOf(body), basis)
  const first = [append('a'), append('b')]
  await settled()
  const second = [append('c'), append('d')]
  gated.waiting[0]?.pass()
  await settled()
  const third = [append('e')]
  gated.open()
  expect(await kinds([...first, ...second, ...third])).toEqual(Array(5).fill('appended'))
  expect(await whole(streams, name)).toBe('abcde')
})

test('It does not hold after what another server appended, before this one or in between', async () => {
  const { gated, streams, other, basis } = await opened()
  const append = (body: string) => streams.append(name, appendOf(body), basis)
  const before = [append('a'), append('b')]
  await settled()
  await other.append(name, appendOf('x'))
  gated.waiting[0]?.pass()
  await settled()
  expect(await kinds(before)).toEqual(['moved', 'moved'])

  const again = { ...basis, position: 1 }
  const first = streams.append(name, appendOf('a'), again)
  await settled()
  const second = streams.append(name, appendOf('b'), again)
  gated.waiting[0]?.pass()
  await settled()
  await other.append(name, appendOf('y'))
  gated.open()
  expect(await kinds([first, second])).toEqual(['appended', 'moved'])
  expect(await whole(other, name)).toBe('xay')
})

test('A judgement that is not exact holds whoever appended in between', async () => {
  const { gated, streams, other, basis } = await opened()
  const appended = streams.append(name, appendOf('a'), { ...basis, exact: false })
  await settled()
  await other.append(name, appendOf('x'))
  gated.open()
  expect((await appended).kind).toBe('appended')
})

test('What another server does without appending moves nothing', async () => {
  const { gated, streams, other, basis } = await opened()
  const append = (body: string) => streams.append(name, appendOf(body), basis)
  const first = [append('a')]
  await settled()
  const second = [append('b')]
  gated.waiting[0]?.pass()
  await settled()
  expect(await other.annotate(name, basis.generation, 'note', () => utf8('n'))).toBe(true)
  gated.open()
  expect(await kinds([...first, ...second])).toEqual(['appended', 'appended'])
})

test('A commit of which it is not known whether it was done counts as somebody else’s', async () => {
  const inner = openMemoryStore()
  const { streams: other } = openStreams(inner)
  await other.create(name, creation())
  const basis = await basisOf(other)
  let lost = 0
  const store: Store = {
    ...gate(inner, []).store,
    async commit(entry, expected, change) {
      const revision = await inner.commit(entry, expected, change)
      if (lost++ === 0) throw new StoreFailure('failed', 'the connection broke')
      return revision
    },
  }
  const { streams } = openStreams(store)
  const first = streams.append(name, appendOf('a'), basis)
  await Promise.resolve()
  const second = streams.append(name, appendOf('b'), basis)
  await expect(first).rejects.toThrow(StoreFailure)
  expect((await second).kind).toBe('moved')
  expect(await whole(other, name)).toBe('a')
})

test('Nothing is remembered between one burst of commands and the next', async () => {
  const { streams } = openStreams()
  await streams.create(name, creation())
  const basis = await basisOf(streams)
  expect((await streams.append(name, appendOf('a'), basis)).kind).toBe('appended')
  await settled()
  const moved = await streams.append(name, appendOf('b'), basis)
  expect(moved).toMatchObject({ kind: 'moved', state: { generation: basis.generation, tail: 1 } })
})
