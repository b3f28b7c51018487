import type { Env, StreamError } from '../../client/index.ts'
import { ErrorCode } from '../../protocol/index.ts'
import { verdictOn } from '../condition.ts'
import { type ProviderError, refusalOf } from '../error.ts'
import type { Flight, Packed } from '../outbox.ts'
import type { Replica } from '../replica.ts'
import { type KeptBack, Packing, type Refused } from './packing.ts'

export interface LesseningParts {
  readonly replica: Replica
  readonly env: Pick<Env, 'now'>
  /** Something stays behind from now on. */
  onKeptBack(why: KeptBack): void
  onProblem(error: ProviderError): void
}

/** Refusals for what is in a request, so that a part of it may be taken. */
const ofContent: ReadonlySet<string> = new Set<string>([ErrorCode.malformedUpdate, ErrorCode.invalidRequest])

/** So many single edits are left behind in a session; a server that refuses more refuses everything. */
const mostRefusals = 8

/** How sending goes on with less when the server does not take all of it: in smaller requests, or without what is refused. */
export class Lessening {
  readonly #parts: LesseningParts
  readonly #packing: Packing
  /** What was told to stay behind already: by client and clock. */
  readonly #told = new Set<string>()
  /** Updates refused for what is in them, in this session. */
  #refusals = 0
  /** The last refusal because a request was too large. */
  #tooLarge: StreamError | undefined

  constructor(parts: LesseningParts) {
    this.#parts = parts
    this.#packing = new Packing(refused => this.#leaveBehind(refused, 'too-large', this.#tooLarge))
  }

  /** Why something stays behind; undefined when nothing does. */
  get keepsBack(): KeptBack | undefined {
    return this.#packing.keepsBack
  }

  /** A session begins: everything is tried again. */
  begin(): void {
    this.#packing.forget()
    this.#refusals = 0
  }

  /** As `Packing.pack`. */
  pack(update: Uint8Array): Packed | undefined {
    return this.#packing.pack(update)
  }

  /** Whether sending goes on after this refusal. What is sent next is then in the outbox. */
  canDoWithout(error: StreamError, { updates }: Flight): boolean {
    const { replica, env } = this.#parts
    const [update] = updates
    if (!update) return false
    if (verdictOn(error, 'append').condition === 'too-large') {
      if (!this.#packing.shrink(update, error)) return false
      this.#tooLarge = error
    } else {
      if (!ofContent.has(error.code)) return false
      const smaller = this.#packing.divide(update)
      if (smaller) {
        replica.outbox.divide(smaller)
        return true
      }
      if (++this.#refusals > mostRefusals) return false
      const refused = this.#packing.refuse(update)
      if (!refused) return false
      this.#leaveBehind(refused, 'rejected', error)
    }
    replica.outbox.recall(env.now())
    return true
  }

  #leaveBehind(refused: Refused, why: KeptBack, error: StreamError | undefined): void {
    const { onKeptBack, onProblem } = this.#parts
    onKeptBack(why)
    const keys = refused.ranges.map(({ client, clock }) => `${client} ${clock}`)
    if (!error || keys.every(key => this.#told.has(key))) return
    for (const key of keys) this.#told.add(key)
    onProblem(refusalOf(error, 'append', refused))
  }
}
