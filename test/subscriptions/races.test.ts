import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openMemoryStore } from '../../server/store/memory.ts'
import { FakeWorld } from '../streams/world.ts'
import { ackOf, type Claimed, codeOf, openSubscribed, pullFields, type Subscribed } from './fixture.ts'

const lease = 1_000
const path = 'events/a'
const idle = { tails: [] as string[], acked: 0, generation: 0 }

/** What must be true of one stream, one subscription and its workers, by the protocol alone. */
interface Model {
  /** The tail after each append. */
  readonly tails: string[]
  /** How many of them were processed. */
  acked: number
  generation: number
  held?: { readonly wake: Claimed; readonly worker: string; until: number } | undefined
}

type Op =
  | { readonly op: 'append' | 'restart' }
  | { readonly op: 'claim'; readonly worker: string }
  | { readonly op: 'pass'; readonly ms: number }
  | { readonly op: 'ack'; readonly whose: number; readonly upTo: number; readonly done: boolean }
  | { readonly op: 'release'; readonly whose: number }

const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ op: 'append' } as const) },
  { weight: 1, arbitrary: fc.constant({ op: 'restart' } as const) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('claim'), worker: fc.constantFrom('one', 'two') }) },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constant('pass'), ms: fc.constantFrom(1, 400, lease - 1, lease) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('ack'),
      whose: fc.nat(2),
      upTo: fc.double({ min: 0, max: 1, noNaN: true }),
      done: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('release'), whose: fc.nat(2) }) },
)

class Run {
  readonly #store = openMemoryStore()
  readonly #world = new FakeWorld()
  readonly #model: Model = { ...idle, tails: [] }
  /** Every wake that was ever claimed, the last one last. */
  readonly #wakes: Claimed[] = []
  #app: Subscribed | undefined

  async #open(): Promise<Subscribed> {
    this.#app ??= await openSubscribed({ store: this.#store, world: this.#world })
    return this.#app
  }

  async start(): Promise<void> {
    const app = await this.#open()
    await app.createWakeStream()
    await app.subscribe('s', { ...pullFields, lease_ttl_ms: lease })
  }

  async step(step: Op): Promise<void> {
    const app = await this.#open()
    const model = this.#model
    switch (step.op) {
      case 'append':
        model.tails.push(await app.append(path))
        break
      case 'restart':
        await app.subscriptions?.close(0)
        this.#app = undefined
        await this.#open()
        break
      case 'pass':
        await this.#world.turn(step.ms)
        if (model.held && model.held.until <= this.#world.now()) model.held = undefined
        break
      case 'claim':
        await this.#claim(app, step.worker)
        break
      case 'ack':
        await this.#ack(app, step)
        break
      case 'release':
        await this.#release(app, step.whose)
        break
    }
    await this.#world.turn(0)
  }

  async #claim(app: Subscribed, worker: string): Promise<void> {
    const { held, acked, tails } = this.#model
    const answer = await app.claim('s', worker)
    if (held) {
      const { error } = (await answer.json()) as { error: Record<string, unknown> }
      expect(error).toMatchObject({
        code: 'ALREADY_CLAIMED',
        current_holder: held.worker,
        generation: held.wake.generation,
      })
    } else if (acked === tails.length) {
      expect(await codeOf(answer)).toBe('NO_PENDING_WORK')
    } else {
      expect(answer.status).toBe(200)
      const wake = (await answer.json()) as Claimed
      expect(wake.generation).toBeGreaterThan(this.#model.generation)
      expect(wake.streams[0]).toMatchObject({ tail_offset: tails.at(-1), has_pending: true })
      this.#model.generation = wake.generation
      this.#model.held = { wake, worker, until: this.#world.now() + lease }
      this.#wakes.push(wake)
    }
  }

  async #ack(app: Subscribed, { whose, upTo, done }: Extract<Op, { op: 'ack' }>): Promise<void> {
    const wake = this.#wakes.at(-1 - whose)
    if (!wake) return
    const { held, acked, tails } = this.#model
    const count = acked + Math.floor(upTo * (tails.length - acked))
    const offset = tails[count - 1]
    const acks = offset === undefined ? [] : [ackOf(path, offset)]
    const answer = await app.ack('s', wake, { acks, done })
    if (held?.wake !== wake) {
      expect(await codeOf(answer)).toBe('FENCED')
      return
    }
    expect(answer.status).toBe(200)
    this.#model.acked = count
    expect(await answer.json()).toEqual({ ok: true, next_wake: done && count < tails.length })
    if (done) this.#model.held = undefined
    else held.until = this.#world.now() + lease
  }

  async #release(app: Subscribed, whose: number): Promise<void> {
    const wake = this.#wakes.at(-1 - whose)
    if (!wake) return
    const answer = await app.release('s', wake)
    if (this.#model.held?.wake === wake) {
      expect(answer.status).toBe(204)
      this.#model.held = undefined
    } else expect(await codeOf(answer)).toBe('FENCED')
  }

  /** Every wake has one event; nothing was processed that nobody acknowledged; work that is left is announced. */
  async end(): Promise<void> {
    const app = await this.#open()
    const { tails, acked } = this.#model
    expect((await app.acked('s'))[path]).toBe(tails.length === 0 ? undefined : (tails[acked - 1] ?? '-1'))
    await this.#world.turn(60_000)
    const generations = (await app.wakeEvents()).map(event => Number(event['generation']))
    expect(generations).toEqual([...new Set(generations)].toSorted((a, b) => a - b))
    if (acked === tails.length) return
    const { generation } = await app.claimed('s', 'three')
    expect(generations.at(-1)).toBe(generation)
    await app.subscriptions?.close(0)
  }
}

