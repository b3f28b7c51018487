import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openMemoryStore } from '../../server/store/memory.ts'
import { Streams } from '../../server/streams/streams.ts'
import { appendOf, creation, whole } from './fixture.ts'
import { Follower } from './follower.ts'
import { gate } from './gates.ts'
import { type Choose, chosenBy, everySchedule, play } from './schedules.ts'
import { FakeWorld, settled } from './world.ts'

const name = 'stream/s'

interface Script {
  readonly appends: readonly string[]
  readonly followers: number
  readonly closes?: boolean
  /** Processes over the one store. Appends go to each in turn, followers to the first. */
  readonly processes?: number
  readonly readBytes?: number
}

/** Appends and followers in one order; what becomes of them is in the hands of `choose`. */
const run = async (script: Script, choose: Choose): Promise<void> => {
  const { appends, followers: count, closes = false, processes = 1, readBytes = 1 << 20 } = script
  const inner = openMemoryStore()
  const world = new FakeWorld()
  await new Streams({ store: inner, world, readBytes }).create(name, creation())
  const gates = Array.from({ length: processes }, () => gate(inner))
  const servers = gates.map(({ store }) => new Streams({ store, world, readBytes }))
  const [first] = servers
  if (!first) throw new Error('there is no server')
  const answers: string[] = []
  const followers = Array.from({ length: count }, () => new Follower(first, name))
  const steps: (() => void)[] = []
  const most = Math.max(appends.length, followers.length)
  for (let at = 0; at < most; at++) {
    const follower = followers[at]
    const body = appends[at]
    if (follower) steps.push(() => void follower.follow('start'))
    if (body === undefined) continue
    const close = closes && at === appends.length - 1
    steps.push(() => {
      void servers[at % processes]
        ?.append(name, appendOf(body, { close }))
        .then(({ kind }) => answers.push(kind))
    })
  }
  await play(gates, steps, choose)

  const stored = await whole(new Streams({ store: inner, world, readBytes }), name)
  const accepted = answers.filter(kind => kind === 'appended').length
  expect(answers).toHaveLength(appends.length)
  if (!closes) expect(accepted).toBe(appends.length)
  // An append of another process wakes nobody here: who waits is told with the next thing this process does or sees.
  for (const one of gates) one.open()
  if (processes > 1) await first.append(name, appendOf('.'))
  const all = processes > 1 ? await whole(first, name) : stored
  for (const follower of followers) {
    expect(follower.got).toBe(all)
    for (const [index, [from]] of follower.places.entries()) {
      expect(from).toBe(follower.places[index - 1]?.[1] ?? 0)
    }
    expect(follower.ended).toBe(closes ? 'closed' : undefined)
    follower.leave()
  }
  expect(first.readers(name)).toBe(0)
}

test.each<[string, Script]>([
  ['one append and one follower', { appends: ['a'], followers: 1 }],
  ['one append and two followers', { appends: ['a'], followers: 2 }],
  ['two appends and one follower', { appends: ['a', 'b'], followers: 1 }],
  ['an append that closes and one follower', { appends: ['a'], followers: 1, closes: true }],
])(
  'Of %s, every schedule gives every follower everything, in order and once',
  async (_what, script) => {
    const { runs, all } = await everySchedule(choose => run(script, choose), 30_000)
    expect(all).toBe(true)
    expect(runs).toBeGreaterThan(1)
  },
  60_000,
)

const schedule = fc.array(fc.nat(12), { maxLength: 60 })

test('Of many appends and followers, whatever the schedule, every follower gets everything, in order and once', async () => {
  const scripts = fc.record({
    appends: fc.array(fc.stringMatching(/^[a-z]{1,4}$/), { minLength: 1, maxLength: 6 }),
    followers: fc.integer({ min: 1, max: 4 }),
    closes: fc.boolean(),
    readBytes: fc.constantFrom(1, 5, 1 << 20),
  })
  await fc.assert(
    fc.asyncProperty(scripts, schedule, (script, numbers) => run(script, chosenBy(numbers))),
    { numRuns: 300 },
  )
}, 60_000)

test('Of two processes over one store, whatever the schedule, no append is lost, doubled or out of order', async () => {
  const scripts = fc.record({
    appends: fc.array(fc.stringMatching(/^[a-z]{1,4}$/), { minLength: 2, maxLength: 5 }),
    followers: fc.integer({ min: 0, max: 3 }),
    processes: fc.constant(2),
  })
  await fc.assert(
    fc.asyncProperty(scripts, schedule, (script, numbers) => run(script, chosenBy(numbers))),
    { numRuns: 300 },
  )
}, 60_000)

test('Of a stream removed and created again under its followers, whatever the schedule, each gets one life alone', async () => {
  const scripts = fc.record({
    followers: fc.array(fc.nat(5), { minLength: 1, maxLength: 3 }),
    otherProcess: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(scripts, schedule, async ({ followers: places, otherProcess }, numbers) => {
      const inner = openMemoryStore()
      const world = new FakeWorld()
      const fresh = () => new Streams({ store: inner, world, readBytes: 1 << 20 })
      await fresh().create(name, creation())
      const gated = gate(inner)
      const streams = new Streams({ store: gated.store, world, readBytes: 1 << 20 })
      const remover = otherProcess ? fresh() : streams
      const steps: (() => void)[] = [
        () => void streams.append(name, appendOf('old')),
        () => void remover.remove(name).then(() => remover.create(name, creation())),
        () => void streams.append(name, appendOf('new')),
      ]
      const followers = places.map(place => {
        const follower = new Follower(streams, name)
        steps.splice(place, 0, () => void follower.follow('start'))
        return follower
      })
      await play([gated], steps, chosenBy(numbers))
      gated.open()
      await streams.append(name, appendOf('!'))
      await settled()
      const all = await whole(streams, name)
      for (const follower of followers) {
        expect(follower.lives.size).toBeLessThanOrEqual(1)
        if (follower.following) expect(follower.got).toBe(all)
        else expect(['', 'old', 'new', 'oldnew', 'newold']).toContain(follower.got)
        follower.leave()
      }
      expect(streams.readers(name)).toBe(0)
    }),
    { numRuns: 300 },
  )
}, 60_000)
