import { setMaxListeners } from 'node:events'
import * as prng from 'lib0/prng'
import { beforeAll, expect, test } from 'vitest'
import { DurableStream } from '../../client/index.ts'
import { ContentType, Live, Path, Query, Sentinel } from '../../protocol/index.ts'
import { type Served, serve } from './launch.ts'
import { isKept, openCache } from './nginx.ts'

const path = `${Path.streams}crowd`

let server: Served
let cache: string
beforeAll(async () => {
  server = await serve(['--store', 'memory', '--log-level', 'debug', '--long-poll-ms', '4000'])
  cache = await openCache(server.url)
}, 400_000)

/** What the readers asked for, and what of it was asked of the server. */
const seen = { joins: 0, polls: 0, pollsToServer: 0, others: 0 }

/** One viewer, and what it was told. */
class Reader {
  readonly over: Promise<void>
  /** How many of its polls were answered, with bytes or without. */
  turns = 0
  idleTurns = 0
  bytes = 0
  readonly #parts: Uint8Array[] = []
  readonly #polled: string[] = []
  readonly #changed: () => void

  constructor(changed: () => void) {
    this.#changed = changed
    const env = { fetch: (input: URL | RequestInfo, init?: RequestInit) => this.#fetch(String(input), init) }
    this.over = this.#follow(new DurableStream({ url: `${cache}${path}`, env }))
  }

  get text(): string {
    return Buffer.concat(this.#parts).toString()
  }

  /** How often it asked for what it had asked for before. */
  get loops(): number {
    return this.#polled.length - new Set(this.#polled).size
  }

  async #fetch(url: string, init: RequestInit | undefined): Promise<Response> {
    const answer = await fetch(url, init)
    const { searchParams: query } = new URL(url)
    if (query.get(Query.live) === Live.longPoll) {
      this.#polled.push(url)
      this.turns++
      seen.polls++
      if (!isKept(answer)) seen.pollsToServer++
      if (answer.status === 204) this.idleTurns++
    } else if (query.get(Query.offset) === Sentinel.start) seen.joins++
    else seen.others++
    this.#changed()
    return answer
  }

  async #follow(stream: DurableStream): Promise<void> {
    for await (const { bytes } of stream.follow({ live: Live.longPoll, offset: Sentinel.start })) {
      this.#parts.push(bytes)
      this.bytes += bytes.length
      this.#changed()
    }
  }
}

/** Waits for a condition that can only come true when `changed` is called. */
class Gate {
  #look = () => {}
  readonly changed = () => this.#look()

  until(holds: () => boolean): Promise<void> {
    return new Promise(resolve => {
      this.#look = () => {
        if (holds()) resolve()
      }
      this.#look()
    })
  }
}

/** GETs of the stream that the server answered, by its own log. */
const readsServed = async ({ url, program }: Served): Promise<number> => {
  await fetch(`${url}/all-before-this`)
  await program.logged(line => line['path'] === '/all-before-this')
  return program.log.filter(line => line['path'] === path && line['method'] === 'GET').length
}

test('200 long-poll readers of one stream reach the server as one or two a turn, and each reads every byte once', async () => {
  setMaxListeners(0)
  const chance = prng.create(Number(process.env['SEED'] ?? Date.now() % 1_000_000))
  const stream = new DurableStream({ url: `${cache}${path}`, contentType: ContentType.binary })
  await stream.create()
  let written = ''
  let appends = 0
  const append = async () => {
    const line = `${appends++} ${'x'.repeat(prng.int32(chance, 0, 2_000))}\n`
    written += line
    await stream.append(line)
  }
  const gate = new Gate()
  const readers: Reader[] = []
  const caughtUp = () => gate.until(() => readers.every(({ bytes }) => bytes === written.length))
  const join = (count: number) => {
    for (let index = 0; index < count; index++) readers.push(new Reader(gate.changed))
    return caughtUp()
  }
  const times: number[] = []
  const turn = async () => {
    await append()
    const since = Date.now()
    await caughtUp()
    times.push(Date.now() - since)
  }

  await append()
  await join(140)
  for (let newcomers = 0; newcomers < 6; newcomers++) {
    for (let count = 0; count < 2; count++) await turn()
    await join(10)
  }
  const inTurns = { turns: times.length, polls: seen.pollsToServer }
  for (let count = 0; count < 20; count++) await append() // and waits for nobody
  await caughtUp()
  const idle = new Map(readers.map(reader => [reader, reader.idleTurns]))
  await gate.until(() => readers.every(reader => reader.idleTurns > (idle.get(reader) ?? 0)))
  await turn()
  await stream.close()
  await Promise.all(readers.map(({ over }) => over))

  const turns = Math.max(...readers.map(reader => reader.turns))
  const reads = await readsServed(server)
  process.stdout.write(
    `cache: viewers ${readers.length}, turns ${turns}, appends ${appends}, origin requests ${reads} ` +
      `(${seen.pollsToServer} of ${seen.polls} polls, ${seen.joins} joins, ${seen.others} others); ` +
      `a turn reached everybody in ${Math.max(...times)} ms or less\n`,
  )
  expect(readers).toHaveLength(200)
  expect(readers.filter(({ text }) => text !== written)).toEqual([])
  expect(readers.map(({ loops }) => loops).filter(loops => loops > 0)).toEqual([])
  expect(reads).toBe(seen.joins + seen.pollsToServer + seen.others)
  // The line itself and, in every other turn, that of newcomers: about 19. Were each to stay in the line he came in: 48.
  expect(inTurns.polls).toBeLessThan(3 * inTurns.turns)
  expect(seen.pollsToServer).toBeLessThan(3 * turns)
}, 60_000)
