import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ContentType } from '../../protocol/index.ts'
import { locate } from '../../server/rules/locate.ts'
import { offsetAt } from '../../server/rules/parts.ts'
import { openLmdbStore } from '../../server/store/lmdb.ts'
import { openMemoryStore } from '../../server/store/memory.ts'
import type { Store } from '../../server/store/store.ts'
import { Batch } from '../../server/streams/batch.ts'
import { Streams } from '../../server/streams/streams.ts'
import { Copies } from './copies.ts'
import { appendOf, creation, forking, stateOf, text, utf8 } from './fixture.ts'
import { checkLineage } from './lineage.ts'
import { FakeWorld } from './world.ts'

const contentType = ContentType.binary

/** One thing that happens. Numbers choose among what there is, modulo how much that is. */
type Event =
  | { readonly kind: 'create'; readonly name: number; readonly body: string; readonly life: number }
  | { readonly kind: 'append'; readonly name: number; readonly body: string }
  | ({ readonly kind: 'fork' } & Forking)
  | { readonly kind: 'close' | 'remove'; readonly name: number }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'restart' }

interface Forking {
  readonly name: number
  readonly source: number
  /** The place to fork at; one more than there are is the tail, left out. */
  readonly mark: number
  readonly subOffset: number
  readonly body: string
  readonly life: number
}

const name = fc.nat(5)
const body = fc.stringMatching(/^[a-z]{1,6}$/)
/** 0 for ever, or milliseconds. */
const life = fc.constantFrom(0, 0, 0, 20, 60)
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('create' as const), name, body, life }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('append' as const), name, body }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('fork' as const),
      name,
      source: name,
      mark: fc.nat(20),
      subOffset: fc.constantFrom(0, 0, 1, 2, 6, 7),
      body: fc.oneof(fc.constant(''), body),
      life,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('close' as const), name }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('remove' as const), name }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(40) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
)

interface Stage {
  readonly store: Store
  readonly prefix: string
  readonly readBytes: number
}

/** The real streams beside the copies. Whatever is asked of both has one answer. */
class Pair {
  readonly #stage: Stage
  readonly #world = new FakeWorld()
  readonly #copies = new Copies()
  #streams: Streams

  constructor(stage: Stage) {
    this.#stage = stage
    this.#streams = this.#open()
  }

  async happen(one: Event): Promise<void> {
    switch (one.kind) {
      case 'create':
        return this.#create(this.#name(one.name), one.body, one.life)
      case 'append':
        return this.#append(this.#name(one.name), one.body)
      case 'fork':
        return this.#fork(one)
      case 'close':
        return this.#close(this.#name(one.name))
      case 'remove':
        return this.#remove(this.#name(one.name))
      case 'pass':
        return this.#pass(one.ms)
      case 'restart':
        this.#streams = this.#open()
    }
  }

