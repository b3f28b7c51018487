import { pino } from 'pino'
import { DefaultAwareness, Query } from '../../protocol/index.ts'
import type { Authorize } from '../../server/access/question.ts'
import { createApp } from '../../server/app.ts'
import { defaultLimits, type Limits } from '../../server/limits.ts'
import { openMemoryStore } from '../../server/store/memory.ts'
import { Streams } from '../../server/streams/streams.ts'
import type { World } from '../../server/world.ts'
import { Causality } from '../../server/yjs/causality.ts'
import { compact } from '../../server/yjs/compact.ts'
import { Compactor } from '../../server/yjs/compactor.ts'
import { Documents } from '../../server/yjs/documents.ts'
import { type DocumentName, logStream, presenceStream } from '../../server/yjs/names.ts'
import type { Offload } from '../../server/yjs/offload.ts'
import { Presence } from '../../server/yjs/presence.ts'
import { Snapshots } from '../../server/yjs/snapshots.ts'
import type { Chance } from './chance.ts'
import { type Clock, Life } from './clock.ts'
import type { Disk, DiskSpeed } from './disk.ts'
import type { Trace } from './trace.ts'

export interface ServerPlan {
  readonly document: DocumentName
  readonly disk: DiskSpeed
  readonly limits: Partial<Limits>
  readonly compactBytes: number
  /** How long one compaction takes at most. */
  readonly compactMs: number
  readonly graceMs: number
  /** Whether the log is trimmed below its snapshot, once the grace is over. */
  readonly trims: boolean
}

export interface ServerWorld {
  readonly plan: ServerPlan
  readonly clock: Clock
  readonly disk: Disk
  readonly chance: Chance
  readonly trace: Trace
  readonly authorize: Authorize | undefined
}

const sweepMs = 10_000
const sweepLimit = 1_000

/** A server process, from its start to its end. */
export interface Incarnation {
  readonly life: Life
  readonly handle: (request: Request) => Promise<Response>
  /** Called when the process ends: connections it had are gone. */
  readonly connections: Set<() => void>
  readonly streams: Streams
  readonly documents: Documents
  readonly compactor: Compactor
  ready: boolean
}

/** The real server over a disk that outlives it. */
export class SimulatedServer {
  readonly #plan: ServerPlan
  readonly #clock: Clock
  readonly #disk: Disk
  readonly #chance: Chance
  readonly #trace: Trace
  readonly #authorize: Authorize | undefined
  /** Those that run, the newest last. */
  readonly #running: Incarnation[] = []
  snapshots = 0
  trims = 0

  constructor({ plan, clock, disk, chance, trace, authorize }: ServerWorld) {
    this.#plan = plan
    this.#clock = clock
    this.#disk = disk
    this.#chance = chance
    this.#trace = trace
    this.#authorize = authorize
  }

  /** The process that was started last; undefined while none runs. */
  get current(): Incarnation | undefined {
    return this.#running.at(-1)
  }

  /** Whether exactly one runs, or none, and none is about to end. */
  get isSettled(): boolean {
    return this.#running.length <= 1 && this.#running.every(({ ready }) => ready)
  }

  /** Which process gets a request. Presence is of one process, documents are of all. */
  route(url: URL): Incarnation | undefined {
    const { current } = this
    const [oldest] = this.#running
    return url.searchParams.has(Query.awareness) || this.#chance.happens(0.5) ? current : oldest
  }

  start(): void {
    if (this.current) return
    this.#trace.note('server', 'starts')
    this.#running.push(this.#boot())
  }

