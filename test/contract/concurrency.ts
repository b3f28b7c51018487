import { expect } from 'vitest'
import type { Entry, Position, Revision, Store } from '../../server/store/store.ts'
import { bytes, everything, type Open, text } from './fixture.ts'
import { storeTest } from './setup.ts'

/**
 * Many writers at once, each with an idea of the current revision that may be old. Afterwards the winners must form one
 * chain to a life of a name, and everything any reader saw must be a state on such a chain.
 */
export const concurrencyContract = (open: Open): void => {
  const test = storeTest(open)

  for (const [names, seed] of [
    [1, 1],
    [1, 2],
    [3, 3],
    [40, 4],
  ] as const) {
    test(`[S3] [S7] the history of writers at once over ${names} names is one line each, seed ${seed}`, async opened => {
      const history = new History()
      const writers = Array.from({ length: 24 }, (_, id) =>
        write(opened.store, names, history, seed * 1_000 + id),
      )
      await Promise.all(writers)
      history.checkLines()
      history.checkObservations()
      await history.checkNow(opened.store, names)
      if (opened.reopen) await history.checkNow(await opened.reopen(), names)
    })
  }
}

/** A state of a name as the commit that made it meant it. */
interface Point {
  readonly name: string
  readonly id: string
  readonly parent: string | undefined
  readonly start: Position
  readonly tail: Position
  /** Of all commits of this life, in order. */
  readonly records: readonly string[]
}

const key = ({ generation, version }: Revision): string => `${generation}.${version}`

class History {
  readonly #points = new Map<string, Point>()
  readonly #removed = new Set<string>()
  readonly #seen: { readonly name: string; readonly entry: Entry }[] = []

  committed(name: string, expected: Entry | undefined, revision: Revision, id: string, wrote: Wrote): void {
    expect(this.#points.has(key(revision))).toBe(false)
    this.#points.set(key(revision), {
      name,
      id,
      parent: expected && key(expected.revision),
      start: wrote.start ?? expected?.start ?? 0,
      tail: (expected?.tail ?? 0) + wrote.records.join('').length,
      records: wrote.records,
    })
  }

  removed(revision: Revision): void {
    expect(this.#removed.has(key(revision))).toBe(false)
    this.#removed.add(key(revision))
  }

  saw(name: string, entry: Entry): void {
    this.#seen.push({ name, entry })
  }

  /** No state was built upon twice, none of another life, none after its removal. */
  checkLines(): void {
    const used = new Set<string>()
    expect(this.#points.size).toBeGreaterThan(20)
    for (const [at, { parent }] of this.#points) {
      if (parent === undefined) continue
      expect(used.has(parent)).toBe(false)
      expect(this.#removed.has(parent)).toBe(false)
      expect(parent.split('.')[0]).toBe(at.split('.')[0])
      used.add(parent)
    }
  }

  checkObservations(): void {
    for (const { name, entry } of this.#seen) this.#check(name, entry)
  }

  /** What the store holds now is the end of a line, records included. */
  async checkNow(store: Store, names: number): Promise<void> {
    const ends = new Set(this.#points.keys())
    for (const { parent } of this.#points.values()) if (parent) ends.delete(parent)
    for (const at of this.#removed) ends.delete(at)
    expect([...ends].map(at => this.#points.get(at)?.name).sort()).toEqual(
      [...(await store.list('', undefined, 1_000))].sort(),
    )
    for (let index = 0; index < names; index++) {
      const entry = await store.load(`name ${index}`, ['last'])
      if (!entry) continue
      expect(ends.has(key(entry.revision))).toBe(true)
      this.#check(`name ${index}`, entry)
      const records = this.#line(key(entry.revision)).flatMap(point => point.records)
      let position = 0
      const expected = records.flatMap(record => {
        const line = position >= entry.start ? [`${position}:${record}`] : []
        position += record.length
        return line
      })
      expect(await everything(store, entry.revision.generation)).toEqual(expected)
    }
  }

  #check(name: string, entry: Entry): void {
    const point = this.#points.get(key(entry.revision))
    expect(point).toMatchObject({ name, id: text(entry.head), start: entry.start, tail: entry.tail })
    expect(text(entry.cells.get('last'))).toBe(point?.id)
  }

  #line(at: string | undefined): readonly Point[] {
    const line: Point[] = []
    for (
      let point = at && this.#points.get(at);
      point;
      point = point.parent && this.#points.get(point.parent)
    ) {
      line.unshift(point)
    }
    return line
  }
}

interface Wrote {
  readonly records: readonly string[]
  readonly start?: Position
}

const write = async (store: Store, names: number, history: History, seed: number): Promise<void> => {
  const random = generator(seed)
  const below = (end: number) => Math.floor(random() * end)
  const old = new Map<string, Entry | undefined>()
  for (let turn = 0; turn < 25; turn++) {
    const name = `name ${below(names)}`
    const id = `${seed}/${turn}`
    const now = await store.load(name, ['last'])
    if (now) history.saw(name, now)
    const expected = old.has(name) && random() < 0.2 ? old.get(name) : now
    old.set(name, now)
    if (expected && random() < 0.08) {
      if ((await store.remove(name, expected.revision)) === 'removed') history.removed(expected.revision)
      continue
    }
    const records = Array.from({ length: below(4) }, (_, index) => `${id}.${index};${'x'.repeat(below(400))}`)
    const start = expected && random() < 0.15 ? await someBoundary(store, expected, random) : undefined
    const wrote = { records, ...(start !== undefined && { start }) }
    const revision = await store.commit(name, expected?.revision, {
      head: bytes(id),
      appends: records.map(bytes),
      cells: new Map([['last', bytes(id)]]),
      ...(start !== undefined && { start }),
    })
    if (revision !== 'stale') history.committed(name, expected, revision, id, wrote)
  }
}

/** A place between two records that an entry had when it was loaded. */
const someBoundary = async (store: Store, entry: Entry, random: () => number): Promise<Position> => {
  const { records } = await store.read(entry.revision.generation, entry.start, 1 << 20)
  const places = [entry.start, ...records.map(record => record.position), entry.tail]
  const fitting = places.filter(place => place >= entry.start && place <= entry.tail)
  return fitting[Math.floor(random() * fitting.length)] ?? entry.start
}

/** mulberry32 */
const generator = (seed: number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
