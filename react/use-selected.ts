import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react'
import { same } from './same.ts'

/** Something outside React that is read now and says when it changed. */
export interface Source<State> {
  /** @returns how to stop */
  subscribe(changed: () => void): () => void
  /** The same object until it changed. */
  read(): State
}

/**
 * What `select` makes of a source; renders again only when that says something else. `select` may be a new function, and
 * answer with a new object, each time. On a server, and while hydrating, it is given `initial`.
 */
export const useSelected = <State, Selected>(
  source: Source<State>,
  select: (state: State) => Selected,
  initial: State,
): Selected => {
  const shown = useRef<{ readonly value: Selected } | undefined>(undefined)
  const read = useMemo(() => {
    let seen: { readonly state: State; readonly value: Selected } | undefined
    return (state: State): Selected => {
      if (seen && Object.is(seen.state, state)) return seen.value
      const before = seen ?? shown.current
      const next = select(state)
      seen = { state, value: before && same(before.value, next) ? before.value : next }
      return seen.value
    }
  }, [select])
  const value = useSyncExternalStore(
    source.subscribe,
    () => read(source.read()),
    () => read(initial),
  )
  useEffect(() => {
    shown.current = { value }
  }, [value])
  return value
}