test('Claims, acknowledgements, leases and restarts in any order keep to one holder, and fence all others', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(op, { minLength: 5, maxLength: 40 }), async ops => {
      const run = new Run()
      await run.start()
      for (const step of ops) await run.step(step)
      await run.end()
    }),
    { numRuns: 40 },
  )
}, 60_000)

describe('At the same time', () => {
  const openPending = async () => {
    const app = await openSubscribed()
    await app.createWakeStream()
    await app.subscribe('s', pullFields)
    return { app, tail: await app.append(path) }
  }

  test('[row 58] of many workers one gets the lease, and the others are told who', async () => {
    const { app } = await openPending()
    const names = Array.from({ length: 20 }, (_, at) => `worker ${at}`)
    const answers = await Promise.all(names.map(name => app.claim('s', name)))
    const winners = names.filter((_, at) => answers[at]?.status === 200)
    expect(winners).toHaveLength(1)
    for (const answer of answers.filter(({ status }) => status !== 200)) {
      const { error } = (await answer.json()) as { error: object }
      expect(error).toMatchObject({ code: 'ALREADY_CLAIMED', current_holder: winners[0], generation: 1 })
    }
  })

  test('[row 56] of many who are done one is, and the others are fenced', async () => {
    const { app, tail } = await openPending()
    const wake = await app.claimed('s')
    const fields = { acks: [ackOf(path, tail)], done: true }
    const answers = await Promise.all(Array.from({ length: 20 }, () => app.ack('s', wake, fields)))
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array(19).fill(409)])
  })

  test('a subscription is created once', async () => {
    const app = await openSubscribed()
    const answers = await Promise.all(Array.from({ length: 20 }, () => app.subscribe('s', pullFields)))
    expect(answers.map(({ status }) => status).toSorted()).toEqual([...Array(19).fill(200), 201])
  })

  test('an append and the end of a wake lose nothing', async () => {
    const { app, tail } = await openPending()
    for (let last = tail, round = 0; round < 20; round++) {
      const wake = await app.claimed('s')
      const fields = { acks: [ackOf(path, last)], done: true }
      const [, next] = await Promise.all([app.ack('s', wake, fields), app.append(path)])
      last = next
      await app.world.turn(0)
      expect((await app.wakeEvents()).length).toBe(round + 2)
    }
  })
})
