import type { Line } from './arena.ts'
import { type Calm, Canary } from './canary.ts'
import { Choices } from './choices.ts'
import type { Family } from './families.ts'
import { Finding } from './finding.ts'
import { type Lives, readLives } from './lives.ts'
import { type Failure, familyOf, Session } from './session.ts'
import { alone, shrink } from './shrink.ts'
import { openReader, type YjsReader } from './yjs-reader.ts'

export interface Plan {
  readonly seed: number
  /** It ends when this time is over, or when so many executions were made. */
  readonly seconds: number
  readonly executions: number
  /** The index of the first execution. */
  readonly at: number
  /** One family alone; the indices of others are passed over. */
  readonly only?: Family | undefined
  /** Another built server than this checkout's. */
  readonly main?: string | undefined
  /** Told what is sent and answered, while it is not about making a failure smaller. */
  readonly watch?: (line: Line) => void
}

/** One kind of failure: how often, where first, and the plainest execution that shows it. */
export interface Found extends Failure {
  readonly indices: readonly number[]
  /** The one that did it again with nothing beside it, if any did. */
  readonly again: number | undefined
}

export interface Span {
  readonly warm: number
  readonly end: number
}

export interface Report {
  readonly seed: number
  readonly executions: number
  readonly seconds: number
  readonly answered: Readonly<Record<string, number>>
  readonly byFamily: Readonly<Partial<Record<Family, number>>>
  readonly slowestMs: number
  readonly stallMs: number
  readonly calm: Calm
  readonly heapBytes: Span
  readonly ownBytes: Span
  readonly found: readonly Found[]
}

const lanes = 12
/** Of the time: until then caches fill and the compiler compiles. */
const warmUp = 0.4
const answerMs = 15_000
/**
 * How much more there may be in the end than after warming up. The heap is measured after a full collection; of the whole
 * process' memory a good part is the compaction thread's, which collects when it likes.
 */
const mostGrowth = { heapBytes: 8 << 20, ownBytes: 160 << 20 } as const
const mostSlowMs = 5_000
const shrinkMs = 30_000

/** Fuzzes one server for a while and says what came of it. */
export const fuzz = async (plan: Plan): Promise<Report> => {
  const reader = await openReader()
  try {
    return await new Run(plan, reader, await readLives()).report()
  } finally {
    await reader.close()
  }
}

class Run {
  readonly #plan: Plan
  readonly #reader: YjsReader
  readonly #lives: Lives
  readonly #under = new Set<number>()
  /** Those that were over last: what they did may show only now. */
  readonly #recent: number[] = []
  readonly #failures = new Map<string, { failure: Failure; indices: number[] }>()
  readonly #byFamily: Partial<Record<Family, number>> = {}
  #made = 0
  #next = 0
  #stopped = false

  constructor(plan: Plan, reader: YjsReader, lives: Lives) {
    this.#plan = plan
    this.#reader = reader
    this.#lives = lives
    this.#next = plan.at
  }

