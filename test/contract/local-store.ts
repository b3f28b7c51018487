import * as Y from 'yjs'
import { encodeFrames, type Offset } from '../../protocol/index.ts'
import type { LocalStore, OpenLocalStore, StoredFlight } from '../../provider/local/local-store.ts'
import type { Place } from '../../provider/place.ts'

/** A kind of store, and what can be done to it behind its back. Runs in Node and in a page alike. */
export interface Ground {
  readonly open: OpenLocalStore
  /** Takes away everything kept under a name, also from those who have it open, as a browser does that runs out of space. */
  readonly breakIt?: (name: string) => Promise<void>
  /** Puts bytes that are no update among the updates kept under a name. */
  readonly corrupt?: (name: string) => Promise<void>
  /** How many updates are kept under a name. */
  readonly count?: (name: string) => Promise<number>
}

export interface Sentence {
  /** Begins with the number of the sentence of LocalStore. */
  readonly name: string
  /** Rejects when the sentence does not hold. */
  run(): Promise<void>
}

/** As many as a store of updates may hold at most, whatever the tabs do: the count at which they are joined, and what is on its way. */
const bound = (tabs: number): number => 500 + 16 * tabs

/** Each sentence of LocalStore, to be run in any order. */
export const localStoreContract = (ground: Ground): readonly Sentence[] => {
  const sentences: Sentence[] = []
  const sentence = (name: string, check: (desk: Desk) => Promise<void>) =>
    sentences.push({
      name,
      run: async () => {
        const desk = new Desk(ground.open, `contract-${sentences.findIndex(one => one.name === name)}`)
        await desk.visit('to begin with nothing', ({ store }) => store.clear())
        try {
          await check(desk)
        } finally {
          await desk.leave()
        }
      },
    })

  sentence('[LS1] what was stored is applied in one transaction whose origin is the store', async desk => {
    const first = await desk.open()
    for (const word of ['one ', 'two ', 'three ']) first.write(word)
    first.text.delete(0, 4)
    await first.store.close()
    const doc = new Y.Doc()
    const seen: unknown[] = []
    doc.on('update', (_update: Uint8Array, origin: unknown) => seen.push(origin))
    const second = await desk.open(doc)
    same(second.read(), 'two three ')
    same(seen.length, 1)
    same(seen[0] === second.store, true)
  })

  sentence('[LS1] every update is stored, in order, with no pause between them', async desk => {
    const first = await desk.open()
    for (let round = 0; round < 200; round++) {
      first.write(`${round} `)
      if (round % 3 === 0) first.text.delete(0, 1)
      if (round % 50 === 0) await desk.turn()
    }
    const text = first.read()
    await first.store.close()
    same((await desk.open()).read(), text)
  })

  sentence(
    '[LS1] what an observer changes while the stored updates are applied is stored as well',
    async desk => {
      await desk.visit('abc', visit => visit.write('abc'))
      const doc = new Y.Doc()
      const text = doc.getText('text')
      text.observe(event => {
        if (event.transaction.origin !== undefined && text.toString() === 'abc') {
          text.delete(0, 1)
          text.insert(2, 'd')
        }
      })
      const second = await desk.open(doc)
      same(second.read(), 'bcd')
      await second.store.close()
      same((await desk.open()).read(), 'bcd')
    },
  )

  sentence('[LS2] what the document held before is stored', async desk => {
    await desk.visit('stored', visit => visit.write('stored'))
    const doc = new Y.Doc()
    doc.getText('text').insert(0, 'before')
    const second = await desk.open(doc)
    same(second.read().length, 'storedbefore'.length)
    await second.store.close()
    same((await desk.open()).read(), second.read())
  })

  const { count } = ground
  if (count) {
    sentence('[LS2] opening it again with nothing new stores nothing', async desk => {
      await desk.visit('once', visit => visit.write('once'))
      const before = await count(desk.name)
      for (let visits = 0; visits < 5; visits++) await desk.visit('again', () => undefined)
      const doc = new Y.Doc()
      await desk.visit('a document', () => undefined, doc)
      await desk.visit('that has it all', () => undefined, doc)
      same(await count(desk.name), before)
    })
  }

  sentence('[LS3] the last place is there at the next visit, and everything before it', async desk => {
    const first = await desk.open()
    for (let round = 1; round <= 20; round++) {
      first.write(`${round} `)
      void first.store.keep(place(round))
    }
    await first.store.keep(place(21))
    const other = await desk.open() // the first is still open
    samePlace(other.store.loaded.place, place(21))
    same(other.read(), first.read())
  })

  sentence('[LS3] a place may say that everything is saved, or since when it is not', async desk => {
    await desk.visit('saved', ({ store }) => store.keep({ ...place(1), unsavedSince: undefined }))
    same((await desk.open()).store.loaded.place?.unsavedSince, undefined)
    await desk.visit('unsaved', ({ store }) => store.keep({ ...place(2), unsavedSince: 1_700_000_000_000 }))
    same((await desk.open()).store.loaded.place?.unsavedSince, 1_700_000_000_000)
  })

  sentence('[LS4] a flight is stored when that resolves, and every update before it', async desk => {
    const first = await desk.open()
    first.write('in the flight')
    const sent = flight('a', 0, 7)
    const buffer = new Uint8Array(1_000)
    buffer.set(sent.body, 100)
    await first.store.keepFlight({ ...sent, body: buffer.subarray(100, 100 + sent.body.length) })
    const other = await desk.open()
    sameFlights(other.store, [sent])
    same(other.read(), 'in the flight')
  })

  sentence('[LS4] a flight replaces the one before of its producer, and no other', async desk => {
    await desk.visit('flights', async ({ store }) => {
      await store.keepFlight(flight('a', 0, 1))
      await store.keepFlight(flight('b', 5, 2))
      void store.keepFlight(flight('a', 1, 3))
      await store.keepFlight(flight('a', 2, 4))
    })
    sameFlights((await desk.open()).store, [flight('a', 2, 4), flight('b', 5, 2)])
  })

  sentence('[LS5] a flight is dropped by its producer and seq, not by an older seq', async desk => {
    await desk.visit('two', async ({ store }) => {
      await store.keepFlight(flight('a', 1, 1))
      await store.keepFlight(flight('b', 1, 2))
      await store.dropFlight('a', 0)
      await store.dropFlight('b', 1)
      await store.dropFlight('c', 0)
    })
    await desk.visit('one', async ({ store }) => {
      sameFlights(store, [flight('a', 1, 1)])
      await store.dropFlight('a', 1)
    })
    sameFlights((await desk.open()).store, [])
  })

  if (count) {
    sentence('[LS6] the stored updates are bounded under typing without a pause', async desk => {
      const first = await desk.open()
      let most = 0
      for (let round = 0; round < 1_100; round++) {
        first.write('x')
        await desk.turn()
        if (round % 100 === 0) most = Math.max(most, await count(desk.name))
      }
      await first.store.close()
      most = Math.max(most, await count(desk.name))
      same(most <= bound(1), true, `${most} updates`)
      same((await desk.open()).read().length, 1_100)
    })
  }

  const { corrupt } = ground
  if (corrupt) {
    sentence('[LS7] what cannot be read is told and left out, and then there is no place', async desk => {
      await desk.visit('all', async ({ write, store }) => {
        write('first ')
        await store.keep(place(1))
        await store.keepFlight(flight('a', 0, 1))
      })
      await corrupt(desk.name)
      await desk.visit('more', ({ write }) => write('second '))
      const told = desk.problems.length
      same(told > 0, true, 'nothing was told')
      const after = await desk.open()
      same(desk.problems.length, told)
      same(after.read(), 'first second ')
      same(after.store.loaded.place, undefined)
      sameFlights(after.store, [flight('a', 0, 1)])
      await after.store.keep(place(2))
      samePlace((await desk.open()).store.loaded.place, place(2))
    })

    sentence('[LS7] a place kept by a tab that was there before is not ahead of what is left', async desk => {
      const first = await desk.open()
      first.write('first ')
      await first.store.keepFlight(flight('a', 0, 1))
      await corrupt(desk.name)
      const second = await desk.open()
      same(desk.problems.length, 1)
      first.write('later ')
      await first.store.keep(place(2))
      await Promise.all([first.store.close(), second.store.close()])
      const third = await desk.open()
      same(third.read(), 'first later ')
      samePlace(third.store.loaded.place, place(2))
    })
  }

  const { breakIt } = ground
  if (breakIt) {
    sentence('[LS8] a store that is taken away is told and given everything again', async desk => {
      const first = await desk.open()
      first.write('before ')
      await first.store.keep(place(1))
      await first.store.keepFlight(flight('a', 3, 1))
      await breakIt(desk.name)
      first.write('after ')
      await first.store.keepFlight(flight('b', 0, 2))
      await first.store.keep(place(2))
      await first.store.close()
      same(desk.problems.length > 0, true, 'nothing was told')
      const second = await desk.open()
      same(second.read(), 'before after ')
      samePlace(second.store.loaded.place, place(2))
      sameFlights(second.store, [flight('a', 3, 1), flight('b', 0, 2)])
    })

    sentence('[LS8] an open store without edits is given everything again, too', async desk => {
      const first = await desk.open()
      first.write('all there is')
      await first.store.keepFlight(flight('a', 0, 1))
      await breakIt(desk.name)
      await first.store.close()
      same((await desk.open()).read(), 'all there is')
    })
  }

  sentence('[LS9] nothing is left by clear, and nothing stored after it', async desk => {
    const first = await desk.open()
    first.write('secret')
    await first.store.keep(place(1))
    await first.store.keepFlight(flight('a', 0, 1))
    first.write('on its way')
    void first.store.keep(place(2))
    const cleared = first.store.clear()
    first.write('later')
    await first.store.keep(place(3))
    await first.store.keepFlight(flight('b', 0, 1))
    await first.store.dropFlight('a', 0)
    await cleared
    first.write('much later')
    await first.store.close()
    await desk.isEmpty()
  })

  sentence('[LS9] another tab that had it open stores nothing after it either, and is told', async desk => {
    const [first, second] = [await desk.open(), await desk.open()]
    first.write('secret')
    second.write('secret, too')
    await first.store.clear()
    second.write('later')
    await second.store.keep(place(2))
    await second.store.keepFlight(flight('b', 0, 1))
    await second.store.close()
    same(desk.problems.length, 1)
    await desk.isEmpty()
    await desk.visit('begin anew', ({ write }) => write('new'))
    same((await desk.open()).read(), 'new')
  })

  sentence('[LS10] what was called before close is stored, what comes after is not', async desk => {
    const first = await desk.open()
    first.write('be')
    await Promise.resolve()
    first.write('fore')
    void first.store.keep(place(1))
    void first.store.keepFlight(flight('a', 0, 1))
    void first.store.keepFlight(flight('b', 0, 2))
    void first.store.dropFlight('b', 0)
    const closed = first.store.close()
    first.write('after')
    await first.store.keep(place(2))
    await first.store.keepFlight(flight('c', 0, 3))
    await first.store.dropFlight('a', 0)
    await closed
    await first.store.close()
    const second = await desk.open()
    same(second.read(), 'before')
    samePlace(second.store.loaded.place, place(1))
    sameFlights(second.store, [flight('a', 0, 1)])
  })

  sentence('[LS11] what either of two tabs stored is there for the next', async desk => {
    const [first, second] = [await desk.open(), await desk.open()]
    for (let round = 0; round < 30; round++) {
      first.write('a')
      second.write('b')
      if (round % 5 === 0) await first.store.keepFlight(flight('a', round, round))
    }
    await Promise.all([first.store.close(), second.store.close()])
    const text = (await desk.open()).read()
    same([...text].sort().join(''), 'a'.repeat(30) + 'b'.repeat(30))
  })

  if (count) {
    sentence(
      '[LS6] [LS11] of twelve tabs that join all the time nothing is lost, and it is bounded',
      async desk => {
        const tabs = await Promise.all(Array.from({ length: 12 }, () => desk.open()))
        for (let round = 0; round < 100; round++) {
          for (const tab of tabs) tab.write('x')
          await desk.turn()
        }
        await Promise.all(tabs.map(({ store }) => store.close()))
        const stored = await count(desk.name)
        same(stored <= bound(12), true, `${stored} updates`)
        same((await desk.open()).read().length, 12 * 100)
      },
    )
  }
  return sentences
}

