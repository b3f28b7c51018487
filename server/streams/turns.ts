import { dueAt, isOver } from '../rules/expiry.ts'
import type { StreamState } from '../rules/state.ts'
import type { Change, Edit, Entry, Revision, Store } from '../store/store.ts'
import type { World } from '../world.ts'
import { Batch } from './batch.ts'
import { decodeState, encodeHead } from './record.ts'
import type { Tails } from './tail.ts'

/** What one command does to a stream. Nothing is written when `state` is left out. */
export type Step<Outcome> =
  | (Writes & { readonly outcome: Outcome; readonly company?: undefined })
  | (Writes & { readonly state: StreamState; readonly company: Company<Outcome> })

interface Writes {
  readonly state?: StreamState | undefined
  readonly record?: Uint8Array | undefined
  readonly cells?: ReadonlyMap<string, Uint8Array | undefined>
}

/** Entries of other streams that are committed with a step, or not at all. */
export interface Company<Outcome> {
  readonly edits: readonly Edit[]
  /** The outcome once they are committed, by their new revisions. */
  committed(revisions: readonly (Revision | undefined)[]): Outcome
  /** The outcome when something in that commit was stale. Who decided must look at those streams again. */
  readonly stale: Outcome
}

export type Cells = ReadonlyMap<string, Uint8Array>

/**
 * Decides one command on the stream it meets. `deleted` is there instead of `state` when all that is left of the stream
 * is what its forks hold (PROTOCOL 4.2). `alone` is a position from which on nobody appended but through these turns.
 */
export type Decide<Outcome> = (
  state: StreamState | undefined,
  cells: Cells,
  deleted: StreamState | undefined,
  alone: number,
) => Step<Outcome>

/** One command in line. It may be decided more than once, if another process was quicker, but is settled once. */
interface Job {
  readonly reads: readonly string[]
  readonly decide: Decide<unknown>
  resolve(outcome: unknown): void
  reject(error: unknown): void
}

/** The commands on one stream from the first of them until none is left. */
interface Run {
  readonly waiting: Job[]
  /** What was appended here with nobody in between, since this run began. */
  grown: { readonly generation: number; readonly from: number; readonly to: number } | undefined
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
  readonly #onAppended: (name: string, state: StreamState) => void
  readonly #runs = new Map<string, Run>()
  readonly #running = new Set<Promise<void>>()

  /** @param expire removes a stream that is over; it may take the turn of the stream's source, never that of its fork */
  constructor(
    store: Store,
    tails: Tails,
    world: World,
    expire: (name: string, entry: Entry) => Promise<void>,
    onAppended: (name: string, state: StreamState) => void,
  ) {
    this.#store = store
    this.#tails = tails
    this.#world = world
    this.#expire = expire
    this.#onAppended = onAppended
  }

  /** @throws StoreFailure when the store failed; then nothing of this command was acknowledged */
  take<Outcome>(name: string, reads: readonly string[], decide: Decide<Outcome>): Promise<Outcome> {
    return new Promise<Outcome>((resolve, reject) => {
      const job: Job = { reads, decide, resolve: outcome => resolve(outcome as Outcome), reject }
      const under = this.#runs.get(name)
      if (under) {
        under.waiting.push(job)
        return
      }
      const run: Run = { waiting: [job], grown: undefined }
      this.#runs.set(name, run)
      const running = this.#run(name, run).finally(() => this.#running.delete(running))
      this.#running.add(running)
    })
  }

  /** Whether a command on this stream is under way, so that what it commits is yet to be published. */
  isUnderWay(name: string): boolean {
    return this.#runs.has(name)
  }

