import type { QueryRecord } from './address.ts'
import type { Mark } from './answer.ts'
import type { Settings } from './settings.ts'

/** What one live answer, or one event pair of it, brought. No bytes: only a mark. */
export interface Step extends Mark {
  readonly bytes: Uint8Array
}

/** What one live request needs to know. */
export interface Course {
  readonly settings: Settings
  readonly offset: string
  readonly cursor: string | undefined
  readonly query: QueryRecord | undefined
  readonly signal: AbortSignal
  readonly silenceMs: number
  /** Whether everything was read already, so that only waiting is left. */
  readonly caughtUp: boolean
  /** Called when the answer has begun. */
  opened(): void
  /** Called whenever something of the answer came, if only a comment. */
  heard(): void
  /** The stream's content type: as declared, or asked for once where the answer itself does not tell. */
  contentType(): Promise<string>
}

/**
 * One live request and its answer, whole steps only, each taken before the next is read. Returns when the server ended
 * the answer in good order; throws StreamError for everything else. Whoever stops asking for steps ends the request.
 */
export type Link = (course: Course) => AsyncGenerator<Step, void>