  /** Ends every process between two instants: nothing is flushed, answered or said goodbye to. */
  crash(): void {
    if (!this.current) return
    this.#trace.note('server', 'crashes')
    for (const incarnation of [...this.#running]) this.#end(incarnation)
  }

  /** Starts a second process over the same disk; the first goes on for a while. */
  overlap(ms: number): void {
    const [first] = this.#running
    if (!first || this.#running.length > 1) return
    this.#trace.note('server', `is joined by another for ${ms} ms`)
    this.#running.push(this.#boot())
    first.life.after(ms, () => {
      this.#trace.note('server', 'is succeeded')
      this.#end(first)
      this.start()
    })
  }

  /** Stops as an operator stops it; `stopped` when nothing is under way any more. */
  drain(stopped: () => void): void {
    const leaving = this.current
    if (!leaving?.ready) return
    this.#trace.note('server', 'drains')
    leaving.ready = false
    const { streams, documents, life } = leaving
    void Promise.all([streams.drain(), documents.presence.streams.drain()]).then(() => {
      if (life.over) return
      this.#trace.note('server', 'stops')
      this.#end(leaving)
      stopped()
    })
  }

  /** Live readers of the document and its presence. */
  get readers(): number {
    const { document } = this.#plan
    let count = 0
    for (const { streams, documents } of this.#running) {
      count += streams.readers(logStream(document))
      count += documents.presence.streams.readers(presenceStream(document, DefaultAwareness))
    }
    return count
  }

  #end(incarnation: Incarnation): void {
    this.#running.splice(this.#running.indexOf(incarnation), 1)
    incarnation.life.end()
    const connections = [...incarnation.connections]
    incarnation.connections.clear()
    for (const reset of connections) reset()
  }

  #boot(): Incarnation {
    const { disk, compactBytes, graceMs } = this.#plan
    const life = new Life(this.#clock)
    const chance = this.#chance.fork()
    // A server's clock may be set back while it is down.
    const skewMs = chance.oneOf([0, 0, 0, -60_000])
    const world: World = {
      now: () => life.now() + skewMs,
      steady: () => life.now(),
      random: chance.real,
      after: life.after,
    }
    // Room for every caller there is; the default's costs time at every start.
    const limits = { ...defaultLimits, callersTracked: 100, ...this.#plan.limits }
    const logger = pino(
      { level: 'error', base: null, timestamp: false },
      { write: line => this.#blame(line) },
    )
    const { readBytes } = limits
    const streams = new Streams({ store: this.#disk.mount(life, chance.fork(), disk), world, readBytes })
    const snapshots = new Snapshots(streams)
    const offload = this.#offload(life, chance.fork())
    const compactor = new Compactor({
      streams,
      snapshots,
      offload,
      world,
      logger,
      compactBytes,
      graceMs,
      mostFailures: limits.compactFailures,
    })
    const memory = openMemoryStore({ firstGeneration: world.now() })
    const presence = new Presence(new Streams({ store: memory, world, readBytes }), limits, world)
    const documents = new Documents({
      streams,
      snapshots,
      compactor,
      causality: new Causality({ streams, snapshots, clients: limits.causalClients }),
      presence,
      limits,
    })
    const app = createApp({
      streams,
      documents,
      limits,
      world,
      logger,
      origins: [],
      authorize: this.#authorize,
      ready: () => incarnation.ready,
    })
    const incarnation: Incarnation = {
      life,
      handle: async request => app.fetch(request),
      connections: new Set(),
      streams,
      documents,
      compactor,
      ready: true,
    }
    this.#sweep(incarnation)
    if (this.#plan.trims) this.#trim(incarnation, 0)
    return incarnation
  }

  /** A server that reports an error has met something it did not foresee. */
  #blame(line: string): void {
    this.#trace.fail('server', `logged ${line.trim()}`)
  }

  #offload(life: Life, chance: Chance): Offload {
    return {
      run: async prefix => {
        await life.delay(chance.whole(0, this.#plan.compactMs))
        const bytes = compact(prefix)
        this.snapshots++
        this.#trace.note('server', `compacts ${prefix.tail.length} bytes of log into ${bytes.length}`)
        return bytes
      },
      close: () => Promise.resolve(),
    }
  }

  #sweep({ life, streams, documents }: Incarnation): void {
    const next = () =>
      life.after(sweepMs, () => {
        void streams
          .sweep(sweepLimit)
          .then(() => documents.presence.sweep(sweepLimit))
          .then(next)
      })
    next()
  }

  /** Below a snapshot the log may go, when it has been the current one for so long that no reader was sent elsewhere. */
  #trim({ life, documents, streams }: Incarnation, seen: number): void {
    const { document, graceMs } = this.#plan
    life.after(graceMs, async () => {
      const found = await documents.snapshots.current(document)
      const position = found?.pointer?.position ?? 0
      if (found && seen > found.state.start) {
        const trimmed = await streams.trim(logStream(document), found.state.generation, seen)
        if (trimmed) {
          this.trims++
          this.#trace.note('server', `trims the log below ${seen}`)
        }
      }
      if (!life.over) this.#trim({ life, documents, streams } as Incarnation, position)
    })
  }
}
