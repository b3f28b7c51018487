import { StoreFailure } from './failure.ts'

/** Wraps every durable write of a store. For tests: to count writes, to hold one up, to make one fail. */
export type WriteHook = (write: () => Promise<void>) => Promise<void>

export interface Batches<Draft> {
  /** An empty batch on top of what is durable. Called when no write is under way. */
  open(): Draft
  /** Makes the whole batch durable and visible. What it rejects with ends this store's writing. */
  write(draft: Draft): Promise<void>
  /** Resolves when those who want to be in the next batch have had their turn. */
  gather(): Promise<void>
}

interface Job<Draft> {
  readonly bytes: number
  stage(draft: Draft): void
  settle(): void
  fail(error: unknown): void
}

// A batch ends here so that its flush stays short; what does not fit is in the next one.
const batchJobs = 1_024
const batchBytes = 8 << 20

/**
 * Many commits, one flush (S12): one write is under way at a time, and what arrives meanwhile is the next batch. Commits
 * are decided one after another, in the order they came, on what is durable and what earlier ones of the batch do.
 */
export class GroupCommit<Draft> {
  readonly #batches: Batches<Draft>
  readonly #waiting: Job<Draft>[] = []
  #running: Promise<void> | undefined
  /** Why nothing more is taken. */
  #refusal: StoreFailure | undefined

  constructor(batches: Batches<Draft>) {
    this.#batches = batches
  }

  /**
   * Answers what `stage` answered, once its batch is durable. `stage` decides and adds its writes to the draft; when it
   * throws it must have added nothing, and the others of the batch are none the worse.
   * @throws StoreFailure `failed` for this and everything after once a write failed; `closed`
   */
  add<Result>(bytes: number, stage: (draft: Draft) => Result): Promise<Result> {
    if (this.#refusal) return Promise.reject(this.#refusal)
    return new Promise((resolve, reject) => {
      let result: { readonly value: Result } | undefined
      this.#waiting.push({
        bytes,
        stage: draft => {
          result = { value: stage(draft) }
        },
        settle: () => result && resolve(result.value),
        fail: reject,
      })
      this.#running ??= this.#run()
    })
  }

  /** Resolves when what was added is settled; refuses what comes later (S16). */
  async close(): Promise<void> {
    this.#refusal ??= new StoreFailure('closed', 'the store is closed')
    await this.#running
  }

  async #run(): Promise<void> {
    do {
      await this.#batches.gather()
      await this.#batch()
    } while (this.#waiting.length > 0)
    this.#running = undefined
  }

  async #batch(): Promise<void> {
    const staged: Job<Draft>[] = []
    try {
      const draft = this.#batches.open()
      for (const job of this.#take()) {
        try {
          job.stage(draft)
          staged.push(job)
        } catch (error) {
          job.fail(error)
        }
      }
      await this.#batches.write(draft)
    } catch (cause) {
      this.#stop(cause, staged)
      return
    }
    for (const job of staged) job.settle()
  }

  #take(): readonly Job<Draft>[] {
    let count = 0
    let bytes = 0
    for (const job of this.#waiting) {
      bytes += job.bytes
      if (count > 0 && (bytes > batchBytes || count === batchJobs)) break
      count++
    }
    return this.#waiting.splice(0, count)
  }

  #stop(cause: unknown, staged: readonly Job<Draft>[]): void {
    const failure = new StoreFailure('failed', 'a write failed; this store takes no more', { cause })
    this.#refusal = failure
    for (const job of [...staged, ...this.#waiting.splice(0)]) job.fail(failure)
  }
}
