import { onTestFinished } from 'vitest'
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { DurableStream, settleEnv } from '../../client/index.ts'
import { absentState, Live } from '../../protocol/index.ts'
import { Presence } from '../../provider/presence/presence.ts'
import type { PresenceProblem } from '../../provider/presence/problem.ts'
import { defaultLimits, type Limits } from '../../server/limits.ts'
import { openMemoryStore } from '../../server/store/memory.ts'
import { openApp } from '../http/fixture.ts'
import { FakeWorld } from '../streams/world.ts'
import { d } from '../yjs/fixture.ts'
import { Line, quiet } from './line.ts'

const stepMs = 100

interface Changes {
  readonly added: readonly number[]
  readonly updated: readonly number[]
  readonly removed: readonly number[]
}

/** A server, and tabs that are present in one document of it, in a time of their own. */
export class Room {
  readonly world = new FakeWorld()
  readonly #store = openMemoryStore()
  readonly #limits: Limits
  #app: ReturnType<typeof openApp> | undefined
  #clients = 0

  static async open(limits: Partial<Limits> = {}): Promise<Room> {
    const room = new Room({ ...defaultLimits, ...limits })
    room.start()
    await room.app.send('PUT', d)
    return room
  }

  private constructor(limits: Limits) {
    this.#limits = limits
  }

  get app(): ReturnType<typeof openApp> {
    if (!this.#app) throw new Error('the server does not run')
    return this.#app
  }

  /** Starts the server, which knows the document and nobody in it. */
  start(): void {
    const { world } = this
    this.#app = openApp({
      world,
      store: this.#store,
      presenceStore: openMemoryStore({ firstGeneration: world.now() }),
      limits: this.#limits,
    })
  }

  stop(): void {
    this.#app = undefined
  }

  tab(name: string, { clientID = ++this.#clients } = {}): Tab {
    const { world } = this
    const line = new Line({
      now: () => world.time,
      delay: ms => new Promise(resolve => world.after(ms, resolve)),
      server: () => this.#app && (async request => this.app.app.fetch(request)),
    })
    return new Tab(name, clientID, world, line)
  }

  /** Lets time pass in small steps, in each of which everything happens that can. */
  async pass(ms: number): Promise<void> {
    await quiet()
    for (let left = ms; left > 0; left -= stepMs) {
      await this.world.turn(Math.min(stepMs, left))
      await quiet()
    }
  }
}

/** Somebody's presence, without the document beside it. */
export class Tab {
  readonly nearby = Symbol('nearby')
  readonly origin = Symbol('server')
  readonly line: Line
  readonly awareness: Awareness
  readonly presence: Presence
  readonly problems: PresenceProblem[] = []
  /** How often an application that shows who is there was told of a change by others. */
  changes = 0
  /** Everybody who was ever removed, as the application saw it. */
  readonly removed: number[] = []
  /** How far its wall clock is off. */
  skewMs = 0
  chance = 0.5
  /** Timers of a hidden page end when a multiple of this is over. */
  timersMs = 1
  ended: unknown
  readonly #world: FakeWorld
  #session = new AbortController()

  constructor(name: string, clientID: number, world: FakeWorld, line: Line) {
    const doc = new Y.Doc()
    doc.clientID = clientID
    this.line = line
    this.#world = world
    this.awareness = new Awareness(doc)
    this.awareness.setLocalState({ name })
    const env = settleEnv({
      fetch: line.fetch,
      now: () => world.time + this.skewMs,
      random: () => this.chance,
      sleep: (ms: number, signal: AbortSignal) => this.#sleep(ms, signal),
    })
    const stream = new DurableStream({ url: `http://room.example${d}`, env })
    const { awareness, origin, nearby, problems } = this
    const onProblem = (problem: PresenceProblem) => void problems.push(problem)
    this.presence = new Presence({ awareness, stream, origin, nearby, live: Live.sse, env, onProblem })
    awareness.on('change', ({ removed }: Changes, from: unknown) => {
      if (from === 'local') return
      this.changes++
      this.removed.push(...removed)
    })
    onTestFinished(async () => {
      await this.stop()
      this.presence.destroy()
      this.awareness.destroy()
    })
  }

  get id(): number {
    return this.awareness.clientID
  }

  /** Names of those it sees, itself included. */
  get sees(): readonly string[] {
    return [...this.awareness.getStates().values()].map(({ name }) => String(name)).toSorted()
  }

  run(): void {
    this.#session = new AbortController()
    this.presence.run(this.#session.signal).catch(error => {
      this.ended = error
    })
  }

  /** What a provider does when the page goes or it is told to let go. */
  leave(): void {
    this.presence.goodbye()
    this.presence.forget()
    this.#session.abort()
  }

  /** The connection is dropped without a word. */
  async stop(): Promise<void> {
    this.#session.abort()
    await quiet()
  }

  /** The device is gone: nothing of it reaches anybody. */
  async crash(): Promise<void> {
    this.line.cut()
    await this.stop()
    this.presence.destroy()
  }

  /** Another tab says how it is. */
  hearNearby(client: number, clock: number, state: unknown): void {
    const doc = new Y.Doc()
    doc.clientID = client
    const other = new Awareness(doc)
    other.states.set(client, state as Record<string, unknown>)
    other.meta.set(client, { clock, lastUpdated: 0 })
    if (state === null) other.states.delete(client)
    const update = encodeAwarenessUpdate(other, [client])
    other.destroy()
    applyAwarenessUpdate(this.awareness, update, this.nearby)
  }

  /** States it posted of a client, the parsed last part of each. */
  said(client = this.id): readonly unknown[] {
    return this.line.posts
      .flatMap(({ words }) => words)
      .filter(word => word.client === client)
      .map(({ state }) => (state === absentState ? null : JSON.parse(state)))
  }

  #sleep(ms: number, signal: AbortSignal): Promise<void> {
    const at = this.#world.time + ms
    const due = Math.ceil(at / this.timersMs) * this.timersMs
    return new Promise(resolve => {
      if (signal.aborted) return resolve()
      const done = () => {
        cancel()
        signal.removeEventListener('abort', done)
        resolve()
      }
      const cancel = this.#world.after(due - this.#world.time, done)
      signal.addEventListener('abort', done)
    })
  }
}

/** Several tabs that see each other. */
export const together = async (room: Room, ...names: readonly string[]): Promise<readonly Tab[]> => {
  const tabs = names.map(name => room.tab(name))
  for (const tab of tabs) tab.run()
  await room.pass(500)
  return tabs
}
