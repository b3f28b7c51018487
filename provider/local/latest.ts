/** Runs a task over and over, one at a time. Whoever asks while it runs shares one more run with all who do. */
export class Latest {
  readonly #task: () => Promise<void>
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor(task: () => Promise<void>) {
    this.#task = task
  }

  /** Resolves when a run that began after this call ended. */
  run(): Promise<void> {
    if (this.#running) {
      this.#next ??= this.#running.then(() => {
        this.#next = undefined
        return this.run()
      })
      return this.#next
    }
    this.#running = this.#task().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  /** Resolves when no run is under way or asked for. */
  idle(): Promise<void> {
    return this.#next ?? this.#running ?? Promise.resolve()
  }
}