interface Visit {
  readonly store: LocalStore
  readonly text: Y.Text
  /** At the end. */
  write(words: string): void
  read(): string
}

/** The stores that a sentence opens, all under one name. */
class Desk {
  readonly name: string
  readonly problems: unknown[] = []
  readonly #open: OpenLocalStore
  readonly #stores: LocalStore[] = []

  constructor(open: OpenLocalStore, name: string) {
    this.#open = open
    this.name = name
  }

  async open(doc: Y.Doc = new Y.Doc()): Promise<Visit> {
    const onProblem = (problem: unknown) => this.problems.push(problem)
    const store = await this.#open({ name: this.name, doc, onProblem })
    this.#stores.push(store)
    const text = doc.getText('text')
    return {
      store,
      text,
      write: words => text.insert(text.length, words),
      read: () => text.toString(),
    }
  }

  /** Opens, does something, closes. */
  async visit(_why: string, act: (visit: Visit) => unknown, doc?: Y.Doc): Promise<void> {
    const visit = await this.open(doc)
    await act(visit)
    await visit.store.close()
  }

  /** Lets the page finish what it does, so that what follows is another task of it. */
  turn(): Promise<void> {
    const { port1, port2 } = new MessageChannel()
    return new Promise(resolve => {
      port1.onmessage = () => {
        port1.close()
        resolve()
      }
      port2.postMessage(undefined)
    })
  }

