/** Something for somebody who waits. Nobody is woken later by one that nobody waited for: look first, then wait. */
export class Nudge {
  #wake: () => void = () => undefined

  give(): void {
    this.#wake()
  }

  /** Resolves at the next nudge, or when `signal` fires. */
  wait(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const done = () => {
        signal.removeEventListener('abort', done)
        this.#wake = () => undefined
        resolve()
      }
      this.#wake = done
      signal.addEventListener('abort', done)
      if (signal.aborted) done()
    })
  }
}
