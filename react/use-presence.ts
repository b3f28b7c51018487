import { useCallback, useMemo } from 'react'
import type { DurableStreamsProvider } from '../provider/index.ts'
import { same } from './same.ts'
import { type Source, useSelected } from './use-selected.ts'

/** What somebody shows of themselves: JSON that came over the network, from whoever may edit the document. */
export type PresenceState = Readonly<Record<string, unknown>>

export interface Presence {
  /** Everybody who is here, this client too, by Yjs client id. */
  readonly states: ReadonlyMap<number, PresenceState>
  /** What others see of this client; null when that is nothing. */
  readonly own: PresenceState | null
}

/** Sets these fields of what others see of this client and leaves the rest, which may be an editor's; null takes it all away. */
export type SetPresence = (fields: PresenceState | null) => void

const nobody: Presence = { states: new Map(), own: null }
const whole = (presence: Presence): Presence => presence

/**
 * Who is here, or what `select` makes of it, and how to say who we are. Without `select` each move of anybody's cursor renders
 * again; with it only what changes the selection. The setter is a new one when the provider is.
 */
export function usePresence(
  provider: DurableStreamsProvider | undefined,
): readonly [presence: Presence, set: SetPresence]
export function usePresence<Selected>(
  provider: DurableStreamsProvider | undefined,
  select: (presence: Presence) => Selected,
): readonly [selected: Selected, set: SetPresence]
export function usePresence(
  provider: DurableStreamsProvider | undefined,
  select: (presence: Presence) => unknown = whole,
): readonly [unknown, SetPresence] {
  const awareness = provider?.awareness
  const source = useMemo(() => sourceOf(provider), [provider])
  const selected = useSelected(source, select, nobody)
  const set = useCallback<SetPresence>(
    fields => awareness?.setLocalState(fields && { ...awareness.getLocalState(), ...fields }),
    [awareness],
  )
  return [selected, set]
}

const sourceOf = (provider: DurableStreamsProvider | undefined): Source<Presence> => {
  const awareness = provider?.awareness
  let last = nobody
  return {
    subscribe(changed) {
      awareness?.on('change', changed)
      return () => awareness?.off('change', changed)
    },
    read() {
      if (!awareness) return nobody
      const own: PresenceState | null = awareness.getLocalState()
      const states: ReadonlyMap<number, PresenceState> = awareness.getStates()
      // Its map is changed in place: what was handed out must not be.
      if (!same(last, { states, own })) last = { states: new Map(states), own }
      return last
    },
  }
}
