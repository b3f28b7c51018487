import { expect, onTestFinished, test } from 'vitest'
import * as Y from 'yjs'
import { ErrorCode, Header, Path, Present, Sentinel } from '../../protocol/index.ts'
import { DurableStreamsProvider, type ProviderError } from '../../provider/index.ts'
import { Rounds } from '../../provider/rounds.ts'
import { asked } from '../client/replay.ts'
import { type Answering, type Seen, World } from '../client/world.ts'

const gone = () => new Response('gone', { status: 410 })
const refused = (status: number, code: string) => () =>
  new Response(JSON.stringify({ error: { code, message: 'no' } }), { status })
const superseded = refused(404, ErrorCode.snapshotNotFound)
const absent = refused(404, ErrorCode.documentNotFound)

/** An empty log, of which nothing more comes: a wait that the test ends with. */
const tail = () =>
  new Response(new Uint8Array(), { headers: { [Header.nextOffset]: '0_0', [Header.upToDate]: Present } })
const silence = () => new Promise<Response>(() => {})

/** What a server answers to each kind of request. */
interface Answers {
  /** Where the snapshot is. */
  readonly join: Answering
  readonly read: Answering
  readonly live: Answering
  readonly create: Answering
  readonly append: Answering
}
const well: Answers = {
  join: tail,
  read: tail,
  live: silence,
  create: () => new Response(null, { status: 201, headers: { [Header.nextOffset]: '0_0' } }),
  append: () => new Response(null, { status: 204, headers: { [Header.nextOffset]: '0_1' } }),
}
const kindOf = (seen: Seen): keyof Answers => {
  if (seen.method === 'PUT') return 'create'
  if (seen.method === 'POST') return 'append'
  const { live, offset } = asked(seen)
  if (live) return 'live'
  return offset === Sentinel.snapshot ? 'join' : 'read'
}

/** A provider by long-poll, and a server that answers `well` but for what the test says. */
const opened = (given: Partial<Answers>) => {
  const answers: Answers = { ...well, ...given }
  const world = new World(async seen => {
    if (world.seen.length > 500) return silence() // so that a test of asking without end has one
    const answer = await answers[kindOf(seen)](seen)
    return Object.defineProperty(answer, 'url', { value: seen.url.href })
  })
  const doc = new Y.Doc()
  const provider = new DurableStreamsProvider(doc, {
    url: `http://server${Path.yjs}s`,
    name: 'd',
    awareness: false,
    live: 'long-poll',
    env: world,
  })
  onTestFinished(() => provider.destroy())
  const errors: ProviderError[] = []
  const statuses: string[] = []
  provider.on('error', error => errors.push(error))
  provider.on('status', ({ status }) => statuses.push(status))
  const asks = (kind: keyof Answers) => world.seen.filter(seen => kindOf(seen) === kind)
  return {
    world,
    doc,
    provider,
    errors,
    statuses,
    asks,
    answers: answers as { -readonly [K in keyof Answers]: Answers[K] },
  }
}

/** The first answers in turn, and then another. */
const first = (begin: readonly Answering[], then: Answering): Answering => {
  let next = 0
  return seen => (begin[next++] ?? then)(seen)
}

const minute = 60_000

test.each([
  ['trimmed', gone],
  ['superseded', superseded],
])(
  '[A1] a log that is %s three times while it is joined is joined at once, without a word',
  async (_, moved) => {
    const { world, provider, errors, asks } = opened({ join: first([moved, moved, moved], tail) })
    const began = world.time
    await world.quiet()
    expect([provider.synced, errors, world.time - began]).toEqual([true, [], 0])
    expect(asks('join').map(({ cache }) => cache)).toEqual([undefined, 'reload', 'reload', 'reload'])
  },
)

