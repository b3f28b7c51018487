interface Timer {
  readonly at: number
  readonly turn: number
  task: (() => void) | undefined
}

const isBefore = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.turn < b.turn)

/** The only time there is: it stands still while anything is being computed and then jumps to the next timer. */
export class Clock {
  static readonly start = Date.UTC(2025, 0, 1)
  readonly #timers: Timer[] = [] // a binary heap
  #now = Clock.start
  #turns = 0

  readonly now = (): number => this.#now

  /** Milliseconds since the simulation began. */
  get elapsed(): number {
    return this.#now - Clock.start
  }

  after(ms: number, task: () => void): () => void {
    const timer: Timer = { at: this.#now + Math.max(0, ms), turn: this.#turns++, task }
    this.#push(timer)
    return () => {
      timer.task = undefined
    }
  }

  /**
   * Lets time pass until `done`, or until `limitMs` are over. `each` is called whenever everything rests.
   * @returns whether it was done in time
   */
  async run(done: () => boolean, limitMs: number, each: () => void = () => undefined): Promise<boolean> {
    const end = this.#now + limitMs
    await rest()
    each()
    while (!done()) {
      const timer = this.#timers[0]
      if (!timer || timer.at > end) {
        this.#now = end
        return false
      }
      this.#pop()
      if (!timer.task) continue
      this.#now = timer.at
      timer.task()
      await rest()
      each()
    }
    return true
  }

  #push(timer: Timer): void {
    const heap = this.#timers
    let at = heap.length
    heap.push(timer)
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above]
      if (!parent || isBefore(parent, timer)) break
      heap[at] = parent
      heap[above] = timer
      at = above
    }
  }

  #pop(): void {
    const heap = this.#timers
    const last = heap.pop()
    if (!last || heap.length === 0) return
    let at = 0
    heap[0] = last
    for (;;) {
      const left = heap[2 * at + 1]
      const right = heap[2 * at + 2]
      const child = right && left && isBefore(right, left) ? 2 * at + 2 : 2 * at + 1
      const lower = heap[child]
      if (!lower || isBefore(last, lower)) return
      heap[at] = lower
      heap[child] = last
      at = child
    }
  }
}

/** Resolves when no promise is left that could go on by itself: what runs after that waits for a timer. */
const rest = async (): Promise<void> => {
  for (let round = 0; round < 2; round++) await new Promise<void>(resolve => setImmediate(resolve))
}

/** What can be frozen: a process, as systems do it, or its page alone, as Chromium does, which lets messages of other tabs through. */
export const freezes = ['process', 'page'] as const
export type Freeze = (typeof freezes)[number]

/** A part of the world that can die: with it die its timers, unnoticed. Frozen, it lets them come too late instead. */
export class Life {
  readonly #clock: Clock
  readonly #pending = new Set<() => void>()
  readonly #atEnd: (() => void)[] = []
  /** What was due while frozen, in order. */
  #late: (() => void)[] | undefined
  #deaf = false
  #over = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  readonly now = (): number => this.#clock.now()

  get over(): boolean {
    return this.#over
  }

  get frozen(): boolean {
    return this.#late !== undefined
  }

  /** Frozen so that not even messages of other tabs are heard. */
  get deaf(): boolean {
    return this.frozen && this.#deaf
  }

  /** Timers that will still fire. */
  get pending(): number {
    return this.#pending.size
  }

  readonly after = (ms: number, task: () => void): (() => void) => {
    if (this.#over) return () => undefined
    const due = () => {
      if (this.#late) this.#late.push(due)
      else if (this.#pending.delete(cancel)) task()
    }
    const stop = this.#clock.after(ms, due)
    const cancel = () => {
      this.#pending.delete(cancel)
      stop()
    }
    this.#pending.add(cancel)
    return cancel
  }

  /** Never resolves when the life ends before. */
  delay(ms: number): Promise<void> {
    return new Promise(resolve => this.after(ms, resolve))
  }

  /** As `Env.sleep`. */
  readonly sleep = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise(resolve => {
      if (signal.aborted) return resolve()
      const done = () => {
        cancel()
        signal.removeEventListener('abort', done)
        resolve()
      }
      const cancel = this.after(ms, done)
      signal.addEventListener('abort', done)
    })

  /** From now on no timer fires. */
  freeze(what: Freeze = 'process'): void {
    this.#late ??= []
    this.#deaf = what === 'process'
  }

  /** What was due meanwhile comes now, all of it, one after another. */
  thaw(): void {
    const late = this.#late ?? []
    this.#late = undefined
    for (const due of late) this.#clock.after(0, due)
  }

  /** Runs `task` when this ends: it is how the rest of the world notices. */
  atEnd(task: () => void): void {
    this.#atEnd.push(task)
  }

  end(): void {
    if (this.#over) return
    this.#over = true
    for (const cancel of [...this.#pending]) cancel()
    for (const task of this.#atEnd.splice(0)) task()
  }
}
