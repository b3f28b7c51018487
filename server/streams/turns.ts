import { isExpired } from '../rules/expiry.ts'
import type { StreamState } from '../rules/state.ts'
import { type Change, type Entry, type Revision, type Store, sameRevision } from '../store/store.ts'
import type { World } from '../world.ts'
import { Batch } from './batch.ts'
import { decodeState, encodeHead } from './record.ts'
import type { Tails } from './tail.ts'

/** What one command does to a stream it found alive. Nothing is written when `state` is left out. */
export interface Step<Outcome> {
  readonly outcome: Outcome
  readonly state?: StreamState | undefined
  readonly record?: Uint8Array | undefined
  readonly cells?: ReadonlyMap<string, Uint8Array | undefined>
}

export type Cells = ReadonlyMap<string, Uint8Array>

/** One command in line. It may be decided more than once, if another process was quicker, but is settled once. */
interface Job {
  readonly reads: readonly string[]
  decide(state: StreamState | undefined, cells: Cells): Step<unknown>
  resolve(outcome: unknown): void
  reject(error: unknown): void
}

/** Bounds of one turn, so that a commit stays small enough to be durable soon. */
const turnJobs = 1_024
const turnBytes = 8 << 20

/**
 * Commands on one stream take turns. A turn loads the stream, decides every command waiting in order of arrival, commits
 * what they lead to as one change, and only then settles them: an answer never speaks of bytes that are not durable. If
 * another process committed in between, the store says so and the turn is decided again.
 */
export class Turns {
  readonly #store: Store
  readonly #tails: Tails
  readonly #world: World
  readonly #expire: (name: string, entry: Entry) => Promise<void>
  readonly #waiting = new Map<string, Job[]>()
  readonly #running = new Set<Promise<void>>()

  /** @param expire removes a stream whose time is over */
  constructor(
    store: Store,
    tails: Tails,
    world: World,
    expire: (name: string, entry: Entry) => Promise<void>,
  ) {
    this.#store = store
    this.#tails = tails
    this.#world = world
    this.#expire = expire
  }

  /** @throws StoreFailure when the store failed; then nothing of this command was acknowledged */
  take<Outcome>(
    name: string,
    reads: readonly string[],
    decide: (state: StreamState | undefined, cells: Cells) => Step<Outcome>,
  ): Promise<Outcome> {
    return new Promise<Outcome>((resolve, reject) => {
      const job: Job = { reads, decide, resolve: outcome => resolve(outcome as Outcome), reject }
      const waiting = this.#waiting.get(name)
      if (waiting) {
        waiting.push(job)
        return
      }
      this.#waiting.set(name, [job])
      const running = this.#run(name).finally(() => this.#running.delete(running))
      this.#running.add(running)
    })
  }

  /** Whether a command on this stream is under way, so that what it commits is yet to be published. */
  isUnderWay(name: string): boolean {
    return this.#waiting.has(name)
  }

  /** Resolves when no command is under way. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }

  /** Never rejects: what fails is told to the commands it failed. */
  async #run(name: string): Promise<void> {
    for (;;) {
      // Commands that arrive in one burst of requests share a turn instead of paying for two.
      await Promise.resolve()
      const waiting = this.#waiting.get(name)
      if (!waiting || waiting.length === 0) break
      const jobs = waiting.splice(0, turnJobs)
      try {
        const left = await this.#turn(name, jobs)
        waiting.unshift(...left)
      } catch (error) {
        for (const job of jobs) job.reject(error)
      }
    }
    this.#waiting.delete(name)
  }

  /** Decides and commits `jobs`; answers those that did not fit. */
  async #turn(name: string, jobs: readonly Job[]): Promise<readonly Job[]> {
    const reads = [...new Set(jobs.flatMap(job => job.reads))]
    for (;;) {
      const entry = await this.#store.load(name, reads)
      const found = entry && decodeState(entry)
      if (entry && found && isExpired(found, this.#world.now())) {
        await this.#expire(name, entry)
        continue
      }
      const plan = decideAll(found, entry?.cells ?? new Map(), jobs)
      const generation = await this.#commit(name, entry, found, plan)
      if (generation === 'stale') continue
      for (const [job, outcome] of plan.settled) job.resolve(outcome)
      return jobs.slice(plan.settled.length)
    }
  }

  async #commit(
    name: string,
    entry: Entry | undefined,
    found: StreamState | undefined,
    plan: Plan,
  ): Promise<Revision | 'stale' | undefined> {
    if (!entry || !found || !plan.state) return undefined
    const { state, records, cells } = plan
    const change: Change = {
      head: encodeHead(state),
      appends: records,
      cells,
      due: state.deadline ?? null,
      ...(state.start > found.start && { start: state.start }),
    }
    const revision = await this.#store.commit(name, entry.revision, change)
    if (revision === 'stale' || sameRevision(revision, entry.revision)) return revision
    if (records.length > 0 || state.closed !== found.closed) {
      const { generation, tail: to, closed, config } = state
      const fields = { generation, from: found.tail, to, closed, records, upToDate: true }
      this.#tails.publish(name, new Batch({ ...fields, contentType: config.contentType }))
    }
    return revision
  }
}

interface Plan {
  /** The state after every step, if any step writes. */
  readonly state: StreamState | undefined
  readonly records: readonly Uint8Array[]
  readonly cells: ReadonlyMap<string, Uint8Array | undefined>
  readonly settled: readonly (readonly [Job, unknown])[]
}

/** Each command meets the stream as the one before it left it. */
const decideAll = (found: StreamState | undefined, before: Cells, jobs: readonly Job[]): Plan => {
  let state = found
  let writes = false
  let bytes = 0
  const records: Uint8Array[] = []
  const written = new Map<string, Uint8Array | undefined>()
  const current = new Map(before)
  const settled: [Job, unknown][] = []
  for (const job of jobs) {
    if (bytes > turnBytes) break
    const step = job.decide(state, current)
    settled.push([job, step.outcome])
    if (!step.state) continue
    state = step.state
    writes = true
    if (step.record) {
      records.push(step.record)
      bytes += step.record.length
    }
    for (const [key, value] of step.cells ?? []) {
      written.set(key, value)
      if (value) current.set(key, value)
      else current.delete(key)
    }
  }
  return { state: writes ? state : undefined, records, cells: written, settled }
}