  /** Resolves when no command is under way. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }

  /** Never rejects: what fails is told to the commands it failed. */
  async #run(name: string, run: Run): Promise<void> {
    for (;;) {
      // Commands that arrive in one burst of requests share a turn instead of paying for two.
      await Promise.resolve()
      if (run.waiting.length === 0) break
      const jobs = run.waiting.splice(0, turnJobs)
      try {
        const left = await this.#turn(name, run, jobs)
        run.waiting.unshift(...left)
      } catch (error) {
        for (const job of jobs) job.reject(error)
      }
    }
    this.#runs.delete(name)
  }

  /** Decides and commits `jobs`; answers those that did not fit. */
  async #turn(name: string, run: Run, jobs: readonly Job[]): Promise<readonly Job[]> {
    const reads = [...new Set(jobs.flatMap(job => job.reads))]
    let waiting = jobs
    for (;;) {
      const entry = await this.#store.load(name, reads)
      const found = entry && decodeState(entry)
      if (entry && found && isOver(found, this.#world.now())) {
        await this.#expire(name, entry)
        continue
      }
      const alone = found ? aloneSince(run, found) : 0
      const plan = decideAll(found, entry?.cells ?? new Map(), waiting, alone)
      const revisions = await this.#commit(name, entry, found, plan)
      if (revisions === 'stale') {
        const sentBack = plan.settled.filter(({ company }) => company)
        for (const { job, company } of sentBack) job.resolve(company?.stale)
        waiting = waiting.filter(job => !sentBack.some(one => one.job === job))
        if (waiting.length === 0) return []
        continue
      }
      if (found && plan.state) {
        run.grown = { generation: found.generation, from: alone, to: plan.state.tail }
      }
      let from = 0
      for (const { job, company, outcome } of plan.settled) {
        const to = from + (company?.edits.length ?? 0)
        job.resolve(company ? company.committed(revisions.slice(from, to)) : outcome)
        from = to
      }
      return waiting.slice(plan.settled.length)
    }
  }

  /** @returns the new revisions of the plan's company */
  async #commit(
    name: string,
    entry: Entry | undefined,
    found: StreamState | undefined,
    plan: Plan,
  ): Promise<readonly (Revision | undefined)[] | 'stale'> {
    if (!entry || !found || !plan.state) return []
    const { state, records, cells, edits } = plan
    const change: Change = {
      head: encodeHead(state),
      appends: records,
      cells,
      due: dueAt(state),
      ...(state.start > found.start && { start: state.start }),
    }
    const expected = entry.revision
    const committed = edits.length
      ? await this.#store.commitAll([{ name, expected, change }, ...edits])
      : await this.#store.commit(name, expected, change)
    if (committed === 'stale') return committed
    if (records.length > 0 || state.closed !== found.closed) {
      const { tail: to, closed } = state
      this.#tails.publish(name, new Batch(state, { from: found.tail, to, closed, records, upToDate: true }))
    }
    if (records.length > 0) this.#onAppended(name, state)
    return 'version' in committed ? [] : committed.slice(1)
  }
}

interface Plan {
  /** The state after every step, if any step writes. */
  readonly state: StreamState | undefined
  readonly records: readonly Uint8Array[]
  readonly cells: ReadonlyMap<string, Uint8Array | undefined>
  /** Of all companies, in their order. No two have the same name. */
  readonly edits: readonly Edit[]
  readonly settled: readonly Settled[]
}

interface Settled {
  readonly job: Job
  /** Its company, or else its outcome. */
  readonly company?: Company<unknown> | undefined
  readonly outcome?: unknown
}

/** Positions never come back, so whoever finds the tail where this run left it has nobody in between. */
const aloneSince = ({ grown }: Run, { generation, tail }: StreamState): number =>
  grown?.generation === generation && grown.to === tail ? grown.from : tail

/** Each command meets the stream as the one before it left it. */
const decideAll = (
  found: StreamState | undefined,
  before: Cells,
  jobs: readonly Job[],
  alone: number,
): Plan => {
  let state = found
  let writes = false
  let bytes = 0
  const records: Uint8Array[] = []
  const written = new Map<string, Uint8Array | undefined>()
  const current = new Map(before)
  const edits: Edit[] = []
  const settled: Settled[] = []
  for (const job of jobs) {
    if (bytes > turnBytes) break
    const step = state?.deleted
      ? job.decide(undefined, current, state, alone)
      : job.decide(state, current, undefined, alone)
    const { company } = step
    // It will find its company changed, in a turn of its own.
    if (company?.edits.some(({ name }) => edits.some(edit => edit.name === name))) break
    settled.push(step.company ? { job, company } : { job, outcome: step.outcome })
    if (!step.state) continue
    state = step.state
    writes = true
    for (const edit of company?.edits ?? []) {
      edits.push(edit)
      for (const record of edit.change?.appends ?? []) bytes += record.length
    }
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
  return { state: writes ? state : undefined, records, cells: written, edits, settled }
}
