import type { WriteHook } from '../../server/store/group-commit.ts'

/** The moment between a batch and the disk, in the hands of a test. */
export class Disk {
  /** Durable writes so far. */
  writes = 0
  #failing = false
  #held: Promise<void> | undefined
  #arrived: () => void = () => undefined

  readonly hook: WriteHook = async write => {
    this.writes++
    this.#arrived()
    await this.#held
    if (this.#failing) {
      this.#failing = false
      throw new Error('the disk said no')
    }
    await write()
  }

  /** The next write fails, before anything is written. */
  failNext(): void {
    this.#failing = true
  }

  /** Holds writes up from now on. `reached` resolves when there is one; `release` lets it and all others go. */
  hold(): { readonly reached: Promise<void>; release(): void } {
    let release: () => void = () => undefined
    this.#held = new Promise(resolve => {
      release = resolve
    })
    const reached = new Promise<void>(resolve => {
      this.#arrived = resolve
    })
    return { reached, release }
  }
}
