import type { Clock } from './clock.ts'

/** What happened, when and to whom, and what must not have. */
export class Trace {
  readonly lines: string[] = []
  readonly #clock: Clock
  readonly #write: (line: string) => void
  #failure: string | undefined

  constructor(clock: Clock, write: (line: string) => void = () => undefined) {
    this.#clock = clock
    this.#write = write
  }

  note(who: string, what: string): void {
    const line = `${(this.#clock.elapsed / 1000).toFixed(3).padStart(9)}  ${who.padEnd(6)} ${what}`
    this.lines.push(line)
    this.#write(line)
  }

  /** The first one counts: what comes after it is mostly its consequence. */
  fail(who: string, what: string): void {
    this.note(who, `FAILED: ${what}`)
    this.#failure ??= `${who}: ${what} (at ${(this.#clock.elapsed / 1000).toFixed(3)} s)`
  }

  /** The first thing that must not have happened. */
  get failure(): string | undefined {
    return this.#failure
  }
}
