import type { Emitter } from './emitter.ts'
import type { Guard } from './guard.ts'
import { type Cue, nextPhase, type Phase, type Status, statusOf } from './phase.ts'
import type { Replica } from './replica.ts'
import { type Standing, type Unsaved, whyOf } from './unsaved.ts'

interface Told {
  saved: boolean
  sync: boolean
  readonly: boolean
}

/** What a provider says of itself: worked out from where it stands, and each change told once. */
export class State {
  readonly #emitter: Emitter
  readonly #replica: Replica
  /** Has the browser ask before the page is closed. */
  readonly #guard: Guard | undefined
  #phase: Phase = 'idle'
  #standing: Standing = 'sending'
  readonly #told: Told
  #telling = false

  constructor(emitter: Emitter, replica: Replica, guard: Guard | undefined) {
    this.#emitter = emitter
    this.#replica = replica
    this.#guard = guard
    this.#told = { saved: this.saved, sync: this.synced, readonly: this.readOnly }
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
    this.#guard?.set(!this.saved)
    if (this.#telling) return
    this.#telling = true
    while (
      this.#say('saved', this.saved) ||
      this.#say('sync', this.synced) ||
      this.#say('readonly', this.readOnly)
    );
    this.#telling = false
  }

  /** @returns whether it was news */
  #say(event: keyof Told, is: boolean): boolean {
    if (this.#told[event] === is) return false
    this.#told[event] = is
    this.#emitter.emit(event, [is])
    return true
  }

  end(): void {
    this.#guard?.end()
  }
}
