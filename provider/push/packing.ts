import type { StreamError } from '../../client/index.ts'
import { leastPartBytes, ownLimits, type Range, readUpdate, splitUpdate } from '../../protocol/index.ts'
import type { Packed } from '../outbox.ts'

/** One request: below what proxies take by default (1 MiB), and soon repeated where the network is poor. */
const targetBytes = 1_000_000
/** An update this small is within every limit on what one may hold. */
const surelySmall = 16_000
const frameBytes = 8 // around an update in a request, at most

/** Why something is not sent. */
export type KeptBack = 'too-large' | 'rejected'

/** What a server would not take. */
export interface Refused {
  readonly ranges: readonly Range[]
  /** What the smallest request with it would take. */
  readonly bytes: number | undefined
}

/** Makes updates fit for a server whose limits are learnt from what it refuses, and keeps back what it takes in no way. */
export class Packing {
  #most = Number.MAX_SAFE_INTEGER
  #target = targetBytes
  /** What stays behind: per client, from which clock on. */
  readonly #without = new Map<number, number>()
  readonly #left: Range[] = []
  #why: KeptBack | undefined
  readonly #onTooLarge: (refused: Refused) => void

  /** @param onTooLarge called for what cannot be cut and is larger than the server takes */
  constructor(onTooLarge: (refused: Refused) => void) {
    this.#onTooLarge = onTooLarge
  }

  /** Why something stays behind; undefined when nothing does. */
  get keepsBack(): KeptBack | undefined {
    return this.#why
  }

  /** Everything is tried again. */
  forget(): void {
    this.#without.clear()
    this.#left.length = 0
    this.#why = undefined
  }

  /** As `Pack`: looks at everything anew once something that stays behind was deleted. */
  pack(update: Uint8Array): Packed | undefined {
    if (!this.keepsBack && update.length <= Math.min(surelySmall, this.#target))
      return { updates: [update], leftBytes: 0 }
    if (this.keepsBack) {
      const { deletes } = readUpdate(update, ownLimits)
      if (this.#left.some(range => deletes.of(range.client).some(deleted => overlap(range, deleted)))) {
        this.forget()
        return undefined
      }
    }
    const { parts, tooLarge, leftBytes } = splitUpdate(update, {
      most: this.#most,
      target: this.#target,
      without: this.#without,
    })
    if (tooLarge.length > 0) {
      for (const range of tooLarge) this.#keepBack(range, 'too-large')
      this.#onTooLarge({ ranges: tooLarge, bytes: Math.max(...tooLarge.map(({ bytes }) => bytes)) })
    }
    return { updates: parts, leftBytes }
  }

  /**
   * A request with this update was larger than the server takes.
   * @returns false when there is no less to try
   */
  shrink(update: Uint8Array, error: StreamError): boolean {
    const told = Number(error.details.error?.['limit'])
    const limit = told > 0 && told < update.length + frameBytes ? told - frameBytes : undefined
    this.#most = Math.min(this.#most, limit ?? update.length - 1)
    this.#target = Math.min(this.#target, limit ?? Math.ceil(update.length / 2))
    return this.#target >= leastPartBytes && this.#most >= this.#target
  }

  /** An update that was refused for what is in it, in at least two parts; undefined when it is down to what is refused. */
  divide(update: Uint8Array): readonly Uint8Array[] | undefined {
    const { structs, structCount } = readUpdate(update, ownLimits)
    if (structCount === 1 && !structs.isEmpty) return undefined
    const half = Math.max(leastPartBytes, Math.ceil(update.length / 2))
    const { parts } = splitUpdate(update, { most: Math.max(half, update.length), target: half })
    return parts.length > 1 ? parts : undefined
  }

  /** This is refused, and cannot be divided. @returns what then stays behind; undefined when it only deletes */
  refuse(update: Uint8Array): Refused | undefined {
    const { structs } = readUpdate(update, ownLimits)
    if (structs.isEmpty) return undefined
    const ranges = [...structs]
    for (const range of ranges) this.#keepBack(range, 'rejected')
    return { ranges, bytes: undefined }
  }

  #keepBack(range: Range, why: KeptBack): void {
    const { client, clock } = range
    this.#why = why
    this.#left.push(range)
    this.#without.set(client, Math.min(clock, this.#without.get(client) ?? clock))
  }
}

const overlap = (a: Range, b: Range): boolean => a.clock < b.clock + b.length && b.clock < a.clock + a.length
