import type { Emitter } from './emitter.ts'
import type { Guard } from './guard.ts'
import { type Cue, nextPhase, type Phase, type Status, statusOf } from './phase.ts'
import type { Replica } from './replica.ts'
import { type Standing, type Unsaved, whyOf } from './unsaved.ts'

interface Told {
  readonly saved: boolean
  readonly synced: boolean
  readonly readOnly: boolean
}

/** What a provider says of itself: worked out from where it stands, and each change told once. */
export class State {
  readonly #emitter: Emitter
  readonly #replica: Replica
  /** Has the browser ask before the page is closed. */
  readonly #guard: Guard | undefined
  #phase: Phase = 'idle'
  #standing: Standing = 'sending'
  #told: Told

  constructor(emitter: Emitter, replica: Replica, guard: Guard | undefined) {
    this.#emitter = emitter
    this.#replica = replica
    this.#guard = guard
    this.#told = { saved: this.saved, synced: this.synced, readOnly: this.readOnly }
    guard?.set(!this.saved)
  }

  get phase(): Phase {
    return this.#phase
  }

  get status(): Status {
    return statusOf[this.#phase]
  }

  get standing(): Standing {
    return this.#standing
  }

  get saved(): boolean {
    return this.#replica.outbox.saved
  }

  get unsaved(): Unsaved | undefined {
    const { unsaved } = this.#replica.outbox
    return unsaved && { ...unsaved, why: whyOf(this.#phase, this.#standing) }
  }

  get readOnly(): boolean {
    return this.#standing === 'read-only'
  }

  get synced(): boolean {
    return this.#phase === 'live' && this.saved
  }

  cue(cue: Cue): void {
    const before = this.#phase
    this.#phase = nextPhase[before][cue]
    if (statusOf[before] !== this.status) this.#emitter.emit('status', [{ status: this.status }])
    this.tell()
  }

  stand(standing: Standing): void {
    this.#standing = standing
    this.tell()
  }

  /** Something may have changed. */
  tell(): void {
    const { saved, synced, readOnly } = this
    const before = this.#told
    this.#told = { saved, synced, readOnly }
    this.#guard?.set(!saved)
    if (saved !== before.saved) this.#emitter.emit('saved', [saved])
    if (synced !== before.synced) this.#emitter.emit('sync', [synced])
    if (readOnly !== before.readOnly) this.#emitter.emit('readonly', [readOnly])
  }

  end(): void {
    this.#guard?.end()
  }
}