  /** Every stream from every place it ever gave out. */
  async check(): Promise<void> {
    const { store, prefix } = this.#stage
    await checkLineage(store, prefix)
    expect(await store.list(prefix, undefined, 100)).toEqual(this.#copies.names)
    for (let number = 0; number <= 5; number++) {
      const one = this.#name(number)
      const copy = this.#copies.alive(one)
      if (copy) {
        const tokens = copy.marks.map(({ token }) => token)
        expect(tokens.toSorted()).toEqual(tokens)
        for (const { token, at } of copy.marks) expect(await this.#read(one, token)).toBe(copy.text.slice(at))
        expect(await this.#read(one, undefined)).toBe(copy.text)
      } else {
        expect(await this.#streams.load(one)).toBeUndefined()
        expect(await this.#streams.absence(one)).toBe(this.#copies.absence(one))
      }
    }
  }

  /** Deletes whatever is alive; then the store must be empty. */
  async end(): Promise<void> {
    for (let number = 0; number <= 5; number++) await this.#remove(this.#name(number))
    expect(await this.#stage.store.list(this.#stage.prefix, undefined, 100)).toEqual([])
  }

  #open(): Streams {
    const { store, readBytes } = this.#stage
    return new Streams({ store, world: this.#world, readBytes })
  }

  #name(number: number): string {
    return `${this.#stage.prefix}${number}`
  }

  #ends(life: number): { readonly expiresAt?: number } {
    return life > 0 ? { expiresAt: this.#world.now() + life } : {}
  }

  async #pass(ms: number): Promise<void> {
    this.#world.time += ms
    this.#copies.expire(this.#world.now())
    while ((await this.#streams.sweep(3)) > 0) await checkLineage(this.#stage.store, this.#stage.prefix)
  }

  async #create(one: string, first: string, life: number): Promise<void> {
    const ends = this.#ends(life)
    const config = { contentType, ...ends }
    const outcome = await this.#streams.create(one, creation({ config, body: utf8(first) }))
    if (this.#copies.alive(one)) expect(['exists', 'mismatch']).toContain(outcome.kind)
    else if (this.#copies.absence(one) === 'deleted') expect(outcome).toEqual({ kind: 'deleted' })
    else if (outcome.kind !== 'created') throw new Error(`${outcome.kind} instead of created`)
    else {
      const { state } = outcome
      const marks = [0, state.tail].map(at => ({ token: offsetAt(state, at), at }))
      this.#copies.create(one, { text: first, marks, ends: ends.expiresAt, source: undefined })
    }
  }

  async #append(one: string, more: string): Promise<void> {
    const outcome = await this.#streams.append(one, appendOf(more))
    const copy = this.#copies.alive(one)
    if (!copy) expect(outcome).toEqual({ kind: this.#copies.absence(one) })
    else if (copy.closed) expect(outcome).toMatchObject({ kind: 'closed' })
    else if (outcome.kind !== 'appended') throw new Error(`${outcome.kind} instead of appended`)
    else this.#copies.append(one, more, offsetAt(outcome.state, outcome.state.tail))
  }

  async #close(one: string): Promise<void> {
    const outcome = await this.#streams.append(one, appendOf('', { close: true }))
    const copy = this.#copies.alive(one)
    if (copy) copy.closed = true
    expect(outcome.kind).toBe(copy ? 'appended' : this.#copies.absence(one))
  }

  async #remove(one: string): Promise<void> {
    const wasAlive = this.#copies.alive(one) !== undefined
    expect((await this.#streams.remove(one)) !== undefined).toBe(wasAlive)
    if (wasAlive) this.#copies.remove(one)
  }

  async #fork(event: Forking): Promise<void> {
    const [one, source] = [this.#name(event.name), this.#name(event.source)]
    const copy = this.#copies.alive(source)
    const mark = copy?.marks[event.mark % (copy.marks.length + 1)]
    const following = copy?.marks[copy.marks.indexOf(mark ?? { token: '', at: 0 }) + 1]
    const subOffset = mark ? event.subOffset : 0
    const lifetime = this.#ends(event.life)
    const wanted = { offset: mark?.token, subOffset, body: utf8(event.body), lifetime }
    const outcome = await this.#streams.fork(one, forking(source, wanted))
    if (this.#copies.alive(one)) return expect(['exists', 'mismatch']).toContain(outcome.kind)
    if (this.#copies.absence(one) === 'deleted') return expect(outcome).toEqual({ kind: 'deleted' })
    if (!copy) {
      const kind = this.#copies.absence(source) === 'deleted' ? 'sourceDeleted' : 'sourceMissing'
      return expect(outcome).toEqual({ kind })
    }
    const point = mark ?? copy.marks.at(-1)
    if (!point) throw new Error('every stream has a beginning')
    const append = following ? copy.text.slice(point.at, following.at) : ''
    if (subOffset > append.length) return expect(outcome).toEqual({ kind: 'badSubOffset' })
    if (outcome.kind !== 'created') throw new Error(`${outcome.kind} instead of created`)
    const { state } = outcome
    const marks = copy.marks.slice(0, copy.marks.indexOf(point) + 1)
    let all = copy.text.slice(0, point.at)
    for (const own of [append.slice(0, subOffset), event.body]) {
      all += own
      if (own !== '') marks.push({ token: offsetAt(state, all.length), at: all.length })
    }
    expect(offsetAt(state, state.tail)).toBe(marks.at(-1)?.token)
    const ends = lifetime.expiresAt ?? copy.ends
    this.#copies.create(one, { text: all, marks, ends, source })
  }

  async #read(one: string, token: string | undefined): Promise<string> {
    const state = await stateOf(this.#streams, one)
    const place = locate(state, token)
    if (place.kind !== 'at') return place.kind
    let all = ''
    for (let { position } = place; position < state.tail; ) {
      const batch = await this.#streams.slice(one, state, position)
      if (!(batch instanceof Batch)) return batch
      all += text(batch.body())
      position = batch.to
    }
    return all
  }
}

const plays = fc.record({
  events: fc.array(event, { minLength: 5, maxLength: 60, size: 'max' }),
  readBytes: fc.constantFrom(1, 7, 1 << 20),
})

let round = 0
const playOut = async (store: Store, { events, readBytes }: { events: Event[]; readBytes: number }) => {
  const pair = new Pair({ store, prefix: `stream/${round++}/`, readBytes })
  await pair.happen({ kind: 'create', name: 0, body: 'first', life: 0 })
  for (const one of events) {
    await pair.happen(one)
    await pair.check()
  }
  await pair.end()
}

test('In memory forks are as good as copies, whatever happens to them', async () => {
  await fc.assert(
    fc.asyncProperty(plays, play => playOut(openMemoryStore(), play)),
    { numRuns: 150 },
  )
}, 120_000)

test('On disk forks are as good as copies, whatever happens to them', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'forks-'))
  const store = await openLmdbStore({ directory })
  try {
    await fc.assert(
      fc.asyncProperty(plays, play => playOut(store, play)),
      { numRuns: 25 },
    )
  } finally {
    await store.close()
    await rm(directory, { recursive: true })
  }
}, 120_000)
