import type { AppendDecision } from './append.ts'
import type { StreamState } from './state.ts'

/** The stream as it was when somebody judged what is about to be appended. */
export interface Basis {
  readonly generation: number
  readonly position: number
  /** Whether the bytes can follow what was there. */
  readonly sound: boolean
}

export type BasisOutcome = { readonly kind: 'moved' } | { readonly kind: 'unsound' }

/**
 * An append that was judged before its turn came, against the stream it meets now. Only what would be written is asked.
 * - B1 What was judged sound stays so while the stream only grows.
 * - B2 A judgement on another life of the name is to be made anew.
 * - B3 What was judged unsound is refused at the tail it was judged at,
 * - B4 and judged anew at any other: what was missing may have come.
 */
export const holdToBasis = (
  decision: AppendDecision,
  state: StreamState,
  { generation, position, sound }: Basis,
): AppendDecision | { readonly outcome: BasisOutcome } => {
  if (!decision.state) return decision
  if (generation !== state.generation) return { outcome: { kind: 'moved' } }
  if (sound) return decision
  return { outcome: { kind: position === state.tail ? 'unsound' : 'moved' } }
}
