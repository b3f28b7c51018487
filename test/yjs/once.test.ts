import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { ContentType, decodeFrames, Ranges, readUpdate } from '../../protocol/index.ts'
import type { ProducerBatch } from '../../server/rules/state.ts'
import { openMemoryStore } from '../../server/store/memory.ts'
import type { Store } from '../../server/store/store.ts'
import { logStream } from '../../server/yjs/names.ts'
import { type App, document, openApp } from '../http/fixture.ts'
import { stateOf } from '../streams/fixture.ts'
import { type Gate, gate } from '../streams/gates.ts'
import { type Choose, chosenBy, everySchedule, play } from '../streams/schedules.ts'
import { FakeWorld, settled } from '../streams/world.ts'
import { d, docOf, expectSame, framed, name, typing } from './fixture.ts'

/** The state of a client that wrote so often, as one update from its first clock on. */
const state = (client: number, edits: number): Uint8Array => Y.mergeUpdates(typing(edits, 1, client))

interface Post {
  /** Which server it is sent to. */
  readonly to: number
  readonly client: number
  readonly edits: number
}

const send = async (
  { documents }: Pick<App, 'documents'>,
  update: Uint8Array,
  producer?: ProducerBatch,
  to = name,
): Promise<string> => {
  const command = { body: framed(update), contentType: ContentType.binary, producer, close: false }
  return (await documents.append(to, command)).kind
}

const log = async ({ send }: App): Promise<Uint8Array[]> =>
  decodeFrames(new Uint8Array(await (await send('GET', d)).arrayBuffer()))

/** Whose clocks are in a log twice. */
const doubled = (updates: readonly Uint8Array[]): Ranges => {
  const [held, twice] = [new Ranges(), new Ranges()]
  for (const update of updates) {
    const { structs } = readUpdate(update)
    const fresh = held.missingFrom(structs)
    twice.addAll(fresh.missingFrom(structs))
    held.addAll(structs)
  }
  return twice
}

interface Scene {
  readonly posts: readonly Post[]
  readonly servers?: number
  /** Sent to every server, one after the other, before the scene begins. */
  readonly before?: readonly number[]
  readonly causalClients?: number
  /** Every post is this batch. */
  readonly producer?: ProducerBatch
  /** Whether a server is held also when the store has done what it asked. */
  readonly fine?: boolean
}

/** Every post is in the log whatever `choose` does, and nothing is there twice. @returns the answers, in their order */
const run = async (scene: Scene, choose: Choose): Promise<string[]> => {
  const { posts, servers = 2, before = [], causalClients = 1_000, fine = false } = scene
  const store = openMemoryStore()
  const world = new FakeWorld()
  const reader = openApp({ store, world })
  await reader.send('PUT', d)
  const gates = Array.from({ length: servers }, () =>
    gate(store, ['load', 'commit', 'read'], fine ? ['asked', 'done'] : ['asked']),
  )
  const apps = gates.map(gated => openApp({ store: gated.store, world, limits: { causalClients } }))
  for (const [index, app] of apps.entries()) {
    for (const client of before) await play(gates, [() => void send(app, state(client, index + 1))], () => 0)
  }
  const answers: string[] = []
  const steps = posts.map(({ to, client, edits }) => () => {
    const sent = send(apps[to % servers] ?? reader, state(client, edits), scene.producer)
    void sent.then(kind => answers.push(kind))
  })
  await play(gates, steps, choose)
  expect(answers).toHaveLength(posts.length)
  const updates = await log(reader)
  expect([...doubled(updates)]).toEqual([])
  const sent = posts.map(({ client, edits }) => state(client, edits))
  const first = before.map(client => state(client, servers))
  expectSame(docOf(...updates), docOf(...first, ...sent))
  return answers
}

