import type { Env } from '../../client/index.ts'
import type { Cue } from '../phase.ts'
import type { Standing } from '../unsaved.ts'
import type { HandshakeParts } from './handshake.ts'
import type { Lineage } from './lineage.ts'
import type { Problem, Said } from './message.ts'
import type { Channel, Locks } from './origin.ts'
import type { Roster } from './roster.ts'

/** What a tab needs to take part in a group, and whom it tells of what it hears there. */
export interface SeatParts extends HandshakeParts {
  /** Of the origin's locks and channel: one for all tabs that share the document. */
  readonly name: string
  readonly locks: Locks
  readonly channel: Channel
  readonly env: Env
  /** How the link to the server is doing, as the leader says. */
  onCue(cue: Cue): void
  /** Another tab sends for this one from now on. */
  onFollow(): void
  /** The leader met this, and tries again. */
  onProblem(problem: Problem): void
  /** How the leader's sending goes: as known here, and when it changed. */
  standing(): Standing
  onStanding(standing: Standing): void
  /** Who is in the group, or who leads it, changed. */
  onTabs(): void
  /** What must not happen. */
  onDefect(cause: unknown): void
}

/** One stay of a tab in a group: what following and leading have in common. */
export interface Stay extends SeatParts {
  readonly id: string
  /** Fires when it ends. */
  readonly signal: AbortSignal
  readonly roster: Roster
  readonly lineage: Lineage
  say(said: Said): void
}
