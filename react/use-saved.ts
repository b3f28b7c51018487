import { useMemo } from 'react'
import type { DurableStreamsProvider, Unsaved } from '../provider/index.ts'
import { same } from './same.ts'
import { type Source, useSelected } from './use-selected.ts'

export interface Saving {
  /** Whether every local edit is durable on the server; false before there is a provider, which nobody has asked yet. */
  readonly saved: boolean
  /** The local edits that are not. */
  readonly unsaved: Unsaved | undefined
}

const nothingKnown: Saving = { saved: false, unsaved: undefined }
const whole = (saving: Saving): Saving => saving

/** What is saved, or what `select` makes of it: `saved` alone changes less often than what is counted in `unsaved`. */
export function useSaved(provider: DurableStreamsProvider | undefined): Saving
export function useSaved<Selected>(
  provider: DurableStreamsProvider | undefined,
  select: (saving: Saving) => Selected,
): Selected
export function useSaved(
  provider: DurableStreamsProvider | undefined,
  select: (saving: Saving) => unknown = whole,
): unknown {
  const source = useMemo(() => sourceOf(provider), [provider])
  return useSelected(source, select, nothingKnown)
}

/** After these something may be unsaved, or for another reason. */
const telling = ['saved', 'status', 'readonly', 'error'] as const

const sourceOf = (provider: DurableStreamsProvider | undefined): Source<Saving> => {
  let last = nothingKnown
  return {
    subscribe(changed) {
      for (const event of telling) provider?.on(event, changed)
      provider?.doc.on('update', changed)
      return () => {
        for (const event of telling) provider?.off(event, changed)
        provider?.doc.off('update', changed)
      }
    },
    read() {
      const next = provider ? { saved: provider.saved, unsaved: provider.unsaved } : nothingKnown
      if (!same(last, next)) last = next
      return last
    },
  }
}