test.each([
  ['trimmed, says a server that gives no reason', gone, ErrorCode.offsetExpired],
  ['superseded', superseded, ErrorCode.snapshotNotFound],
])('[A2] a log that is always %s is asked for twelve times, and given up', async (_, moved, code) => {
  const { world, provider, errors, asks } = opened({ join: moved })
  await world.pass(10 * minute)
  expect(asks('join')).toHaveLength(12)
  expect(errors.at(-1)).toMatchObject({ code, fatal: true })
  expect(errors.slice(0, -1).filter(({ fatal }) => fatal)).toEqual([])
  expect(provider.status).toBe('disconnected')
})

test('[A3] a log that is mended within seconds is joined', async () => {
  const { world, provider, errors } = opened({ join: first(Array(6).fill(superseded), tail) })
  await world.pass(10_000)
  expect(provider.synced).toBe(true)
  expect(errors.filter(({ fatal }) => fatal)).toEqual([])
})

test('[A4] a document that was read is not said to be deleted because its snapshot is superseded twice', async () => {
  const { world, provider, errors, answers } = opened({})
  await world.quiet()
  expect(provider.synced).toBe(true)
  answers.read = first([gone], tail)
  answers.join = first([superseded, superseded], tail)
  provider.disconnect()
  provider.connect()
  await world.quiet()
  expect([provider.synced, errors]).toEqual([true, []])
})

test('[A5] a document that is created and never there is given up', async () => {
  const { world, provider, errors, asks } = opened({ join: absent })
  await world.pass(10 * minute)
  expect([asks('join').length, asks('create').length]).toEqual([12, 11])
  expect(errors.at(-1)).toMatchObject({ code: ErrorCode.documentNotFound, condition: 'deleted', fatal: true })
  expect(provider.status).toBe('disconnected')
})

test('[A6] a log that is joined and cannot be followed is waited for, and the provider says so until it is mended', async () => {
  const { world, provider, errors, statuses, asks, answers } = opened({})
  await world.quiet()
  expect([provider.status, provider.synced]).toEqual(['connected', true])
  answers.live = gone
  provider.disconnect()
  provider.connect()
  await world.pass(10 * minute)
  expect(asks('live').length).toBeLessThan(60)
  expect([provider.status, provider.synced]).toEqual(['connecting', false])
  expect(new Set(errors.map(({ code, fatal }) => `${code} ${fatal}`))).toEqual(
    new Set([`${ErrorCode.offsetExpired} false`]),
  )
  answers.live = silence
  await world.pass(minute)
  expect([provider.synced, statuses.at(-1)]).toEqual([true, 'connected'])
})

test('[A7] a server that forgets a producer with every request is not asked without end', async () => {
  const { world, doc, provider, asks, answers } = opened({ append: refused(409, ErrorCode.producerGap) })
  await world.quiet()
  doc.getText('text').insert(0, 'kept')
  await world.pass(10 * minute)
  expect(asks('append').length).toBeLessThan(60)
  expect(provider.unsaved).toMatchObject({ updates: 1, why: 'offline' })
  answers.append = well.append
  await world.pass(minute)
  expect(provider.saved).toBe(true)
})

test('[A8] what lasts for a while is begun anew at once, however often', async () => {
  const world = new World(() => new Response())
  const rounds = new Rounds(world)
  const began = world.time
  for (let round = 0; round < 50; round++) {
    await world.pass(5_000)
    await world.until(rounds.next(new AbortController().signal))
  }
  expect(world.time - began).toBe(50 * 5_000)
  for (let round = 0; round < 5; round++) await world.until(rounds.next(new AbortController().signal))
  expect(world.slept).toHaveLength(3)
})

test('[A9] who leaves while the next round is waited for is not kept', async () => {
  const { world, provider } = opened({ join: gone })
  await world.quiet()
  expect(world.open).toEqual({ timers: 1, requests: 0, bodies: 0 })
  provider.disconnect()
  await world.quiet()
  expect([provider.status, world.open]).toEqual(['disconnected', { timers: 0, requests: 0, bodies: 0 }])
})