  async report(): Promise<Report> {
    const { seed, seconds } = this.#plan
    const session = await this.#open(this.#plan.watch)
    const { subject, tally } = session
    const canary = new Canary(subject.port)
    const began = performance.now()
    const deadline = Date.now() + seconds * 1000
    subject.onComplaint = complaint => this.#failed(new Finding('Z10', complaint))
    const disturbed = (error: unknown) => this.#disturbed(session, error)
    canary.disturbed().catch(disturbed)
    void subject.ended.then(() => {
      this.#stopped = true
    })
    let warm: Weight | undefined
    const warming = setTimeout(
      async () => {
        warm = await weigh(session).catch(() => undefined)
      },
      warmUp * seconds * 1000,
    )
    await Promise.all(Array.from({ length: lanes }, () => this.#lane(session, deadline)))
    const lasted = (performance.now() - began) / 1000
    clearTimeout(warming)
    const calm = await canary.end().catch(async error => {
      await disturbed(error)
      return { delivered: 0, slowestMs: 0 }
    })
    session.rest()
    const end = await settled(session).catch(async error => {
      await disturbed(error)
      return undefined
    })
    warm ??= end
    if (end) await session.close()
    else await subject.kill().then(() => session.close())
    const heapBytes = { warm: warm?.heapBytes ?? 0, end: end?.heapBytes ?? 0 }
    const ownBytes = { warm: warm?.ownBytes ?? 0, end: end?.ownBytes ?? 0 }
    this.#check({ heapBytes, ownBytes, slowestMs: Math.max(calm.slowestMs, tally.slowestMs) })
    return {
      seed,
      executions: this.#made,
      seconds: lasted,
      answered: tally.answered,
      byFamily: this.#byFamily,
      slowestMs: tally.slowestMs,
      stallMs: Math.max(warm?.stallMs ?? 0, end?.stallMs ?? 0),
      calm,
      heapBytes,
      ownBytes,
      found: await this.#shrunken(),
    }
  }

  #open(watch?: (line: Line) => void): Promise<Session> {
    const opening = { reader: this.#reader, lives: this.#lives, main: this.#plan.main }
    return Session.open(watch ? { ...opening, watch } : opening)
  }

  async #lane(session: Session, deadline: number): Promise<void> {
    const { seed, at, executions, only } = this.#plan
    while (!this.#stopped && Date.now() < deadline && this.#made < executions) {
      const index = this.#next++
      const family = familyOf(Choices.drawn(seed, index))
      if (only !== undefined && family !== only) {
        if (index > at + 1000 * executions) return
        continue
      }
      this.#made++
      this.#byFamily[family] = (this.#byFamily[family] ?? 0) + 1
      this.#under.add(index)
      const failure = await session.execute(Choices.drawn(seed, index))
      this.#under.delete(index)
      this.#recent.unshift(index)
      this.#recent.length = Math.min(this.#recent.length, lanes)
      if (failure && (await this.#isAlive(session))) this.#add(failure, index)
    }
  }

  #add(failure: Failure, index: number): void {
    const { signature } = failure.finding
    const known = this.#failures.get(signature)
    if (known) known.indices.push(index)
    else this.#failures.set(signature, { failure, indices: [index] })
  }

  /** Something went wrong that no single execution saw: it may be the doing of any that was under way. */
  #failed(finding: Finding): void {
    if (this.#failures.has(finding.signature)) return
    const failure: Failure = { finding, family: 'updates', choices: [], lines: [] }
    this.#failures.set(finding.signature, { failure, indices: [...this.#under, ...this.#recent] })
  }

  /** When the process is gone or stands still, everything else fails for that reason alone. */
  async #isAlive({ subject }: Session): Promise<boolean> {
    try {
      await subject.measure(answerMs)
      return true
    } catch (error) {
      this.#stopped = true
      if (error instanceof Finding && !subject.isOver) this.#failed(error)
      return false
    }
  }

  async #disturbed(session: Session, error: unknown): Promise<void> {
    this.#stopped = true
    if (!(await this.#isAlive(session))) return
    this.#failed(error instanceof Finding ? error : new Finding('Z11', String(error)))
  }

  #check({ heapBytes, ownBytes, slowestMs }: { heapBytes: Span; ownBytes: Span; slowestMs: number }): void {
    for (const [what, span, most] of [
      ['heap', heapBytes, mostGrowth.heapBytes],
      ['own memory', ownBytes, mostGrowth.ownBytes],
    ] as const) {
      if (span.end - span.warm > most) {
        this.#failed(new Finding('Z12', `the ${what} grew from ${span.warm} to ${span.end} bytes`))
      }
    }
    if (slowestMs > mostSlowMs) this.#failed(new Finding('Z11', `an answer took ${Math.round(slowestMs)} ms`))
  }

  async #again(
    { finding }: Failure,
    indices: readonly number[],
    session: () => Promise<Session>,
  ): Promise<{ failure: Failure; index: number } | undefined> {
    for (const index of indices.slice(0, 2 * lanes)) {
      const failure = await alone(await session(), Choices.drawn(this.#plan.seed, index))
      if (failure?.finding.rule === finding.rule) return { failure, index }
    }
    return undefined
  }

  /** Each kind of failure with the plainest execution for it, on a server of its own. */
  async #shrunken(): Promise<Found[]> {
    if (this.#failures.size === 0) return []
    let session = await this.#open()
    const usable = async (): Promise<Session> => {
      if (!session.subject.isOver) return session
      await session.close()
      session = await this.#open()
      return session
    }
    const found: Found[] = []
    for (const { failure, indices } of this.#failures.values()) {
      const again = await this.#again(failure, indices, usable)
      found.push({
        ...(again ? await shrink(again.failure, usable, shrinkMs) : failure),
        indices,
        again: again?.index,
      })
    }
    await session.close()
    return found
  }
}

interface Weight {
  readonly heapBytes: number
  readonly ownBytes: number
  readonly stallMs: number
  readonly sockets: number
}

const weigh = async ({ subject }: Session): Promise<Weight> => {
  const { heapBytes, bufferBytes, rssBytes, stallMs, sockets } = await subject.measure(answerMs)
  return {
    heapBytes: heapBytes + bufferBytes,
    ownBytes: (await subject.residentBytes()) ?? rssBytes,
    stallMs,
    sockets,
  }
}

/** What is left when every client has gone. @throws Finding Z12 when the server does not notice that they have */
const settled = async (session: Session): Promise<Weight> => {
  const deadline = Date.now() + answerMs
  let stallMs = 0
  for (;;) {
    const weight = await weigh(session)
    stallMs = Math.max(stallMs, weight.stallMs)
    if (weight.sockets === 0) return { ...weight, stallMs }
    if (Date.now() > deadline)
      throw new Finding('Z12', `${weight.sockets} connections are open whose clients are gone`)
    await new Promise(resolve => {
      setTimeout(resolve, 100)
    })
  }
}
