import type { ProducerBatch, StreamState } from './state.ts'

/** Refusals are answers, not exceptions; one table per verb turns them into statuses. */
export type CreateOutcome =
  | { readonly kind: 'created' | 'exists'; readonly state: StreamState }
  | { readonly kind: 'mismatch'; readonly state: StreamState }
  | { readonly kind: 'badBody'; readonly reason: string }
  /** The name is taken by a deleted stream that forks still hold. */
  | { readonly kind: 'deleted' }

export type ForkOutcome = CreateOutcome | ForkRefusal

/** Why a source cannot be forked as asked. */
export type ForkRefusal =
  | { readonly kind: 'sourceMissing' | 'sourceDeleted' }
  | { readonly kind: 'wrongContentType'; readonly expected: string }
  | { readonly kind: 'tooDeep'; readonly deepest: number }
  | { readonly kind: 'badPoint'; readonly why: Unplaced }
  /** The append at the fork point, if there is one, is shorter than that. */
  | { readonly kind: 'badSubOffset' }
  | { readonly kind: 'badBody'; readonly reason: string }

export type AppendOutcome =
  | { readonly kind: 'missing' | 'deleted' }
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
  /** What its sender had read is not of this stream. */
  | { readonly kind: 'strayed'; readonly why: Unplaced }

/** Where a read begins, or why it cannot. */
export type LocateOutcome =
  | { readonly kind: 'at'; readonly position: number }
  | { readonly kind: 'malformed' }
  | { readonly kind: 'gone'; readonly reason: GoneReason }
  | { readonly kind: 'beyond' }

/** Why an offset is no place to read from. */
export type Unplaced = Exclude<LocateOutcome, { kind: 'at' }>

/** Why bytes that an offset named are no more. */
export type GoneReason = 'trimmed' | 'recreated'
