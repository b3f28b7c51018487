import type { ProducerBatch, StreamState } from './state.ts'

/** Refusals are answers, not exceptions; one table per verb turns them into statuses. */
export type CreateOutcome =
  | { readonly kind: 'created' | 'exists'; readonly state: StreamState }
  | { readonly kind: 'mismatch'; readonly state: StreamState }
  | { readonly kind: 'badBody'; readonly reason: string }

export type AppendOutcome =
  | { readonly kind: 'missing' }
  | { readonly kind: 'appended'; readonly state: StreamState }
  | { readonly kind: 'accepted'; readonly state: StreamState; readonly producer: ProducerBatch }
  | { readonly kind: 'duplicate'; readonly state: StreamState; readonly producer: ProducerBatch }
  | { readonly kind: 'closed'; readonly state: StreamState }
  | { readonly kind: 'emptyBody' }
  | { readonly kind: 'badBody'; readonly reason: string }
  | { readonly kind: 'noContentType' }
  | { readonly kind: 'wrongContentType'; readonly expected: string }
  | { readonly kind: 'seqRegression'; readonly last: string }
  | { readonly kind: 'fenced'; readonly epoch: number }
  | { readonly kind: 'badStart' }
  | { readonly kind: 'gap'; readonly expected: number; readonly received: number }

/** Where a read begins, or why it cannot. */
export type LocateOutcome =
  | { readonly kind: 'at'; readonly position: number }
  | { readonly kind: 'malformed' }
  | { readonly kind: 'gone'; readonly reason: GoneReason }
  | { readonly kind: 'beyond' }

/** Why bytes that an offset named are no more. */
export type GoneReason = 'trimmed' | 'recreated'
