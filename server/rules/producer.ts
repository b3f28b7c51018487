import type { ProducerBatch } from './state.ts'

/** The last batch accepted of a producer, and when. */
export interface Seen {
  readonly epoch: number
  readonly seq: number
  readonly at: number
}

export type Verdict = 'accept' | 'duplicate' | 'fenced' | 'gap' | 'badStart'

/**
 * PROTOCOL 5.2.1, with lastSeq = -1 and epoch = 0 for a producer never seen. A gap is refused, not parked: holding later
 * batches would let an absent client occupy memory.
 * - P1 An older epoch is fenced.
 * - P2 A newer epoch starts at sequence 0.
 * - P3 A sequence number seen before is a duplicate.
 * - P4 The next one is accepted.
 * - P5 One further on leaves a gap.
 */
export const admit = (last: Seen | undefined, batch: Pick<ProducerBatch, 'epoch' | 'seq'>): Verdict => {
  const { epoch, seq } = last ?? { epoch: 0, seq: -1 }
  if (batch.epoch < epoch) return 'fenced'
  if (batch.epoch > epoch) return batch.seq === 0 ? 'accept' : 'badStart'
  if (batch.seq <= seq) return 'duplicate'
  return batch.seq === seq + 1 ? 'accept' : 'gap'
}
