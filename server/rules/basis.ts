import type { AppendDecision } from './append.ts'
import type { StreamState } from './state.ts'

/** The stream as it was when somebody judged what is about to be appended. */
export interface Basis {
  readonly generation: number
  readonly position: number
  /** Whether the bytes can follow what was there. */
  readonly sound: boolean
  /**
   * Whether the bytes were made for exactly what was there: they bring structs, without those it held, and bytes of somebody else
   * could bring some of the same. Then the judgement holds only while this server is alone.
   */
  readonly exact: boolean
}

export type BasisOutcome =
  /** To be judged anew, on no less than `state`. */
  { readonly kind: 'moved'; readonly state: StreamState } | { readonly kind: 'unsound' }

/**
 * An append that was judged before its turn came, against the stream it meets now. Only what would be written is asked.
 * - B1 What was judged sound stays so while the stream only grows.
 * - B2 A judgement on another life of the name is to be made anew.
 * - B3 What was judged unsound is refused at the tail it was judged at,
 * - B4 and judged anew at any other: what was missing may have come.
 * - B5 What was judged exact stays so after bytes of the server that judged it: one server judges nothing side by side
 *   that could be the same.
 * - B6 After bytes of any other it is judged anew: they may be the same.
 *
 * @param alone the position from which on all bytes are of this server
 */
export const holdToBasis = (
  decision: AppendDecision,
  state: StreamState,
  { generation, position, sound, exact }: Basis,
  alone: number,
): AppendDecision | { readonly outcome: BasisOutcome } => {
  if (!decision.state) return decision
  if (generation !== state.generation) return { outcome: { kind: 'moved', state } }
  if (!sound) return { outcome: position === state.tail ? { kind: 'unsound' } : { kind: 'moved', state } }
  return exact && position < alone ? { outcome: { kind: 'moved', state } } : decision
}