  async isEmpty(): Promise<void> {
    const { store, read } = await this.open()
    same(read(), '')
    same(store.loaded.place, undefined)
    sameFlights(store, [])
    await store.close()
  }

  async leave(): Promise<void> {
    await Promise.all(this.#stores.map(store => store.close()))
  }
}

const place = (round: number): Place => ({
  offset: `0000000000000001_${String(round).padStart(16, '0')}` as Offset,
  ledger: new Uint8Array([0, round, 255]),
  unsavedSince: undefined,
})

/** A request that deletes the first that the client of this number, below 128, ever inserted. */
export const requestOf = (client: number): Uint8Array =>
  encodeFrames([new Uint8Array([0, 1, client, 1, 0, 1])])

const flight = (producerId: string, seq: number, client: number): StoredFlight => ({
  producerId,
  seq,
  body: requestOf(client),
  // The first of a producer may have been sent before anything was read.
  ...(seq > 0 && { basis: `1_${seq}` as Offset }),
})

const same = (found: unknown, expected: unknown, what = ''): void => {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)]
  if (a !== b) throw new Error(`${what === '' ? '' : `${what}: `}found ${a}, not ${b}`)
}

const samePlace = (found: Place | undefined, expected: Place): void =>
  same(found && { ...found, ledger: [...found.ledger] }, { ...expected, ledger: [...expected.ledger] })

const sameFlights = ({ loaded }: LocalStore, expected: readonly StoredFlight[]): void => {
  const plain = (flights: readonly StoredFlight[]) =>
    flights.map(({ producerId, seq, body, basis }) => `${producerId} ${seq} ${[...body]} ${basis}`).sort()
  same(plain(loaded.flights), plain(expected))
}