describe('No clock is in a log twice', () => {
  test.each<[string, readonly [Post, Post]]>([
    [
      'the same',
      [
        { to: 0, client: 1, edits: 4 },
        { to: 1, client: 1, edits: 4 },
      ],
    ],
    [
      'more of the same',
      [
        { to: 0, client: 1, edits: 4 },
        { to: 1, client: 1, edits: 5 },
      ],
    ],
    [
      'of two clients',
      [
        { to: 0, client: 1, edits: 4 },
        { to: 1, client: 2, edits: 4 },
      ],
    ],
  ])(
    'when two servers are sent %s, wherever one commits while the other is at work',
    async (_what, posts) => {
      const { runs, all } = await everySchedule(async choose => {
        expect(await run({ posts, before: [1, 2] }, choose)).toEqual(['appended', 'appended'])
      }, 1_000)
      expect(all).toBe(true)
      expect(runs).toBeGreaterThan(50)
    },
    120_000,
  )

  test('when two servers are sent one batch of a producer: one of them answers that it is there already', async () => {
    const posts = [
      { to: 0, client: 1, edits: 4 },
      { to: 1, client: 1, edits: 4 },
    ]
    const producer = { id: 'p', epoch: 0, seq: 0 }
    const { all } = await everySchedule(async choose => {
      const answers = await run({ posts, before: [1, 2], producer }, choose)
      expect(answers.toSorted()).toEqual(['accepted', 'duplicate'])
    }, 1_000)
    expect(all).toBe(true)
  }, 120_000)

  const post = fc.record({
    to: fc.nat(2),
    client: fc.integer({ min: 1, max: 3 }),
    edits: fc.integer({ min: 1, max: 4 }),
  })
  const schedule = fc.array(fc.nat(12), { maxLength: 150 })
  const scenes = fc.record({
    posts: fc.array(post, { minLength: 2, maxLength: 7 }),
    servers: fc.integer({ min: 1, max: 3 }),
    causalClients: fc.constantFrom(1, 1_000),
    fine: fc.boolean(),
  })

  test('whatever is sent to how many servers, in whatever order the store answers', async () => {
    await fc.assert(
      fc.asyncProperty(scenes, schedule, async (scene, numbers) => {
        const answers = await run(scene, chosenBy(numbers))
        expect(answers.filter(kind => kind !== 'appended')).toEqual([])
      }),
      { numRuns: 100 },
    )
  }, 120_000)

  test('when a server ends before it hears of its commit, and the next one is sent the same and more', async () => {
    const store = openMemoryStore()
    const gated = gate(store, ['commit'], ['done'])
    const next = openApp({ store })
    await next.send('PUT', d)
    void send(openApp({ store: gated.store }), state(1, 2))
    await settled()
    expect(gated.waiting).toHaveLength(1)
    expect(await send(next, state(1, 4))).toBe('appended')
    expect([...doubled(await log(next))]).toEqual([])
    expectSame(docOf(...(await log(next))), docOf(state(1, 4)))
  })

  test.each(['while', 'after'])(
    'when a client goes on %s the log is read for somebody else, from before what the client wrote',
    async when => {
      const store = openMemoryStore()
      const gated = gate(store, ['load', 'commit'])
      const reader = openApp({ store })
      for (const path of [d, document('e')]) await reader.send('PUT', path)
      /** Lets all but `kept` pass until one waits that is looked for. */
      const next = async (call?: Gate['call'], stage?: Gate['stage'], ...kept: Gate[]) => {
        for (;;) {
          await settled()
          const waiting = gated.waiting.filter(one => !kept.includes(one))
          const found = waiting.find(one => one.call === call && one.stage === stage)
          if (found ?? waiting.length === 0) return found
          waiting[0]?.pass()
        }
      }
      // Room for what one document holds.
      const app = openApp({ store: gated.store, limits: { causalClients: 12 } })
      const { generation } = await stateOf(reader.streams, logStream(name))
      const goOn = () => send(app, state(1, 4))

      const answers = [send(app, state(1, 2))]
      const commit = (await next('commit', 'asked')) as Gate
      const other = send(app, state(3, 2), undefined, { ...name, path: 'e' })
      await next(undefined, undefined, commit)
      expect(await other).toBe('appended')
      answers.push(send(app, state(2, 2)))
      const seen = (await next('load', 'done', commit)) as Gate
      // So that the turns which began with the first commit go on.
      const noted = app.streams.annotate(logStream(name), generation, 'note', () => undefined)
      if (when === 'while') answers.push(goOn())
      commit.pass()
      const turn = (await next('load', 'asked', seen)) as Gate
      await next(undefined, undefined, turn)
      if (when === 'after') answers.push(goOn())
      await next(undefined, undefined, turn)
      gated.open()
      expect(await noted).toBe(false)
      expect(await Promise.all(answers)).toEqual(['appended', 'appended', 'appended'])
      expect([...doubled(await log(reader))]).toEqual([])
    },
  )
})

test('A document that was created while its log was looked for is there for whoever writes after that', async () => {
  const store = openMemoryStore()
  const gated = gate(store, ['load'], ['done'])
  const app = openApp({ store: gated.store })
  const early = send(app, state(1, 2))
  await settled()
  expect(gated.waiting).toHaveLength(1)
  expect((await openApp({ store }).send('PUT', d)).status).toBe(201)
  const late = send(app, state(2, 2))
  await settled()
  gated.open()
  expect(await Promise.all([early, late])).toEqual(['missing', 'appended'])
  expectSame(docOf(...(await log(app))), docOf(state(2, 2)))
})

describe('An append is judged once', () => {
  /** A store that takes some turns of the loop for everything. */
  const slow = (store: Store): Store => ({
    ...gate(store, []).store,
    async load(entry, cells) {
      await settled(1)
      return store.load(entry, cells)
    },
    async commit(entry, expected, change) {
      await settled(2)
      return store.commit(entry, expected, change)
    },
  })

  /** Each writes so often, one after the other. @returns how often an append was judged */
  const write = async (app: App, clients: readonly number[], edits: number): Promise<number> => {
    const judged = vi.spyOn(app.streams, 'append')
    const writers = clients.map(async client => {
      for (const update of typing(edits, 1, client)) expect(await send(app, update)).toBe('appended')
    })
    await Promise.all(writers)
    return judged.mock.calls.length
  }

  const clients = Array.from({ length: 50 }, (_, index) => index + 1)

  test('though fifty clients write to one document at once', async () => {
    const app = openApp({ store: slow(openMemoryStore()) })
    await app.send('PUT', d)
    expect(await write(app, clients, 20)).toBe(50 * 20)
    expect([...doubled(await log(app))]).toEqual([])
  }, 60_000)

  test('or, where two servers write at once, again after a commit of the other one, and then once', async () => {
    const store = openMemoryStore()
    const commits = [0, 0]
    const apps = commits.map((_, index) => {
      const counting = slow(store)
      const commit: Store['commit'] = async (entry, expected, change) => {
        const revision = await counting.commit(entry, expected, change)
        if (revision !== 'stale') commits[index] = (commits[index] ?? 0) + 1
        return revision
      }
      return openApp({ store: { ...counting, commit } })
    })
    await openApp({ store }).send('PUT', d)
    const [half, edits] = [25, 20]
    const judged = await Promise.all(
      apps.map((app, index) => write(app, clients.slice(index * half, (index + 1) * half), edits)),
    )
    for (const [index, times] of judged.entries()) {
      const others = commits[1 - index] ?? 0
      expect(others).toBeGreaterThan(0)
      expect(times).toBeLessThanOrEqual(half * (edits + others))
    }
    expect([...doubled(await log(openApp({ store })))]).toEqual([])
  }, 60_000)
})
