/**
 * Where a provider stands.
 * - `idle`: not connected, by choice
 * - `joining`: trying to reach the tail of the log
 * - `live`: at the tail, updates arrive as they are made
 * - `resting`: the link was lost, the next try is waited for
 * - `stopped`: the server refused for good; only `connect()` tries again
 * - `closed`: destroyed
 */
export type Phase = 'idle' | 'joining' | 'live' | 'resting' | 'stopped' | 'closed'

/** What happens to it. `retry`: the wait is over. `refused`: asking again is of no use. */
export type Cue = 'connect' | 'caughtUp' | 'lost' | 'retry' | 'refused' | 'disconnect' | 'destroy'

/** Every square is decided: a new phase or cue compiles only when it is. */
export const nextPhase: Readonly<Record<Phase, Readonly<Record<Cue, Phase>>>> = {
  idle: {
    connect: 'joining',
    caughtUp: 'idle',
    lost: 'idle',
    retry: 'idle',
    refused: 'idle',
    disconnect: 'idle',
    destroy: 'closed',
  },
  joining: {
    connect: 'joining',
    caughtUp: 'live',
    lost: 'resting',
    retry: 'joining',
    refused: 'stopped',
    disconnect: 'idle',
    destroy: 'closed',
  },
  live: {
    connect: 'live',
    caughtUp: 'live',
    lost: 'resting',
    retry: 'live',
    refused: 'stopped',
    disconnect: 'idle',
    destroy: 'closed',
  },
  resting: {
    connect: 'resting',
    caughtUp: 'live',
    lost: 'resting',
    retry: 'joining',
    refused: 'stopped',
    disconnect: 'idle',
    destroy: 'closed',
  },
  stopped: {
    connect: 'joining',
    caughtUp: 'stopped',
    lost: 'stopped',
    retry: 'stopped',
    refused: 'stopped',
    disconnect: 'idle',
    destroy: 'closed',
  },
  closed: {
    connect: 'closed',
    caughtUp: 'closed',
    lost: 'closed',
    retry: 'closed',
    refused: 'closed',
    disconnect: 'closed',
    destroy: 'closed',
  },
}

/** What users of Yjs providers know. Waiting to try again is `connecting`: it goes on by itself. */
export type Status = 'connecting' | 'connected' | 'disconnected'

export const statusOf: Readonly<Record<Phase, Status>> = {
  idle: 'disconnected',
  joining: 'connecting',
  live: 'connected',
  resting: 'connecting',
  stopped: 'disconnected',
  closed: 'disconnected',
}
