import type { StreamError } from './error.ts'

/** How the live link is doing. */
export type LinkState =
  /** A request is under way. `turnover`: the link before it was healthy, and ended, as servers end it every minute. */
  | { readonly phase: 'connecting'; readonly turnover: boolean }
  /** The server answers. `caughtUp` once the caller has taken all there was. */
  | { readonly phase: 'open'; readonly caughtUp: boolean }
  /** The link was lost because of `error`; the next try is in `delayMs`. */
  | { readonly phase: 'waiting'; readonly error: StreamError; readonly delayMs: number }

/** Passes on what is new. */
export const teller = (onLink: ((state: LinkState) => void) | undefined): ((state: LinkState) => void) => {
  let last: LinkState | undefined
  return state => {
    const same =
      (state.phase === 'open' && last?.phase === 'open' && state.caughtUp === last.caughtUp) ||
      (state.phase === 'connecting' && last?.phase === 'connecting')
    last = state
    if (!same) onLink?.(state)
  }
}
