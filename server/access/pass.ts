import type { Limits } from '../limits.ts'
import type { World } from '../world.ts'
import type { Allowances } from './allowances.ts'
import type { Ruling } from './guard.ts'

export type Refused = Exclude<Ruling, { kind: 'allowed' }>

export interface PassParts {
  /** Whose allowance the request counts against. */
  readonly key: string
  /** When the permission ends, in milliseconds since 1970. */
  readonly expiresAt: number
  /** Asks for the permission again; undefined where everything is allowed. */
  readonly ask: (() => Promise<Ruling>) | undefined
  readonly allowances: Allowances
  readonly limits: Pick<Limits, 'recheckMs'>
  readonly world: World
}

/** A request that was let in: for how long, and what its caller may use meanwhile. */
export class Pass {
  readonly #parts: PassParts

  constructor(parts: PassParts) {
    this.#parts = parts
  }

  /**
   * For an answer that stays open: asks again within every `recheckMs` and when the permission ends, until that is refused.
   * @returns how to stop
   */
  watch(onRefused: (refused: Refused) => void): () => void {
    const { ask, world, limits } = this.#parts
    if (!ask) return () => undefined
    let stopped = false
    let cancel: () => void = () => undefined
    const check = async () => {
      const ruling = await ask()
      if (stopped) return
      if (ruling.kind === 'allowed') wait(ruling.expiresAt)
      else onRefused(ruling)
    }
    const wait = (expiresAt: number) => {
      // Spread, so that readers who came together are not asked about together.
      const soon = limits.recheckMs * (0.5 + 0.5 * world.random())
      cancel = world.after(Math.min(soon, expiresAt - world.now()), () => void check())
    }
    wait(this.#parts.expiresAt)
    return () => {
      stopped = true
      cancel()
    }
  }

  /** One more live reader of this caller. @returns how to leave, or undefined when there are enough */
  sit(): (() => void) | undefined {
    return this.#parts.allowances.liveReaders.take(this.#parts.key)
  }

  /** A body of so many bytes is about to be read, or of nobody knows how many when 0. @returns as `Buckets.take` */
  begin(bytes: number): number {
    return this.#parts.allowances.bytes.take(this.#parts.key, bytes)
  }

  /** Bytes of a body that nobody announced. */
  spend(bytes: number): void {
    this.#parts.allowances.bytes.spend(this.#parts.key, bytes)
  }
}
