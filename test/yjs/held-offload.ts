import { compact, type Prefix } from '../../server/yjs/compact.ts'
import type { Offload } from '../../server/yjs/offload.ts'
import { settled } from '../streams/world.ts'

interface Run {
  readonly prefix: Prefix
  resolve(bytes: Uint8Array): void
  reject(error: Error): void
}

/** Compaction that is over when the test says so, and as the test says. */
export class HeldOffload implements Offload {
  /** Every prefix there was to compact. */
  readonly prefixes: Prefix[] = []
  closed = false
  readonly #under: Run[] = []

  get running(): number {
    return this.#under.length
  }

  run(prefix: Prefix): Promise<Uint8Array> {
    this.prefixes.push(prefix)
    return new Promise((resolve, reject) => this.#under.push({ prefix, resolve, reject }))
  }

  async close(): Promise<void> {
    this.closed = true
    for (const { reject } of this.#under.splice(0)) reject(new Error('closed'))
  }

  /** The longest running one is done. */
  async finish(): Promise<void> {
    const run = this.#under.shift()
    run?.resolve(compact(run.prefix))
    await settled()
  }

  async fail(): Promise<void> {
    this.#under.shift()?.reject(new Error('it would not'))
    await settled()
  }
}
