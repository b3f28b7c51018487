import type { Tally } from './outbox.ts'
import type { Phase } from './phase.ts'

/** How sending goes, where there is a connection. */
export type Standing =
  /** What is sent is taken. */
  | 'sending'
  /** The server, or something before it, fails: the same is sent again after a wait. */
  | 'waiting'
  /** This caller may not write. */
  | 'read-only'
  /** Something is larger than the server takes, and stays behind with all that builds on it. */
  | 'too-large'
  /** Something is refused for what it is, and stays behind likewise; or all that is sent is. */
  | 'rejected'

/** Why something is not saved: how sending goes, or that there is no connection, or that the provider stopped. */
export type Why = Standing | 'offline' | 'stopped'

/** What the server has not promised to keep yet. */
export interface Unsaved extends Tally {
  readonly why: Why
}

export const whyOf = (phase: Phase, standing: Standing): Why => why[phase] ?? standing

/** Undefined where it depends on how sending goes. */
const why: Readonly<Record<Phase, Why | undefined>> = {
  idle: 'offline',
  joining: 'offline',
  live: undefined,
  resting: 'offline',
  stopped: 'stopped',
  closed: 'stopped',
}
